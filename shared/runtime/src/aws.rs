//! The clients of the AWS SDK, as the standard variables (`AWS_REGION`, `AWS_ENDPOINT_URL*`, …) describe them.

use std::{cell::LazyCell, fmt::Display, time::Duration};

use aws_config::{
    BehaviorVersion, SdkConfig,
    environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider},
    meta::region::ProvideRegion,
};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    shared::IntoShared,
};
use aws_smithy_types::{
    body::SdkBody,
    retry::{ReconnectMode, RetryConfig},
};
use aws_types::{
    sdk_config,
    service_config::{LoadServiceConfig, ServiceConfigKey},
};
use reqwest::redirect::Policy;
use store::Store;
pub use store::code;
use tokio::time::timeout;

use crate::configuration::{Configuration, ConfigurationError};

/// How long a connection may take to open: the SDK's own default.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);

/// How long a start waits for a service.
const AHEAD: Duration = Duration::from_secs(3);

/// The SDK's configuration from the environment, where Lambda puts all of it: region, endpoints, and the credentials of the
/// function's role. All clients of this configuration share one HTTP client.
///
/// The SDK's own loader also looks for profiles, containers and instances. That code would be a tenth of a function's size.
///
/// # Errors
///
/// TLS cannot be set up on this machine, for example because it has no root certificates.
pub async fn config() -> Result<SdkConfig, reqwest::Error> {
    let config = builder()?
        .region(EnvironmentVariableRegionProvider::new().region().await)
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .service_config(Endpoints)
        .build();
    Ok(config)
}

/// The part of the SDK's configuration that is the same for AWS and for an emulator. The caller adds region, endpoints and
/// credentials.
///
/// # Errors
///
/// TLS cannot be set up on this machine, for example because it has no root certificates.
pub fn builder() -> Result<sdk_config::Builder, reqwest::Error> {
    // The SDK cannot close a connection after an error, because `reqwest` does not expose it. With another mode, the SDK logs an
    // error at each attempt to close one.
    let retries = RetryConfig::standard().with_reconnect_mode(ReconnectMode::ReuseAllConnections);
    let builder = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).retry_config(retries);
    Ok(builder.http_client(http_client()?))
}

/// Endpoints other than those of AWS: `AWS_ENDPOINT_URL_DYNAMODB` and its like for one service, `AWS_ENDPOINT_URL` for all
/// others.
#[derive(Debug)]
struct Endpoints;

impl LoadServiceConfig for Endpoints {
    #[allow(clippy::disallowed_methods, reason = "these variables belong to the SDK and not to our configuration")]
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        let one = std::env::var(format!("{}_{service}", key.env()));
        one.or_else(|_| std::env::var(key.env())).ok()
    }
}

/// The HTTP client that all SDK clients share, with its connections. TLS is set up only once: loading the machine's root
/// certificates is half of a start.
///
/// The SDK's own client would add HTTP/2, which none of the services uses, and a twentieth of a function's size.
///
/// # Errors
///
/// TLS cannot be set up on this machine, for example because it has no root certificates.
fn http_client() -> Result<SharedHttpClient, reqwest::Error> {
    let client = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).redirect(Policy::none()).no_proxy();
    let client = client.build()?;
    Ok(Http(client).into_shared())
}

#[derive(Clone, Debug)]
struct Http(reqwest::Client);

impl HttpClient for Http {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.clone().into_shared()
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sent = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into())).and_then(|request| {
            let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap));
            Ok(self.0.execute(request.map_err(|error| ConnectorError::user(error.into()))?))
        });
        HttpConnectorFuture::new(async move {
            let response = sent?.await.map_err(connection_error)?;
            let response = http::Response::from(response).map(SdkBody::from_body_1_x);
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// An error of the connection, as the SDK wants it. The SDK retries it.
fn connection_error(error: reqwest::Error) -> ConnectorError {
    let timeout = error.is_timeout();
    if timeout { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}

/// Sends a request to a service in the start phase, where no caller waits for it, so that the connection and its TLS session
/// are open before the first request. The response is not used.
///
/// A failure is logged and has no other effect: the first request opens the connection itself. The same happens after three
/// seconds without a response, because Lambda restarts a start phase that takes ten seconds.
pub async fn ahead<T, E: Display>(request: impl Future<Output = Result<T, E>>) {
    let failure = match timeout(AHEAD, request).await {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no response in {AHEAD:?}"),
    };
    tracing::warn!(failure, "a service did not respond at the start: the first request retries");
}

/// The environment of this process, with the secrets that it names fetched from Secrets Manager: `NAME_FROM`, set to a
/// secret's ARN, stands for `NAME`. Everyone who may view a function sees its environment; only the function's role reads the
/// secret. A changed secret is used from the next start on.
///
/// # Errors
///
/// Every secret that cannot be read.
pub async fn configuration(config: &SdkConfig) -> Result<Configuration, ConfigurationError> {
    // Without secrets in Secrets Manager, no client is made.
    let client = LazyCell::new(|| aws_sdk_secretsmanager::Client::new(config));
    let fetch = async |arn: String| match client.get_secret_value().secret_id(arn).send().await {
        Ok(got) => got.secret_string.ok_or_else(|| "it holds no text".to_owned()),
        Err(error) => Err(code(&error)),
    };
    Configuration::from_env().with_secrets(fetch).await
}

/// The store, whose table is read in the start phase with `read`, and the configuration with its secrets. Both are requested
/// concurrently.
///
/// # Errors
///
/// Those of [`configuration()`] and [`store()`].
pub async fn open<T>(
    config: &SdkConfig,
    read: impl AsyncFnOnce(&Store) -> Result<T, store::Error>,
) -> Result<(Store, Configuration), ConfigurationError> {
    let store = store(&Configuration::from_env(), config)?;
    let (configuration, ()) = tokio::join!(configuration(config), ahead(read(&store)));
    Ok((store, configuration?))
}

/// The store on the table that `TABLE_NAME` names.
///
/// # Errors
///
/// `TABLE_NAME` is not set.
pub fn store(configuration: &Configuration, config: &SdkConfig) -> Result<Store, ConfigurationError> {
    let table = configuration.read(|c| c.required("TABLE_NAME"))?;
    Ok(Store::new(aws_sdk_dynamodb::Client::new(config), table))
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use aws_sdk_dynamodb::config::{Credentials, Region};
    use axum::{Router, http::StatusCode, serve::ListenerExt};
    use tokio::{net::TcpListener, time::Instant};

    use super::*;
    use crate::telemetry::tests::Page;

    /// What functions are configured with, for a service at this address.
    async fn config_for(listener: &TcpListener) -> SdkConfig {
        let credentials = SharedCredentialsProvider::new(Credentials::new("id", "key", None, None, "test"));
        let config = config().await.expect("TLS").into_builder().region(Region::new("local"));
        let config = config.endpoint_url(format!("http://{}", listener.local_addr().expect("its address")));
        config.credentials_provider(credentials).build()
    }

    #[tokio::test]
    async fn what_succeeds_when_it_is_tried_again_is_nothing_to_warn_of() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let config = config_for(&listener).await;
        let asked = Arc::new(AtomicUsize::new(0));
        let answer = async move || match asked.fetch_add(1, Ordering::Relaxed) {
            0 => (StatusCode::INTERNAL_SERVER_ERROR, r#"{"__type":"InternalServerError"}"#),
            _ => (StatusCode::OK, "{}"),
        };
        let served = axum::serve(listener, Router::new().fallback(answer));
        tokio::spawn(async { served.await.expect("it serves") });

        let page = Page::default();
        let _log = tracing::subscriber::set_default(page.log("warn"));
        aws_sdk_dynamodb::Client::new(&config).list_tables().send().await.expect("an answer, in the end");
        assert_eq!(page.text(), "");
    }

    #[tokio::test]
    async fn all_clients_share_one_http_client_and_so_its_connections() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let config = config_for(&listener).await;
        let opened = Arc::new(AtomicUsize::new(0));
        let count = opened.clone();
        let listener = listener.tap_io(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let served = axum::serve(listener, Router::new().fallback(async || "{}"));
        tokio::spawn(async { served.await.expect("it serves") });

        aws_sdk_dynamodb::Client::new(&config).list_tables().send().await.expect("an answer");
        aws_sdk_dynamodb::Client::new(&config).list_tables().send().await.expect("an answer");
        aws_sdk_secretsmanager::Client::new(&config).list_secrets().send().await.expect("an answer");
        assert_eq!(opened.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_fails_or_does_not_answer_at_the_start_does_not_keep_the_function_from_starting() {
        let page = Page::default();
        let _log = tracing::subscriber::set_default(page.log("warn"));
        let start = Instant::now();
        ahead(async { Ok::<_, store::Error>(()) }).await;
        assert_eq!((start.elapsed(), &*page.text()), (Duration::ZERO, ""), "a response causes no warning");

        ahead(async { Err::<(), _>(store::Error::Unavailable { operation: "GetItem", reason: "no route".to_owned() }) }).await;
        assert_eq!(start.elapsed(), Duration::ZERO, "a failure ends the wait");
        ahead(std::future::pending::<Result<(), store::Error>>()).await;
        assert_eq!(start.elapsed(), AHEAD, "the wait ends without a response");
        let log = page.text();
        let warnings: Vec<_> = log.lines().collect();
        let [failed, silent] = &warnings[..] else { panic!("one warning each: {log}") };
        assert!(failed.contains("WARN") && failed.contains("no route"), "{failed}");
        assert!(silent.contains("WARN") && silent.contains("no response in 3s"), "{silent}");
    }
}
