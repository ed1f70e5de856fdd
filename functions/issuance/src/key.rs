//! The choice of the key that signs licences.

use std::sync::Arc;

use licensing::{FileSigner, Signer};
use runtime::{Configuration, StartError, configuration::Reader};

use crate::kms::KmsSigner;

/// Opens the signer that `LICENSE_KEY_ID` (a key in KMS, by its id or ARN) or `LICENSE_KEY_FILE` (a file, by its path) names.
///
/// # Errors
///
/// Both settings are set, or none of them is, or the key cannot sign licences. The process must not start.
pub async fn signer(configuration: &Configuration, kms: aws_sdk_kms::Client) -> Result<Arc<dyn Signer>, StartError> {
    Ok(match configuration.read(Place::read)? {
        Place::Kms(id) => Arc::new(KmsSigner::open(kms, id).await?),
        Place::File(path) => Arc::new(FileSigner::open(path)?),
    })
}

/// The place of the key.
enum Place {
    Kms(String),
    File(String),
}

impl Place {
    /// Reads both settings. If both are set, it is not clear which key is meant, so that is refused.
    fn read(c: &mut Reader<'_>) -> Self {
        match (c.optional("LICENSE_KEY_ID"), c.optional("LICENSE_KEY_FILE")) {
            (Some(id), None) => Self::Kms(id),
            (None, Some(path)) => Self::File(path),
            (Some(id), Some(_)) => {
                c.refuse("LICENSE_KEY_FILE", "is set beside LICENSE_KEY_ID", "remove one of them");
                Self::Kms(id)
            }
            (None, None) => {
                c.refuse("LICENSE_KEY_ID", "is not set", "name a key in KMS, or a key file with LICENSE_KEY_FILE");
                Self::Kms(String::new())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Place, String> {
        Configuration::from_pairs(pairs.iter().copied()).read(Place::read).map_err(|error| error.to_string())
    }

    #[test]
    fn exactly_one_key_signs() {
        assert!(matches!(read(&[("LICENSE_KEY_ID", "k")]), Ok(Place::Kms(id)) if id == "k"));
        assert!(matches!(read(&[("LICENSE_KEY_FILE", "f"), ("LICENSE_KEY_ID", "")]), Ok(Place::File(path)) if path == "f"));
        assert!(read(&[]).is_err_and(|why| why.contains("LICENSE_KEY_ID is not set")));
        assert!(read(&[("LICENSE_KEY_FILE", "f"), ("LICENSE_KEY_ID", "k")]).is_err_and(|why| why.contains("remove one")));
    }
}
