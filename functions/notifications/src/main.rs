//! Notifications on Lambda: wiring and nothing else.

use aws_lambda_events::dynamodb::Event;
use lambda_runtime::{LambdaEvent, service_fn};
use runtime::{Clock, aws};
use store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::start();
    let config = aws::config().await?;
    let mail = aws_sdk_ses::Client::new(&config);
    let (opened, ()) = tokio::join!(aws::open(&config, Store::policy_in_force), aws::ahead(notifications::reach(&mail)));
    let (store, configuration) = opened?;
    let notifications = &notifications::Notifications::start(&configuration, store, mail, Clock::system())?;
    notifications.prepare().await;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Event>| {
        Ok::<_, lambda_runtime::Error>(notifications.handle(event.payload).await)
    }))
    .await
}
