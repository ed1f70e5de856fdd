//! The licence file: what it states, how it is signed, how it is verified without calling home.
//!
//! A licence is an Ed25519-signed file in the format that Keygen publishes, so that verifiers which
//! already exist in many languages accept it offline (R94). The private key is reached only through
//! [`Signer`]: a file on one machine, a key service in the cloud. Verifying needs nothing but the file
//! and a [`JwkSet`].
//!
//! ```
//! # async fn story(license: licensing::License, signer: &dyn licensing::Signer) -> Result<(), Box<dyn std::error::Error>> {
//! use licensing::{JwkSet, LicenseFile, verify};
//!
//! let file = LicenseFile::issue(&license, signer).await?;
//! let keys = JwkSet::from_iter([signer.key().clone()]);
//! assert_eq!(verify(file.as_str(), &keys)?, license);
//! # Ok(())
//! # }
//! ```

mod file;
mod key;
mod license;
mod signer;

pub use file::{FormatError, LicenseFile, VerifyError, verify};
pub use key::{JwkSet, JwkSetError, KeyError, KeyId, PublicKey};
pub use license::{Fault, Kind, License, Standing};
pub use signer::{FileSigner, KeyFileError, MAX_MESSAGE, Signer, SigningError, SigningFuture, sign};
