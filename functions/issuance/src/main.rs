//! Issuance on Lambda: wiring and nothing else.

use std::sync::Arc;

use aws_lambda_events::dynamodb::Event;
use issuance::kms::KmsSigner;
use lambda_runtime::{LambdaEvent, service_fn};
use licensing::{FileSigner, Signer};
use runtime::{Clock, aws, configuration::Reader};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::start();
    let config = aws::config().await;
    let configuration = aws::configuration(&config).await?;
    let signer: Arc<dyn Signer> = match configuration.read(LicenseKey::read)? {
        LicenseKey::Kms(id) => Arc::new(KmsSigner::open(aws_sdk_kms::Client::new(&config), id).await?),
        LicenseKey::File(path) => Arc::new(FileSigner::open(path)?),
    };
    let store = aws::store(&configuration, &config)?;
    let issuance = &issuance::Issuance::start(&configuration, store, signer, Clock::system()).await?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Event>| {
        Ok::<_, lambda_runtime::Error>(issuance.handle(event.payload).await)
    }))
    .await
}

/// Where the key is that signs licences.
enum LicenseKey {
    /// In KMS, by its id or ARN.
    Kms(String),
    /// In a file, by its path.
    File(String),
}

impl LicenseKey {
    /// Reads `LICENSE_KEY_ID` or `LICENSE_KEY_FILE`: with both set, nobody would know which one signs.
    fn read(c: &mut Reader<'_>) -> Self {
        match (c.optional("LICENSE_KEY_ID"), c.optional("LICENSE_KEY_FILE")) {
            (Some(_), Some(_)) => {
                c.refuse("LICENSE_KEY_FILE", "is set beside LICENSE_KEY_ID", "remove one of them");
                Self::File(String::new())
            }
            (Some(id), None) => Self::Kms(id),
            (None, Some(path)) => Self::File(path),
            (None, None) => {
                c.refuse("LICENSE_KEY_ID", "is not set", "name a key in KMS, or a key file with LICENSE_KEY_FILE");
                Self::File(String::new())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use runtime::Configuration;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<LicenseKey, String> {
        Configuration::from_pairs(pairs.iter().copied()).read(LicenseKey::read).map_err(|error| error.to_string())
    }

    #[test]
    fn exactly_one_key_signs() {
        assert!(matches!(read(&[("LICENSE_KEY_ID", "k")]), Ok(LicenseKey::Kms(id)) if id == "k"));
        assert!(matches!(read(&[("LICENSE_KEY_FILE", "f"), ("LICENSE_KEY_ID", "")]), Ok(LicenseKey::File(path)) if path == "f"));
        assert!(read(&[]).is_err_and(|why| why.contains("LICENSE_KEY_ID is not set")));
        assert!(read(&[("LICENSE_KEY_FILE", "f"), ("LICENSE_KEY_ID", "k")]).is_err_and(|why| why.contains("remove one")));
    }
}
