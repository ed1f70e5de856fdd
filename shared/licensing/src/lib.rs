//! The licence file: its content, its signature, and its verification offline.
//!
//! A licence is an Ed25519-signed file in the format that Keygen publishes. Existing verifiers in many languages accept it
//! offline (R94). Only a [`Signer`] has access to the private key: a file on one machine, or a key service in the cloud.
//! Verification needs only the file and a [`JwkSet`].
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
pub use license::{Kind, License, LicenseError, Standing};
pub use signer::{FileSigner, KeyFileError, MAX_MESSAGE, Signer, SigningError, SigningFuture, sign};
