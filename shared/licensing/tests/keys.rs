//! Public keys, and files of private keys.

use std::{collections::HashSet, fs, io::Write, os::unix::fs::PermissionsExt, path::Path, sync::Barrier, thread};

use super::given::{Rfc8032, SEED_1, bytes, keys_of, perpetual};
use ed25519_dalek::{SigningKey, pkcs8::EncodePublicKey};
use licensing::{FileSigner, JwkSet, KeyError, KeyFileError, License, LicenseFile, PublicKey, Signer, verify};
use serde_json::{Value, json};

/// RFC 8037 appendix A: the same key as a JWK, and its thumbprint.
const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const KID: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

fn published() -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "kid": KID, "use": "sig", "alg": "EdDSA" })
}

fn with(member: &str, value: Value) -> Value {
    let mut jwk = published();
    jwk[member] = value;
    jwk
}

#[test]
fn a_key_id_is_the_thumbprint_that_rfc_8037_publishes() {
    assert_eq!(Rfc8032::key_1().key().id().as_str(), KID);
}

#[test]
fn a_key_set_is_written_as_rfc_8037_says_and_read_back() {
    let set = keys_of(&Rfc8032::key_1());
    let json = serde_json::to_value(&set).unwrap();
    assert_eq!(json, json!({ "keys": [published()] }));
    assert_eq!(serde_json::from_value::<JwkSet>(json).unwrap(), set);
    assert_eq!(set.get(KID), Some(Rfc8032::key_1().key()));
    assert_eq!(set.get("another"), None);
}

#[test]
fn optional_members_may_be_missing_and_unknown_ones_present() {
    let bare = json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "x5u": "https://example.com/key" });
    for jwk in [bare, with("alg", json!("Ed25519"))] {
        assert_eq!(&serde_json::from_value::<PublicKey>(jwk).unwrap(), Rfc8032::key_1().key());
    }
}

#[test]
fn a_key_set_ignores_keys_of_other_types_and_names_every_unusable_one() {
    let rsa = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" });
    let x25519 = json!({ "kty": "OKP", "crv": "X25519", "x": X });
    let mixed = json!({ "keys": [rsa, x25519, published()] });
    assert_eq!(serde_json::from_value::<JwkSet>(mixed).unwrap(), keys_of(&Rfc8032::key_1()));

    let unsound = json!({ "keys": [with("x", json!("AAAA")), rsa, published(), with("d", json!("secret-part"))] });
    let message = serde_json::from_value::<JwkSet>(unsound).unwrap_err().to_string();
    assert!(message.contains("keys[0]: `x`") && message.contains("keys[3]: this is a private key"), "{message}");
    assert!(!message.contains("secret-part") && !message.contains("keys[2]"), "{message}");
}

#[test]
fn a_jwk_with_a_wrong_member_is_refused() {
    let wrong = [
        (with("kid", json!("another")), "thumbprint"),
        (with("use", json!("enc")), "`use`"),
        (with("alg", json!("RS256")), "`alg`"),
        (with("crv", json!("Ed448")), "`crv`"),
        (with("x", json!(format!("{X}="))), "`x`"),
        (with("x", json!("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")), "weak"),
    ];
    for (jwk, named) in wrong {
        let message = serde_json::from_value::<PublicKey>(jwk.clone()).unwrap_err().to_string();
        assert!(message.contains(named), "{jwk} gave {message:?}");
    }
    let mut off_the_curve = [0; 32];
    off_the_curve[0] = 2;
    assert_eq!(PublicKey::from_bytes(&off_the_curve), Err(KeyError::NotAPoint));
}

#[test]
fn a_der_key_of_a_key_service_is_read() {
    let der = SigningKey::from_bytes(&bytes(SEED_1)).verifying_key().to_public_key_der().unwrap();
    assert_eq!(&PublicKey::from_spki_der(der.as_bytes()).unwrap(), Rfc8032::key_1().key());
    assert_eq!(PublicKey::from_spki_der(b"not DER"), Err(KeyError::NotSpki));
}

// The key file.

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn file_with(folder: &Path, mode: u32, content: &[u8]) -> std::path::PathBuf {
    let path = folder.join(format!("{mode:o}-{}.pem", content.len()));
    fs::File::create(&path).unwrap().write_all(content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[tokio::test]
async fn a_key_file_is_created_once_for_its_owner_only_and_signs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signing.pem");
    let made = FileSigner::open_or_create(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert!(fs::read_to_string(&path).unwrap().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "there is no other file");

    let before = fs::read(&path).unwrap();
    for again in [FileSigner::open(&path), FileSigner::open_or_create(&path)] {
        assert_eq!(again.unwrap().key(), made.key());
    }
    assert_eq!(fs::read(&path).unwrap(), before);

    let license = License { key_id: made.key().id().to_string(), ..perpetual() };
    let file = LicenseFile::issue(&license, &made).await.unwrap();
    assert_eq!(verify(file.as_str(), &keys_of(&made)).unwrap(), license);
}

#[test]
fn two_key_files_hold_two_keys() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| FileSigner::open_or_create(folder.path().join(name)).unwrap());
    assert_ne!(one.key(), two.key());
}

#[test]
fn processes_that_start_together_use_one_key() {
    for _ in 0..32 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.pem");
        let together = Barrier::new(8);
        let start = || {
            together.wait();
            FileSigner::open_or_create(&path).unwrap().key().id().clone()
        };
        let ids: HashSet<_> = thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert_eq!(ids.len(), 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "there is no other file");
    }
}

#[test]
fn a_key_file_is_refused_when_missing_empty_malformed_or_open_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let pem = {
        let path = folder.path().join("sound.pem");
        FileSigner::open_or_create(&path).unwrap();
        fs::read(path).unwrap()
    };
    let open = |path: &Path| FileSigner::open(path).unwrap_err();

    assert!(matches!(open(&folder.path().join("none.pem")), KeyFileError::Missing(_)));
    assert!(matches!(open(folder.path()), KeyFileError::NotAFile(_)));
    assert!(matches!(open(&file_with(folder.path(), 0o600, b" \n")), KeyFileError::Empty(_)));
    assert!(matches!(open(&file_with(folder.path(), 0o600, b"-----BEGIN PRIVATE KEY-----")), KeyFileError::Malformed(_)));
    assert!(matches!(open(&file_with(folder.path(), 0o600, b"\xff\xfe")), KeyFileError::Malformed(_)));
    for exposed in [0o640, 0o604, 0o620, 0o644, 0o666] {
        let message = open(&file_with(folder.path(), exposed, &pem)).to_string();
        assert!(message.contains(&format!("{exposed:04o}")) && message.contains("chmod 600"), "{message}");
    }
    assert!(FileSigner::open(file_with(folder.path(), 0o400, &pem)).is_ok(), "the owner may make it read-only");
}

/// A crash or a full disk leaves an empty file. A new key in its place would invalidate every licence signed so far.
#[test]
fn an_unusable_key_file_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_with(folder.path(), 0o600, b"");
    assert!(matches!(FileSigner::open_or_create(&path), Err(KeyFileError::Empty(_))));
    assert_eq!(fs::read(&path).unwrap(), b"");
    let missing = folder.path().join("no/such/folder/signing.pem");
    assert!(matches!(FileSigner::open_or_create(missing), Err(KeyFileError::Io { action: "create", .. })));
}

#[test]
fn a_signer_shows_its_key_id_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let signer = FileSigner::open_or_create(folder.path().join("signing.pem")).unwrap();
    assert_eq!(format!("{signer:?}"), format!("FileSigner {{ key: KeyId({:?}), .. }}", signer.key().id().as_str()));
}
