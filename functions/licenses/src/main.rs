//! Licences on Lambda: wiring and nothing else.

use runtime::{Clock, Configuration, aws};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::start();
    let configuration = Configuration::from_env();
    let store = aws::store(&configuration, &aws::config().await?)?;
    let licenses = licenses::Licenses::start(&configuration, store, Clock::system())?;
    licenses.prepare().await;
    runtime::serve(licenses::routes(licenses)).await
}
