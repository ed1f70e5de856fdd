//! The clients of the AWS SDK, as the standard variables (`AWS_REGION`, `AWS_ENDPOINT_URL*`, …) describe them.

use std::cell::LazyCell;

use aws_config::SdkConfig;
use store::Store;
pub use store::code;

use crate::configuration::{Configuration, ConfigurationError};

/// The SDK's configuration: region, credentials, endpoints.
pub async fn config() -> SdkConfig {
    aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await
}

/// The environment of this process, with the secrets that it names fetched from Secrets Manager: `NAME_FROM`, set to a
/// secret's ARN, stands for `NAME`. Anybody who may look at a function sees its environment; only its role reads the
/// secret. A secret that changes later counts from the next start on.
///
/// # Errors
///
/// Every secret that cannot be had.
pub async fn configuration(config: &SdkConfig) -> Result<Configuration, ConfigurationError> {
    // Where no secret is kept elsewhere, nobody waits for a client.
    let client = LazyCell::new(|| aws_sdk_secretsmanager::Client::new(config));
    let fetch = async |arn: String| match client.get_secret_value().secret_id(arn).send().await {
        Ok(got) => got.secret_string.ok_or_else(|| "it holds no text".to_owned()),
        Err(error) => Err(code(&error)),
    };
    Configuration::from_env().with_secrets(fetch).await
}

/// The store on the table that `TABLE_NAME` names.
pub fn store(configuration: &Configuration, config: &SdkConfig) -> Result<Store, ConfigurationError> {
    let table = configuration.read(|c| c.required("TABLE_NAME"))?;
    Ok(Store::new(aws_sdk_dynamodb::Client::new(config), table))
}
