//! Notifications on Lambda: wiring and nothing else.

use aws_lambda_events::dynamodb::Event;
use lambda_runtime::{LambdaEvent, service_fn};
use runtime::{Clock, Configuration, aws};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::start();
    let config = aws::config().await;
    let store = aws::store(&Configuration::from_env(), &config)?;
    let (configuration, ()) = tokio::join!(aws::configuration(&config), aws::ahead(store.policy_in_force()));
    let configuration = configuration?;
    let mail = aws_sdk_ses::Client::new(&config);
    let notifications = &notifications::Notifications::start(&configuration, store, mail, Clock::system())?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Event>| {
        Ok::<_, lambda_runtime::Error>(notifications.handle(event.payload).await)
    }))
    .await
}
