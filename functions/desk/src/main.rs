//! The desk on Lambda: wiring and nothing else.

use runtime::{Clock, Configuration, aws};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::start();
    let configuration = Configuration::from_env();
    let store = aws::store(&configuration, &aws::config().await?)?;
    let desk = desk::Desk::start(&configuration, store, Clock::system())?;
    desk.prepare().await;
    runtime::serve(desk::routes(desk)).await
}
