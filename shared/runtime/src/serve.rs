//! Serving routes in a Lambda function.

use axum::Router;

use crate::reply::shell;

/// Serves routes behind the Lambda Runtime API until the environment ends.
///
/// # Errors
///
/// The Runtime API failed.
pub async fn serve(routes: Router) -> Result<(), lambda_http::Error> {
    lambda_http::run(shell(routes)).await
}
