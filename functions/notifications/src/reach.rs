//! The connection to the mail service, opened before there is a letter.

use aws_sdk_ses::{
    Client,
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextMut},
    error::{BoxError, SdkError},
};

/// Asks the mail service something, so that the first letter finds a connection. It is asked by nobody, since a function's
/// role may send mail and nothing else: that it refuses is as good as any answer.
///
/// # Errors
///
/// There is no answer; with what is known of why.
pub async fn reach(mail: &Client) -> Result<(), String> {
    match mail.get_send_quota().customize().interceptor(Unsigned).send().await {
        Ok(_) | Err(SdkError::ServiceError(_)) => Ok(()),
        Err(error) => Err(runtime::aws::code(&error)),
    }
}

/// Takes the signature off a request.
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
    async fn nobody_asks_and_the_connection_serves_whoever_does() {
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
    async fn no_answer_is_told() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mail = client(format!("http://{}", listener.local_addr().unwrap()));
        drop(listener);
        assert_eq!(reach(&mail).await, Err("no connection".to_owned()));
    }
}
