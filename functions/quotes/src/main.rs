//! Quotes on Lambda: wiring and nothing else.

use runtime::{Clock, aws};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::start();
    let config = aws::config().await?;
    let configuration = aws::configuration(&config).await?;
    let store = aws::store(&configuration, &config)?;
    let quotes = quotes::Quotes::start(&configuration, store, Clock::system())?;
    quotes.prepare().await;
    runtime::serve(quotes::routes(quotes)).await
}
