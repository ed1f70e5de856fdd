//! The licence file against its requirements, and against an independent verifier.

use std::collections::HashSet;

use super::given::{Broken, Rfc8032, day, issued, keys_of, perpetual, term};
use base64::{Engine, engine::general_purpose::STANDARD};
use keygen_rs::{errors::Error as KeygenError, license::LicenseFileAlgorithm, license_file as keygen};
use licensing::{
    FormatError, JwkSet, Kind, License, LicenseError, LicenseFile, MAX_MESSAGE, PublicKey, Signer, SigningError, Standing,
    VerifyError, sign, verify,
};
use proptest::prelude::*;
use serde_json::{Value, json};

// R93, R95, R97: the validity of a licence.

#[test]
fn r93_a_perpetual_licence_a_year_out_of_maintenance_is_valid_out_of_maintenance() {
    let license = perpetual();
    assert_eq!(license.standing(day("2026-03-13")), Standing::Valid, "last day of maintenance");
    assert_eq!(license.standing(day("2026-03-14")), Standing::ValidOutOfMaintenance, "the end is half-open");
    assert_eq!(license.standing(day("2027-03-14")), Standing::ValidOutOfMaintenance, "a year later");
    assert_eq!(license.standing(day("9999-12-31")), Standing::ValidOutOfMaintenance, "it never expires");
}

#[test]
fn r93_a_term_licence_past_its_end_is_expired() {
    let license = term("2026-03-14");
    assert_eq!(license.standing(day("2026-03-13")), Standing::Valid);
    assert_eq!(license.standing(day("2026-03-14")), Standing::Expired);

    let ends_earlier = License { maintenance_end: Some(day("2026-01-01")), ..license };
    assert_eq!(ends_earlier.standing(day("2026-01-01")), Standing::ValidOutOfMaintenance);
    assert_eq!(ends_earlier.standing(day("2026-03-14")), Standing::Expired, "expiry outweighs maintenance");
}

#[test]
fn r97_releases_dated_on_or_after_the_maintenance_end_are_refused() {
    let license = perpetual();
    assert!(license.admits_release(day("2019-01-01")));
    assert!(license.admits_release(day("2026-03-13")));
    assert!(!license.admits_release(day("2026-03-14")));
    assert!(!license.admits_release(day("2026-03-15")));
    assert!(!term("2026-03-14").admits_release(day("2026-03-14")), "without its own end, maintenance ends with the term");
}

#[tokio::test]
async fn r93_a_contradictory_licence_is_not_signed_and_every_error_is_named() {
    let signer = Rfc8032::key_1();
    let license = License { term_end: Some(day("2026-03-14")), licensee: "  ".into(), sen: String::new(), ..perpetual() };
    let Err(SigningError::Invalid(errors)) = LicenseFile::issue(&license, &signer).await else {
        panic!("an invalid licence was signed");
    };
    assert_eq!(errors, [LicenseError::Empty("sen"), LicenseError::Empty("licensee"), LicenseError::PerpetualEnds]);

    for kind in [Kind::Term, Kind::Subscription, Kind::Provisional] {
        assert_eq!(License { kind, ..perpetual() }.errors(), [LicenseError::Endless(kind)]);
    }
}

// R94: offline.

#[tokio::test]
async fn r94_the_file_verifies_offline_to_exactly_what_was_issued() {
    for license in [perpetual(), term("2026-03-14"), License { tier: None, edition: None, ..perpetual() }] {
        let file = issued(&license).await;
        // The customer's machine receives only two texts.
        let keys: JwkSet = serde_json::from_str(&serde_json::to_string(&keys_of(&Rfc8032::key_1())).unwrap()).unwrap();
        let offline = verify(file.as_str(), &keys).unwrap();
        assert_eq!(offline, license);
        for today in ["2025-03-14", "2026-03-14", "2040-01-01"].map(day) {
            assert_eq!(offline.standing(today), license.standing(today));
            assert_eq!(offline.admits_release(today), license.admits_release(today));
        }
    }
}

#[tokio::test]
async fn issuing_again_gives_the_same_bytes() {
    assert_eq!(issued(&perpetual()).await, issued(&perpetual()).await);
}

/// The format is stable: customers' files must verify indefinitely, and issuing them again must give the same bytes.
#[tokio::test]
async fn golden_files_are_what_is_issued_today_and_still_verify() {
    let golden = [(perpetual(), include_str!("golden/perpetual.lic")), (term("2026-03-14"), include_str!("golden/term.lic"))];
    for (license, file) in golden {
        assert_eq!(verify(file, &keys_of(&Rfc8032::key_1())).unwrap(), license);
        assert_eq!(issued(&license).await.as_str(), file);
    }
}

#[tokio::test]
async fn mail_and_editors_may_change_line_ends_widths_and_surrounding_space() {
    let file = issued(&perpetual()).await;
    let body = file.as_str().lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let variants = [
        file.as_str().replace('\n', "\r\n"),
        format!("\u{feff}\n\n  {}\t\n", file.as_str()),
        file.as_str().trim_end().to_owned(),
        format!("-----BEGIN LICENSE FILE-----\n{body}\n-----END LICENSE FILE-----"),
    ];
    for text in variants {
        assert_eq!(text.parse::<LicenseFile>().unwrap(), file, "{text:?}");
    }
}

#[tokio::test]
async fn with_serde_a_file_is_its_text() {
    let file = issued(&perpetual()).await;
    let json = serde_json::to_value(&file).unwrap();
    assert_eq!(json, json!(file.as_str()));
    assert_eq!(serde_json::from_value::<LicenseFile>(json).unwrap(), file);
    assert!(serde_json::from_value::<LicenseFile>(json!("a key")).is_err());
}

// Keygen's format, checked with Keygen's library.

fn keygen_file(file: &LicenseFile) -> keygen::LicenseFile {
    let unused = "2000-01-01T00:00:00Z".parse().unwrap();
    keygen::LicenseFile { id: String::new(), certificate: file.to_string(), issued: unused, expiry: unused, ttl: 0 }
}

fn hex(key: &PublicKey) -> String {
    key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn keygen_rs_verifies_a_perpetual_licence_and_reads_what_it_states() {
    let license = perpetual();
    let file = keygen_file(&issued(&license).await);
    let algorithm = LicenseFileAlgorithm::Base64Ed25519;

    let dataset = file.verify_and_decode(&hex(Rfc8032::key_1().key()), algorithm).unwrap();
    assert_eq!(dataset.license.id, license.sen);
    assert_eq!(dataset.license.key, license.sen);
    assert_eq!(dataset.license.name.as_ref(), Some(&license.product_name));
    assert_eq!(dataset.license.product_id.as_ref(), Some(&license.product));
    assert_eq!(dataset.license.max_users, Some(100));
    assert_eq!(dataset.license.expiry, None);
    assert_eq!(dataset.license.metadata["maintenance_end"], json!("2026-03-14"));
    assert_eq!((dataset.ttl, dataset.expiry.to_rfc3339()), (0, "9999-01-01T00:00:00+00:00".into()));

    let other = file.verify_and_decode(&hex(Rfc8032::key_2().key()), algorithm);
    assert!(matches!(other, Err(KeygenError::LicenseFileNotGenuine(_))), "{other:?}");
}

#[tokio::test]
async fn keygen_rs_accepts_a_term_licence_until_its_end_and_not_after() {
    let key = hex(Rfc8032::key_1().key());
    let open = |file| keygen_file(&file).verify_and_decode(&key, LicenseFileAlgorithm::Base64Ed25519);

    let running = open(issued(&term("2999-01-01")).await).unwrap();
    assert_eq!(running.expiry.to_rfc3339(), "2999-01-01T00:00:00+00:00");
    assert_eq!(running.license.expiry, Some(running.expiry));

    let over = open(issued(&term("2026-01-01")).await);
    assert!(matches!(over, Err(KeygenError::LicenseFileExpired(_))), "{over:?}");
    let over_before_it_was_issued = open(issued(&term("2025-01-01")).await);
    assert!(matches!(over_before_it_was_issued, Err(KeygenError::LicenseFileExpired(_))));
}

#[tokio::test]
async fn the_text_has_keygens_layout() {
    let file = issued(&perpetual()).await;
    let lines: Vec<_> = file.as_str().lines().collect();
    let [begin, body @ .., last, end] = lines.as_slice() else { panic!("too few lines") };
    assert_eq!((*begin, *end), ("-----BEGIN LICENSE FILE-----", "-----END LICENSE FILE-----"));
    assert!(body.iter().all(|line| line.len() == 60) && (1..=60).contains(&last.len()));
    assert!(file.as_str().ends_with("FILE-----\n"));

    let envelope: Value = envelope(&file);
    let members: HashSet<_> = envelope.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, HashSet::from(["enc", "sig", "alg"]));
    assert_eq!(envelope["alg"], "base64+ed25519");
    assert!(!envelope["enc"].as_str().unwrap().contains(char::is_whitespace));
}

// Forgery.

fn envelope(file: &LicenseFile) -> Value {
    let body = file.as_str().lines().filter(|line| !line.starts_with('-')).collect::<String>();
    serde_json::from_slice(&STANDARD.decode(body).unwrap()).unwrap()
}

fn wrap(envelope: &Value) -> String {
    let body = STANDARD.encode(envelope.to_string());
    format!("-----BEGIN LICENSE FILE-----\n{body}\n-----END LICENSE FILE-----\n")
}

const GOLDEN: &str = include_str!("golden/perpetual.lic");

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Every byte is significant, except that the final newline may become other white space.
    #[test]
    fn a_file_with_any_byte_changed_is_refused(at in 0..GOLDEN.len() - 1, byte in 0_u8..128) {
        prop_assume!(GOLDEN.as_bytes()[at] != byte);
        let mut text = GOLDEN.as_bytes().to_vec();
        text[at] = byte;
        let text = String::from_utf8(text).unwrap();
        prop_assert!(verify(&text, &keys_of(&Rfc8032::key_1())).is_err(), "byte {at} as {byte:#04x}");
    }

    #[test]
    fn a_file_cut_short_is_refused(at in 0..GOLDEN.len() - 1) {
        prop_assert!(verify(&GOLDEN[..at], &keys_of(&Rfc8032::key_1())).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Names in any script, with quotes, control characters or line breaks, and any number of users.
    #[test]
    fn any_name_survives_signing(licensee in "\\S(.|\n){0,80}", tier in proptest::option::of(any::<u32>())) {
        let license = License { licensee, tier, ..perpetual() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let file = runtime.block_on(issued(&license));
        prop_assert_eq!(verify(file.as_str(), &keys_of(&Rfc8032::key_1())).unwrap(), license);
    }
}

/// Well-formed forgeries, which only the signature reveals.
#[tokio::test]
async fn a_file_with_any_byte_of_its_statement_or_signature_changed_is_not_genuine() {
    let file = issued(&perpetual()).await;
    let keys = keys_of(&Rfc8032::key_1());
    let genuine = envelope(&file);
    assert!(verify(&wrap(&genuine), &keys).is_ok(), "the unchanged envelope must verify, or the test proves nothing");

    let dataset = STANDARD.decode(genuine["enc"].as_str().unwrap()).unwrap();
    let more_users = String::from_utf8(dataset).unwrap().replace(r#""tier":100"#, r#""tier":500"#);
    let mut forged = genuine.clone();
    forged["enc"] = json!(STANDARD.encode(more_users));
    assert_ne!(forged, genuine);
    assert!(matches!(verify(&wrap(&forged), &keys), Err(VerifyError::NotGenuine { .. })));

    let signature = STANDARD.decode(genuine["sig"].as_str().unwrap()).unwrap();
    for at in 0..signature.len() {
        let mut other = signature.clone();
        other[at] ^= 1;
        let mut forged = genuine.clone();
        forged["sig"] = json!(STANDARD.encode(other));
        assert!(matches!(verify(&wrap(&forged), &keys), Err(VerifyError::NotGenuine { .. })), "signature byte {at}");
    }
}

#[tokio::test]
async fn a_file_signed_by_another_key_is_refused() {
    let (ours, theirs) = (Rfc8032::key_1(), Rfc8032::key_2());
    let license = License { key_id: theirs.key().id().to_string(), ..perpetual() };
    let file = LicenseFile::issue(&license, &theirs).await.unwrap();
    let Err(VerifyError::UnknownKey { key_id }) = verify(file.as_str(), &keys_of(&ours)) else {
        panic!("the licence of another vendor was not refused with UnknownKey");
    };
    assert_eq!(key_id, license.key_id);

    // The other vendor's file names our key.
    let enc = envelope(&issued(&perpetual()).await)["enc"].clone();
    let signature = theirs.sign(format!("license/{}", enc.as_str().unwrap()).as_bytes()).await.unwrap();
    let forged = wrap(&json!({ "enc": enc, "sig": STANDARD.encode(signature), "alg": "base64+ed25519" }));
    assert!(matches!(verify(&forged, &keys_of(&ours)), Err(VerifyError::NotGenuine { .. })));
}

#[tokio::test]
async fn keys_rotate_and_older_licences_still_verify() {
    let (old, new) = (Rfc8032::key_1(), Rfc8032::key_2());
    let keys = JwkSet::from_iter([new.key().clone(), old.key().clone()]);
    let renewed = License { key_id: new.key().id().to_string(), ..perpetual() };
    assert!(verify(issued(&perpetual()).await.as_str(), &keys).is_ok());
    assert!(verify(LicenseFile::issue(&renewed, &new).await.unwrap().as_str(), &keys).is_ok());
}

#[tokio::test]
async fn another_algorithm_is_refused() {
    let genuine = envelope(&issued(&perpetual()).await);
    for algorithm in ["aes-256-gcm+ed25519", "base64+rsa-sha256", "base64+ED25519", "none", ""] {
        let mut other = genuine.clone();
        other["alg"] = json!(algorithm);
        let Err(VerifyError::Format(FormatError::Algorithm(named))) = verify(&wrap(&other), &JwkSet::default()) else {
            panic!("{algorithm:?} was not refused with Algorithm");
        };
        assert_eq!(named, algorithm);
    }
}

#[test]
fn each_malformed_file_has_its_own_error() {
    let read = |text: &str| text.parse::<LicenseFile>().unwrap_err();
    let begin = "-----BEGIN LICENSE FILE-----";
    let end = "-----END LICENSE FILE-----";
    assert!(matches!(read(""), FormatError::NoBegin));
    assert!(matches!(read("AAAC-1234"), FormatError::NoBegin));
    assert!(matches!(read(begin), FormatError::NoEnd));
    assert!(matches!(read(&format!("{begin}\nYQ==")), FormatError::NoEnd));
    assert!(matches!(read(&format!("{begin}\nnot base64\n{end}")), FormatError::Body(_)));
    assert!(matches!(read(&format!("{begin}\nYQ==\n{end}")), FormatError::Envelope(_)));
    assert!(matches!(read(&format!("{begin}\n{end}")), FormatError::Envelope(_)));
    let short = json!({ "enc": "", "sig": "YQ==", "alg": "base64+ed25519" });
    assert!(matches!(read(&wrap(&short)), FormatError::SignatureLength));
}

// Signing.

#[tokio::test]
async fn a_signer_with_another_key_than_the_licence_names_is_refused() {
    let Err(SigningError::OtherKey { license, signer }) = LicenseFile::issue(&perpetual(), &Rfc8032::key_2()).await else {
        panic!("signed with a key that the licence does not name");
    };
    assert_eq!(license, perpetual().key_id);
    assert_eq!(&signer, Rfc8032::key_2().key().id());
}

#[tokio::test]
async fn more_than_a_key_service_can_sign_at_once_is_refused_for_every_signer() {
    let signer = Rfc8032::key_1();
    assert!(sign(&signer, &[0; MAX_MESSAGE]).await.is_ok());
    let Err(SigningError::TooLong { bytes }) = sign(&signer, &[0; MAX_MESSAGE + 1]).await else {
        panic!("more than {MAX_MESSAGE} bytes were signed");
    };
    assert_eq!(bytes, MAX_MESSAGE + 1);

    let license = License { licensee: "x".repeat(MAX_MESSAGE), ..perpetual() };
    assert!(matches!(LicenseFile::issue(&license, &signer).await, Err(SigningError::TooLong { .. })));
}

#[tokio::test]
async fn a_signature_that_does_not_verify_with_the_signers_own_key_is_an_error() {
    let broken = Broken::signs_with_another_key();
    let error = LicenseFile::issue(&perpetual(), &broken).await.unwrap_err();
    assert!(matches!(error, SigningError::Mismatch { .. }) && !error.is_transient(), "{error}");

    let error = LicenseFile::issue(&perpetual(), &Broken::unavailable()).await.unwrap_err();
    assert!(matches!(error, SigningError::Unavailable(_)) && error.is_transient(), "{error}");
}
