//! Documents on Lambda: wiring and nothing else.

use runtime::{Clock, Configuration, aws};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::start();
    let config = aws::config().await;
    let store = aws::store(&Configuration::from_env(), &config)?;
    let (configuration, ()) = tokio::join!(aws::configuration(&config), aws::ahead(store.policy_in_force()));
    let configuration = configuration?;
    runtime::serve(documents::routes(documents::Documents::start(&configuration, store, Clock::system())?)).await
}
