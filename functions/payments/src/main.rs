//! Payments on Lambda: wiring and nothing else.

use domain::payment::PaymentId;
use runtime::{Clock, Configuration, aws};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::telemetry::start();
    let config = aws::config().await;
    let store = aws::store(&Configuration::from_env(), &config)?;
    // A payment that nobody made: there is nothing else to read before one is told.
    let nobodys = PaymentId::new("none", "none");
    let opened = aws::ahead(store.receipt_and_quote(&nobodys, None));
    let (configuration, ()) = tokio::join!(aws::configuration(&config), opened);
    let configuration = configuration?;
    runtime::serve(payments::routes(payments::Payments::start(&configuration, store, Clock::system())?)).await
}
