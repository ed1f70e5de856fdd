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

/// Signs with a key of the spec `ECC_NIST_EDWARDS25519` in KMS, with the algorithm `ED25519_SHA_512` over the unhashed message
/// (AWS KMS Developer Guide, "Key spec reference"). Licence verifiers do not support the prehashed algorithm.
#[derive(Debug)]
pub struct KmsSigner {
    client: Client,
    key_id: String,
    public: PublicKey,
}

/// A key in KMS cannot sign licences. After [`NoAnswer`](KmsKeyError::NoAnswer), a retry may succeed. The other errors remain until
/// another key is configured.
#[derive(thiserror::Error)]
pub enum KmsKeyError {
    /// KMS did not return the public key.
    #[error("KMS did not return the public key ({0}): check the key's id, its state, and the permission kms:GetPublicKey")]
    NoAnswer(String),
    /// The key has another spec.
    #[error("the key in KMS has the spec {}: create a key of the spec ECC_NIST_EDWARDS25519", .0.as_deref().unwrap_or("unknown"))]
    OtherSpec(Option<String>),
    /// KMS returned a public key that cannot be read.
    #[error("the public key in KMS cannot be used: {0}")]
    Unusable(#[from] KeyError),
}

/// The same text as `Display`, because Rust prints an error that `main` returns with `Debug`.
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
    /// Opens the key with this id or ARN: requests its public key from KMS, and refuses a key that cannot sign licences.
    ///
    /// An alias is possible, too. If the alias is moved to another key, a running process signs with a key that it has not
    /// published. Its signatures then fail verification, and no licence is stored until the process is restarted.
    pub async fn open(client: Client, key_id: impl Into<String>) -> Result<Self, KmsKeyError> {
        let key_id = key_id.into();
        let shown = client.get_public_key().key_id(&key_id).send().await;
        let public = public_key(&shown.map_err(|error| KmsKeyError::NoAnswer(aws::code(&error)))?)?;
        Ok(Self { client, key_id, public })
    }

    async fn request_signature(&self, message: &[u8]) -> Result<[u8; 64], SigningError> {
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
        Box::pin(self.request_signature(message))
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

fn signature(signed: Option<Blob>) -> Result<[u8; 64], SigningError> {
    let bytes = signed.map(Blob::into_inner).unwrap_or_default();
    bytes.try_into().map_err(|bytes: Vec<u8>| not_signed(format!("a signature of {} bytes", bytes.len())))
}

/// An error of KMS, which a retry may remove: the cause is outside this process, such as a throttle, a disabled key or a missing
/// permission. The cause is logged here, because the caller's error states only that there is no signature.
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
    fn the_key_that_kms_returns_is_the_one_that_verifies() {
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
    fn bytes_that_are_not_a_key_are_refused() {
        for der in [&SPKI[..43], &SPKI[12..], &[]] {
            let error = public_key(&shown(KeySpec::EccNistEdwards25519, der)).expect_err("no key");
            assert!(matches!(error, KmsKeyError::Unusable(KeyError::NotSpki)), "{error}");
        }
    }

    #[test]
    fn an_error_of_kms_is_transient_and_names_the_cause() {
        let error = not_signed("ThrottlingException".to_owned());
        assert!(error.is_transient());
        assert_eq!(error.source().expect("why").to_string(), "KMS did not sign: ThrottlingException");
    }

    #[test]
    fn only_64_bytes_are_a_signature() {
        assert_eq!(signature(Some(Blob::new([7; 64]))).expect("a signature"), [7; 64]);
        for signed in [None, Some(Blob::new([7; 63])), Some(Blob::new([7; 65]))] {
            assert!(signature(signed).expect_err("none").is_transient());
        }
    }
}
