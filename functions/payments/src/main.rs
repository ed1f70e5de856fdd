//! Payments on Lambda: wiring and nothing else.

use domain::payment::PaymentId;
use runtime::{Clock, aws};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::start();
    let config = aws::config().await?;
    // Reading a payment that does not exist opens the connection to the table before the first webhook.
    let absent = PaymentId::new("none", "none");
    let (store, configuration) = aws::open(&config, async |store| store.receipt_and_quote(&absent, None).await).await?;
    runtime::serve(payments::routes(payments::Payments::start(&configuration, store, Clock::system())?)).await
}
