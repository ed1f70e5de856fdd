//! Payments on Lambda: wiring and nothing else.

use domain::payment::PaymentId;
use runtime::{Clock, aws};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::start();
    let config = aws::config().await?;
    // A payment that nobody made: there is nothing else to read before one is told.
    let nobodys = PaymentId::new("none", "none");
    let (store, configuration) = aws::open(&config, async |store| store.receipt_and_quote(&nobodys, None).await).await?;
    runtime::serve(payments::routes(payments::Payments::start(&configuration, store, Clock::system())?)).await
}
