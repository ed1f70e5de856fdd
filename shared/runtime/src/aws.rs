//! The clients of the AWS SDK, as the standard variables (`AWS_REGION`, `AWS_ENDPOINT_URL*`, …) describe them.

use aws_config::SdkConfig;
use store::Store;

use crate::configuration::{Configuration, ConfigurationError};

/// The SDK's configuration: region, credentials, endpoints.
pub async fn config() -> SdkConfig {
    aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await
}

/// The store on the table that `TABLE_NAME` names.
pub fn store(configuration: &Configuration, config: &SdkConfig) -> Result<Store, ConfigurationError> {
    let table = configuration.read(|c| c.required("TABLE_NAME"))?;
    Ok(Store::new(aws_sdk_dynamodb::Client::new(config), table))
}
