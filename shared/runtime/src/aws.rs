//! The clients of the AWS SDK, as the standard variables (`AWS_REGION`, `AWS_ENDPOINT_URL*`, …) describe them.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use store::Store;

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
    let client = aws_sdk_secretsmanager::Client::new(config);
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

/// An SDK error's code, or the kind of failure, and none of its text: that may repeat what was sent.
pub fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown").to_owned(),
        SdkError::TimeoutError(_) => "timeout".to_owned(),
        SdkError::DispatchFailure(_) => "no connection".to_owned(),
        SdkError::ResponseError(_) => "the answer was cut".to_owned(),
        _ => "the request was not sent".to_owned(),
    }
}
