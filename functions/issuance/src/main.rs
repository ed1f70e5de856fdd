//! Issuance on Lambda: wiring and nothing else.

use aws_lambda_events::dynamodb::Event;
use lambda_runtime::{LambdaEvent, service_fn};
use runtime::{Clock, aws};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::start();
    let config = aws::config().await?;
    let configuration = aws::configuration(&config).await?;
    let store = aws::store(&configuration, &config)?;
    let signer = issuance::key::signer(&configuration, aws_sdk_kms::Client::new(&config)).await?;
    let issuance = &issuance::Issuance::start(&configuration, store, signer, Clock::system()).await?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Event>| {
        Ok::<_, lambda_runtime::Error>(issuance.handle(event.payload).await)
    }))
    .await
}
