//! Test data: two published keys and two licences.
#![allow(unreachable_pub)]

use ed25519_dalek::{Signer as _, SigningKey};
use jiff::civil::Date;
use licensing::{JwkSet, Kind, License, LicenseFile, PublicKey, Signer, SigningError, SigningFuture};

/// RFC 8032 §7.1, secret key of test 1.
pub const SEED_1: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
/// RFC 8032 §7.1, secret key of test 2.
pub const SEED_2: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";

/// Signs with one of the keys that RFC 8032 publishes.
pub struct Rfc8032 {
    private: SigningKey,
    public: PublicKey,
}

impl Rfc8032 {
    pub fn key_1() -> Self {
        Self::of(SEED_1)
    }

    pub fn key_2() -> Self {
        Self::of(SEED_2)
    }

    fn of(seed: &str) -> Self {
        let private = SigningKey::from_bytes(&bytes(seed));
        Self { public: PublicKey::from_bytes(private.verifying_key().as_bytes()).unwrap(), private }
    }
}

impl Signer for Rfc8032 {
    fn key(&self) -> &PublicKey {
        &self.public
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> SigningFuture<'a> {
        Box::pin(async move { Ok(self.private.sign(message).to_bytes()) })
    }
}

/// A faulty signer: it claims to have key 1, but signs with another key or not at all.
pub struct Broken {
    says: Rfc8032,
    signs: Option<Rfc8032>,
}

impl Broken {
    pub fn signs_with_another_key() -> Self {
        Self { says: Rfc8032::key_1(), signs: Some(Rfc8032::key_2()) }
    }

    pub fn unavailable() -> Self {
        Self { says: Rfc8032::key_1(), signs: None }
    }
}

impl Signer for Broken {
    fn key(&self) -> &PublicKey {
        self.says.key()
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> SigningFuture<'a> {
        match &self.signs {
            Some(signer) => signer.sign(message),
            None => Box::pin(async { Err(SigningError::Unavailable("the key service timed out".into())) }),
        }
    }
}

pub fn bytes(hex: &str) -> [u8; 32] {
    std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
}

pub fn day(date: &str) -> Date {
    date.parse().unwrap()
}

pub fn keys_of(signer: &dyn Signer) -> JwkSet {
    JwkSet::from_iter([signer.key().clone()])
}

/// R95: bought on 14 March 2025 with 12 months of maintenance.
pub fn perpetual() -> License {
    License {
        sen: "SEN-1042".into(),
        product: "example-tracker".into(),
        product_name: "Example Tracker".into(),
        edition: Some("standard".into()),
        tier: Some(100),
        licensee: "Example Customer GmbH".into(),
        kind: Kind::Perpetual,
        purchased: day("2025-03-14"),
        maintenance_end: Some(day("2026-03-14")),
        term_end: None,
        time_zone: "UTC".into(),
        issued_at: "2025-03-14T09:26:53Z".parse().unwrap(),
        key_id: Rfc8032::key_1().key().id().to_string(),
    }
}

/// The same, as a term licence that ends on `end`.
pub fn term(end: &str) -> License {
    License { kind: Kind::Term, maintenance_end: None, term_end: Some(day(end)), ..perpetual() }
}

/// Issued with the key that it names.
pub async fn issued(license: &License) -> LicenseFile {
    LicenseFile::issue(license, &Rfc8032::key_1()).await.unwrap()
}
