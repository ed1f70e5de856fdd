//! Issuance on Lambda: wiring and nothing else.

use std::sync::Arc;

use aws_lambda_events::dynamodb::Event;
use lambda_runtime::{LambdaEvent, service_fn};
use licensing::FileSigner;
use runtime::{Clock, Configuration, aws};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::start();
    let configuration = Configuration::from_env();
    let key = configuration.read(|c| c.required("LICENSE_KEY_FILE"))?;
    let store = aws::store(&configuration, &aws::config().await)?;
    let signer = Arc::new(FileSigner::open(key)?);
    let issuance = &issuance::Issuance::start(&configuration, store, signer, Clock::system()).await?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Event>| {
        Ok::<_, lambda_runtime::Error>(issuance.handle(event.payload).await)
    }))
    .await
}
