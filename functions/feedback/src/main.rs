//! Feedback on Lambda: wiring and nothing else.

use lambda_runtime::{LambdaEvent, service_fn};
use runtime::aws;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::start();
    let config = aws::config().await?;
    let (store, configuration) = aws::open(&config, feedback::reach).await?;
    let feedback = &feedback::Feedback::start(&configuration, store)?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<feedback::Event>| {
        Ok::<_, lambda_runtime::Error>(feedback.handle(event.payload).await?)
    }))
    .await
}
