//! The last line of every HTTP function's `main`.

use axum::Router;

use crate::reply::shell;

/// Serves routes behind the Lambda Runtime API until the environment ends.
pub async fn serve(routes: Router) -> Result<(), lambda_http::Error> {
    lambda_http::run(shell(routes)).await
}
