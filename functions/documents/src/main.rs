//! Documents on Lambda: wiring and nothing else.

use runtime::{Clock, aws};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::start();
    let config = aws::config().await;
    let configuration = aws::configuration(&config).await?;
    let store = aws::store(&configuration, &config)?;
    let documents = documents::Documents::start(&configuration, store, Clock::system())?;
    documents.prepare().await;
    runtime::serve(documents::routes(documents)).await
}
