//! Notifications on Lambda: wiring and nothing else.

use aws_lambda_events::dynamodb::Event;
use lambda_runtime::{LambdaEvent, service_fn};
use runtime::{Clock, aws};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::start();
    let config = aws::config().await;
    let configuration = aws::configuration(&config).await?;
    let store = aws::store(&configuration, &config)?;
    let mail = aws_sdk_ses::Client::new(&config);
    let notifications = &notifications::Notifications::start(&configuration, store, mail, Clock::system())?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Event>| {
        Ok::<_, lambda_runtime::Error>(notifications.handle(event.payload).await)
    }))
    .await
}
