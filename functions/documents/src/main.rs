//! Documents on Lambda: wiring and nothing else.

use runtime::{Clock, aws};
use store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::start();
    let config = aws::config().await?;
    let (store, configuration) = aws::open(&config, Store::policy_in_force).await?;
    runtime::serve(documents::routes(documents::Documents::start(&configuration, store, Clock::system())?)).await
}
