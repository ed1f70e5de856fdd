//! A signer whose private key never leaves AWS KMS.

use std::{error::Error, fmt};

use aws_sdk_kms::{
    Client,
    operation::get_public_key::GetPublicKeyOutput,
    primitives::Blob,
    types::{KeySpec, MessageType, SigningAlgorithmSpec},
};
use licensing::{KeyError, PublicKey, Signer, SigningError, SigningFuture};
use runtime::aws;

/// Signs with a key of the spec `ECC_NIST_EDWARDS25519` in KMS: `ED25519_SHA_512` over the message as it is. The
/// prehashed variant is another algorithm, which licence verifiers do not know.
#[derive(Debug)]
pub struct KmsSigner {
    client: Client,
    key_id: String,
    public: PublicKey,
}

/// Why a key in KMS cannot sign licences. After [`NoAnswer`](KmsKeyError::NoAnswer) trying again may help; the others stay
/// until another key is named.
#[derive(thiserror::Error)]
pub enum KmsKeyError {
    /// KMS did not show the public key.
    #[error("KMS does not show the public key ({0}): check the key's id, its state, and the permission kms:GetPublicKey")]
    NoAnswer(String),
    /// The key is for something else.
    #[error("the key in KMS is {}: licences need one of the spec ECC_NIST_EDWARDS25519", .0.as_deref().unwrap_or("of no known spec"))]
    OtherSpec(Option<String>),
    /// What KMS showed is no key.
    #[error("the public key in KMS cannot be used: {0}")]
    Unusable(#[from] KeyError),
}

/// As for people: a `main` that returns it prints it so.
impl fmt::Debug for KmsKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// KMS did not sign, with its error code: `KMS did not sign: DisabledException`.
#[derive(Debug, thiserror::Error)]
#[error("KMS did not sign: {0}")]
struct NotSigned(String);

impl KmsSigner {
    /// Opens the key with this id or ARN: asks KMS for its public part, and refuses a key that cannot sign licences.
    ///
    /// An alias will do, but whoever moves it changes the key under running functions, whose signatures then do not
    /// verify and are not given out.
    pub async fn open(client: Client, key_id: impl Into<String>) -> Result<Self, KmsKeyError> {
        let key_id = key_id.into();
        let shown = client.get_public_key().key_id(&key_id).send().await;
        let public = public_key(&shown.map_err(|error| KmsKeyError::NoAnswer(aws::code(&error)))?)?;
        Ok(Self { client, key_id, public })
    }

    async fn ask(&self, message: &[u8]) -> Result<[u8; 64], SigningError> {
        let signed = self
            .client
            .sign()
            .key_id(&self.key_id)
            .signing_algorithm(SigningAlgorithmSpec::Ed25519Sha512)
            .message_type(MessageType::Raw)
            .message(Blob::new(message))
            .send()
            .await;
        signature(signed.map_err(|error| not_signed(aws::code(&error)))?.signature)
    }
}

impl Signer for KmsSigner {
    fn key(&self) -> &PublicKey {
        &self.public
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> SigningFuture<'a> {
        Box::pin(self.ask(message))
    }
}

fn public_key(shown: &GetPublicKeyOutput) -> Result<PublicKey, KmsKeyError> {
    match &shown.key_spec {
        Some(KeySpec::EccNistEdwards25519) => {}
        other => return Err(KmsKeyError::OtherSpec(other.as_ref().map(|spec| spec.as_str().to_owned()))),
    }
    let der = shown.public_key.as_ref().map(Blob::as_ref).unwrap_or_default();
    Ok(PublicKey::from_spki_der(der)?)
}

fn signature(answer: Option<Blob>) -> Result<[u8; 64], SigningError> {
    let bytes = answer.map(Blob::into_inner).unwrap_or_default();
    bytes.try_into().map_err(|bytes: Vec<u8>| not_signed(format!("a signature of {} bytes", bytes.len())))
}

/// What keeps KMS from signing is mended outside — a throttle, a disabled key, a permission — so the same call may succeed
/// later. The log names it here, since what is told further on is only that there was no signature.
fn not_signed(why: String) -> SigningError {
    let error = NotSigned(why);
    tracing::error!(%error, "a licence waits for its signature");
    SigningError::Unavailable(Box::<dyn Error + Send + Sync>::from(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The public key of RFC 8032, section 7.1, test 1, as RFC 8410 writes it.
    const SPKI: [u8; 44] = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00, 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7,
        0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68,
        0xf7, 0x07, 0x51, 0x1a,
    ];

    fn shown(spec: KeySpec, der: &[u8]) -> GetPublicKeyOutput {
        GetPublicKeyOutput::builder().key_spec(spec).public_key(Blob::new(der)).build()
    }

    #[test]
    fn the_key_that_kms_shows_is_the_one_that_verifies() {
        let key = public_key(&shown(KeySpec::EccNistEdwards25519, &SPKI)).expect("an Ed25519 key");
        assert_eq!(key.as_bytes(), &SPKI[12..]);
    }

    #[test]
    fn a_key_of_another_spec_is_refused_by_name() {
        for (spec, name) in [(KeySpec::Rsa2048, "RSA_2048"), (KeySpec::EccNistP256, "ECC_NIST_P256")] {
            let error = public_key(&shown(spec, &SPKI)).expect_err("not for licences").to_string();
            assert!(error.contains(name) && error.contains("ECC_NIST_EDWARDS25519"), "{error}");
        }
        let silent = GetPublicKeyOutput::builder().public_key(Blob::new(SPKI)).build();
        assert!(matches!(public_key(&silent), Err(KmsKeyError::OtherSpec(None))));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for der in [&SPKI[..43], &SPKI[12..], &[]] {
            let error = public_key(&shown(KeySpec::EccNistEdwards25519, der)).expect_err("no key");
            assert!(matches!(error, KmsKeyError::Unusable(KeyError::NotSpki)), "{error}");
        }
    }

    #[test]
    fn a_failure_of_kms_is_worth_trying_again_and_says_why() {
        let error = not_signed("ThrottlingException".to_owned());
        assert!(error.is_transient());
        assert_eq!(error.source().expect("why").to_string(), "KMS did not sign: ThrottlingException");
    }

    #[test]
    fn only_64_bytes_are_a_signature() {
        assert_eq!(signature(Some(Blob::new([7; 64]))).expect("a signature"), [7; 64]);
        for answer in [None, Some(Blob::new([7; 63])), Some(Blob::new([7; 65]))] {
            assert!(signature(answer).expect_err("none").is_transient());
        }
    }
}
