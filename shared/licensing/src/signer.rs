//! Signers: the only access to the private key.

use std::{
    error::Error,
    fmt,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    pin::Pin,
};

use ed25519_dalek::{
    Signer as _, SigningKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes, spki::der::pem::LineEnding},
};
use zeroize::Zeroizing;

use crate::{KeyId, LicenseError, PublicKey};

/// The maximum length of a signed message in bytes. AWS KMS accepts no more with the message type `RAW`, and hashing first would
/// be another algorithm (Ed25519ph) that licence verifiers do not know. The limit applies to every signer, so that a licence of
/// one deployment can be issued in any other.
pub const MAX_MESSAGE: usize = 4096;

/// The result of a [`Signer`].
pub type SigningFuture<'a> = Pin<Box<dyn Future<Output = Result<[u8; 64], SigningError>> + Send + 'a>>;

/// The holder of an Ed25519 private key: a file ([`FileSigner`]), or a key service that never exports the key. Call it through
/// [`sign`], which checks the message's length and the signature.
pub trait Signer: Send + Sync {
    /// The public key of the private key.
    fn key(&self) -> &PublicKey;

    /// Signs `message` unchanged (pure Ed25519, RFC 8032 §5.1; not prehashed). The same message always gives the same signature,
    /// so a retry is safe.
    ///
    /// On AWS: `ED25519_SHA_512` with the message type `RAW`.
    fn sign<'a>(&'a self, message: &'a [u8]) -> SigningFuture<'a>;
}

/// Signs `message` with `signer`. Refuses more than [`MAX_MESSAGE`] bytes, and checks the signature against [`Signer::key`], so
/// that a signer with the wrong key is detected before a licence reaches a customer.
///
/// `Ok` is a signature that verifies. After `Err`, [`SigningError::is_transient`] says whether a retry can succeed.
pub async fn sign(signer: &dyn Signer, message: &[u8]) -> Result<[u8; 64], SigningError> {
    within_limit(message)?;
    let signature = signer.sign(message).await?;
    if !signer.key().verifies(message, &signature) {
        return Err(SigningError::Mismatch { key_id: signer.key().id().clone() });
    }
    Ok(signature)
}

fn within_limit(message: &[u8]) -> Result<(), SigningError> {
    match message.len() {
        0..=MAX_MESSAGE => Ok(()),
        bytes => Err(SigningError::TooLong { bytes }),
    }
}

/// Why signing failed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The content of the licence is incomplete or contradictory.
    #[error("the licence cannot be signed: {}", .0.iter().map(LicenseError::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<LicenseError>),
    /// The licence names another key than the signer's.
    #[error("the licence names key {license:?}, but the signer has key {signer}")]
    OtherKey {
        /// The key id in the licence.
        license: String,
        /// The id of the signer's key.
        signer: KeyId,
    },
    /// More than [`MAX_MESSAGE`] bytes.
    #[error(
        "the message has {bytes} bytes, but at most {MAX_MESSAGE} can be signed; \
         in a licence, shorten the names (licensee, product, edition)"
    )]
    TooLong {
        /// The length of the message.
        bytes: usize,
    },
    /// The signer's signature does not verify with its own public key.
    #[error("the signature does not verify with key {key_id}; check that the signer uses this key")]
    Mismatch {
        /// The signer's public key.
        key_id: KeyId,
    },
    /// The signer is not available. A retry can succeed.
    #[error("the signing key is not available at the moment")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

impl SigningError {
    /// Whether a retry can succeed. A retry is always safe.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// A signer whose private key is a local file: PKCS#8 PEM (RFC 8410), readable by its owner only.
pub struct FileSigner {
    private: SigningKey,
    public: PublicKey,
}

impl FileSigner {
    /// Opens the key file at `path`. Refuses a file that is missing, empty or malformed, or that group or others may read or
    /// write.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        let failed = |error: io::Error| KeyFileError::io("read", path, error);
        let mut file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => KeyFileError::Missing(path.into()),
            _ => failed(error),
        })?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(KeyFileError::NotAFile(path.into()));
        }
        private_to_owner(path, &metadata)?;

        let mut pem = Zeroizing::new(String::new());
        file.read_to_string(&mut pem).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => KeyFileError::Malformed(path.into()),
            _ => failed(error),
        })?;
        if pem.trim().is_empty() {
            return Err(KeyFileError::Empty(path.into()));
        }
        SigningKey::from_pkcs8_pem(&pem)
            .ok()
            .and_then(|private| Some(Self { public: private.verifying_key().try_into().ok()?, private }))
            .ok_or_else(|| KeyFileError::Malformed(path.into()))
    }

    /// Opens the key file at `path`. If the file does not exist, creates it with a new key from the operating system's random
    /// source. The folder must exist.
    ///
    /// The file appears complete and durable, or not at all, and never replaces another file: if two processes start together,
    /// one creates the key and both use it.
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        match Self::open(path) {
            Err(KeyFileError::Missing(_)) => {
                create(path)?;
                Self::open(path)
            }
            opened => opened,
        }
    }
}

impl Signer for FileSigner {
    fn key(&self) -> &PublicKey {
        &self.public
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> SigningFuture<'a> {
        Box::pin(async move {
            within_limit(message)?;
            Ok(self.private.sign(message).to_bytes())
        })
    }
}

impl fmt::Debug for FileSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSigner").field("key", self.public.id()).finish_non_exhaustive()
    }
}

#[allow(clippy::disallowed_methods, reason = "a signing key must come from the operating system's random source")]
fn create(path: &Path) -> Result<(), KeyFileError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(|error| KeyFileError::io("create", path, error.into()))?;
    // Without the public key this is PKCS#8 version 1, which every tool reads.
    let pem = KeypairBytes { secret_key: *seed, public_key: None }
        .to_pkcs8_pem(LineEnding::LF)
        .expect("32 bytes always have a PKCS#8 form");
    write_new(path, pem.as_bytes()).map_err(|error| KeyFileError::io("create", path, error))
}

/// Writes the file durably with mode 0600, unless another process has created it in the meantime.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?; // mode 0600
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(failed) if failed.error.kind() != io::ErrorKind::AlreadyExists => return Err(failed.error),
        _ => {}
    }
    // The file's name is durable only after the folder is synced.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

#[cfg(unix)]
fn private_to_owner(path: &Path, metadata: &fs::Metadata) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt;

    match metadata.permissions().mode() & 0o777 {
        mode if mode & 0o077 != 0 => Err(KeyFileError::Exposed { path: path.into(), mode }),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn private_to_owner(_: &Path, _: &fs::Metadata) -> Result<(), KeyFileError> {
    Ok(())
}

/// Why a key file cannot be used. The error never contains any part of the key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file does not exist.
    #[error("there is no signing key at {}; restore it from your backup, or create a new key", .0.display())]
    Missing(PathBuf),
    /// A folder, a device, …
    #[error("the signing key {} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Group or others may read or change the file.
    #[error(
        "the signing key {path} is accessible to group or others (mode {mode:04o}); \
         if no other user can have read it, run: chmod 600 {path}", path = .path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is empty.
    #[error("the signing key {} is empty; restore it from your backup, or delete it to start with a new key", .0.display())]
    Empty(PathBuf),
    /// The file does not contain an Ed25519 private key.
    #[error("the signing key {} is not an Ed25519 private key in PKCS#8 PEM (-----BEGIN PRIVATE KEY-----)", .0.display())]
    Malformed(PathBuf),
    /// The file system returned an error. A retry can succeed.
    #[error("cannot {action} the signing key {}", .path.display())]
    Io {
        /// "read" or "create".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl KeyFileError {
    fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }
}
