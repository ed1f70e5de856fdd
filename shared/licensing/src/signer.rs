//! Who signs: the one door to the private key.

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

use crate::{Fault, KeyId, PublicKey};

/// Most bytes that may be signed at once. AWS KMS takes no more with the message type `RAW`, and hashing
/// first would be another algorithm (Ed25519ph) that licence verifiers do not know. It holds for every
/// signer, so that what can be issued in one home can be issued in the other.
pub const MAX_MESSAGE: usize = 4096;

/// The answer of a [`Signer`].
pub type SigningFuture<'a> = Pin<Box<dyn Future<Output = Result<[u8; 64], SigningError>> + Send + 'a>>;

/// Something that holds an Ed25519 private key: a file ([`FileSigner`]) or a key service, which never lets
/// it out. Ask it through [`sign`], which guards both ways.
pub trait Signer: Send + Sync {
    /// The public key that belongs to the private one.
    fn key(&self) -> &PublicKey;

    /// Signs `message` as it is (pure Ed25519, RFC 8032 §5.1; not prehashed). The same message always gives
    /// the same signature, so asking again is harmless.
    ///
    /// On AWS: `ED25519_SHA_512` with the message type `RAW`.
    fn sign<'a>(&'a self, message: &'a [u8]) -> SigningFuture<'a>;
}

/// Signs `message` with `signer`. Refuses more than [`MAX_MESSAGE`] bytes, and checks the signature against
/// [`Signer::key`], so that a signer set up with the wrong key is noticed before a customer does.
///
/// `Ok` is a signature that verifies. After `Err`, ask [`SigningError::is_transient`] whether to retry.
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

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The licence would state something that cannot be.
    #[error("the licence is not sound: {}", .0.iter().map(Fault::to_string).collect::<Vec<_>>().join("; "))]
    Unsound(Vec<Fault>),
    /// The licence names another key than the signer's.
    #[error("the licence names key {license:?}, but the signer holds key {signer}")]
    OtherKey {
        /// What the licence says.
        license: String,
        /// What the signer has.
        signer: KeyId,
    },
    /// More than [`MAX_MESSAGE`] bytes.
    #[error(
        "{bytes} bytes are too many to sign at once; the limit is {MAX_MESSAGE}. \
         In a licence, shorten the names (licensee, product, edition)"
    )]
    TooLong {
        /// Length of what was to be signed.
        bytes: usize,
    },
    /// The signer's signature does not fit its own public key.
    #[error("the signature does not verify with key {key_id}; is the signer set up with another key?")]
    Mismatch {
        /// The public key it should fit.
        key_id: KeyId,
    },
    /// The signer could not answer.
    #[error("the signing key cannot be used right now")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

impl SigningError {
    /// Whether the same call may succeed later. Retrying is always harmless; here it is also worth it.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// A signer whose private key is a file on this machine: PKCS#8 PEM (RFC 8410), readable by its owner only.
pub struct FileSigner {
    private: SigningKey,
    public: PublicKey,
}

impl FileSigner {
    /// Opens the key file at `path`. Refuses one that is missing, empty, malformed, or that group or others
    /// may read or write.
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

    /// Opens the key file at `path`, or makes it, with a new key from the operating system's randomness, when
    /// there is none. The folder has to exist.
    ///
    /// The file appears whole and durable or not at all, and never in place of another: of two processes that
    /// start together, one makes the key and both use it.
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

#[allow(clippy::disallowed_methods, reason = "a signing key is the operating system's randomness and nothing else")]
fn create(path: &Path) -> Result<(), KeyFileError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(|error| KeyFileError::io("create", path, error.into()))?;
    // Without the public part this is PKCS#8 version 1, the one that every tool reads.
    let pem = KeypairBytes { secret_key: *seed, public_key: None }
        .to_pkcs8_pem(LineEnding::LF)
        .expect("32 bytes always have a PKCS#8 form");
    write_new(path, pem.as_bytes()).map_err(|error| KeyFileError::io("create", path, error))
}

/// Writes the file durably with mode 0600, unless there is one by now.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?; // mode 0600
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(failed) if failed.error.kind() != io::ErrorKind::AlreadyExists => return Err(failed.error),
        _ => {}
    }
    // The name is durable only when the folder is.
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

/// Why a key file cannot be used. Never holds anything of the key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is none.
    #[error("there is no signing key at {}; restore it from your backup, or create a new one", .0.display())]
    Missing(PathBuf),
    /// A folder, a device, …
    #[error("the signing key {} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Others may read or change it.
    #[error(
        "the signing key {path} is open to group or others (mode {mode:04o}); \
         if nobody else can have read it, run: chmod 600 {path}", path = .path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It has no content.
    #[error("the signing key {} is empty; restore it from your backup, or delete it to start with a new key", .0.display())]
    Empty(PathBuf),
    /// It is something else.
    #[error("the signing key {} is not an Ed25519 private key in PKCS#8 PEM (-----BEGIN PRIVATE KEY-----)", .0.display())]
    Malformed(PathBuf),
    /// The file system refused. May pass.
    #[error("cannot {action} the signing key {}", .path.display())]
    Io {
        /// "read" or "create".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl KeyFileError {
    fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }
}
