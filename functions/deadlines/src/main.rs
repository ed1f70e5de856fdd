//! Deadlines on Lambda: wiring and nothing else.

use deadlines::{Deadlines, Round};
use lambda_runtime::{LambdaEvent, service_fn};
use runtime::{Clock, Configuration, aws};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::start();
    let store = aws::store(&Configuration::from_env(), &aws::config().await?)?;
    let deadlines = &Deadlines::new(store, Clock::system());
    deadlines.prepare().await;
    // The event has no content: it only states that it is time.
    lambda_runtime::run(service_fn(async |_: LambdaEvent<Value>| Ok::<Round, lambda_runtime::Error>(deadlines.round().await?)))
        .await
}
