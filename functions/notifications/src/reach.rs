//! The connection to the mail service, opened before the first letter.

use aws_sdk_ses::{
    Client,
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextMut},
    error::{BoxError, SdkError},
};

/// Opens the connection to the mail service with an unsigned request, so that the first letter does not wait for it. The function's
/// role may only send mail, so a signed request would be refused, too. A refusal is a success, because the connection is open.
///
/// # Errors
///
/// The mail service did not respond. The error is the code or the kind of failure. A letter can still be sent later.
pub async fn reach(mail: &Client) -> Result<(), String> {
    match mail.get_send_quota().customize().interceptor(Unsigned).send().await {
        Ok(_) | Err(SdkError::ServiceError(_)) => Ok(()),
        Err(error) => Err(runtime::aws::code(&error)),
    }
}

/// Removes the signature of a request.
#[derive(Debug)]
struct Unsigned;

impl Intercept for Unsigned {
    fn name(&self) -> &'static str {
        "Unsigned"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        context.request_mut().headers_mut().remove("authorization");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use aws_sdk_ses::config::{Credentials, Region, SharedCredentialsProvider};
    use axum::{
        Router,
        http::{HeaderMap, StatusCode},
        serve::ListenerExt,
    };
    use tokio::net::TcpListener;

    use super::*;

    fn client(endpoint: String) -> Client {
        let credentials = SharedCredentialsProvider::new(Credentials::new("local", "local", None, None, "local"));
        let config = runtime::aws::builder().unwrap().region(Region::new("local")).endpoint_url(endpoint);
        Client::new(&config.credentials_provider(credentials).build())
    }

    #[tokio::test]
    async fn an_unsigned_request_opens_the_connection_for_the_next_signed_one() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mail = client(format!("http://{}", listener.local_addr().unwrap()));
        let opened = Arc::new(AtomicUsize::new(0));
        let signed = Arc::new(Mutex::new(Vec::new()));
        let (count, noted) = (opened.clone(), signed.clone());
        let listener = listener.tap_io(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let refuse = async move |headers: HeaderMap| {
            noted.lock().unwrap().push(headers.contains_key("authorization"));
            (StatusCode::FORBIDDEN, "<ErrorResponse><Error><Code>MissingAuthenticationToken</Code></Error></ErrorResponse>")
        };
        tokio::spawn(async { axum::serve(listener, Router::new().fallback(refuse)).await.unwrap() });

        assert_eq!(reach(&mail).await, Ok(()));
        mail.get_send_quota().send().await.expect_err("refused");
        assert_eq!(*signed.lock().unwrap(), [false, true]);
        assert_eq!(opened.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_service_that_does_not_respond_is_an_error() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mail = client(format!("http://{}", listener.local_addr().unwrap()));
        drop(listener);
        assert_eq!(reach(&mail).await, Err("no connection".to_owned()));
    }
}
