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

/// The SDK's configuration, as the environment has it, which is where Lambda puts all of it: region, endpoints, and the
/// credentials of the function's role. All clients made of it share one HTTP client.
///
/// The SDK's own loader looks for profiles, containers and instances too, and the code for that is a tenth of a function.
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

/// A configuration of the SDK, as far as it is the same for AWS and for whatever stands in for it: what is asked, where, and
/// as whom is left to say.
///
/// # Errors
///
/// TLS cannot be set up on this machine, for example because it has no root certificates.
pub fn builder() -> Result<sdk_config::Builder, reqwest::Error> {
    // To close a connection after an error, the SDK would have to be shown it, which `reqwest` does not; asked to, it writes
    // an error to the log at each.
    let retries = RetryConfig::standard().with_reconnect_mode(ReconnectMode::ReuseAllConnections);
    let builder = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).retry_config(retries);
    Ok(builder.http_client(http_client()?))
}

/// Where services are reached if not at AWS: `AWS_ENDPOINT_URL_DYNAMODB` says it for one, `AWS_ENDPOINT_URL` for all others.
#[derive(Debug)]
struct Endpoints;

impl LoadServiceConfig for Endpoints {
    #[allow(clippy::disallowed_methods, reason = "these variables are the SDK's, and no configuration of ours")]
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        let one = std::env::var(format!("{}_{service}", key.env()));
        one.or_else(|_| std::env::var(key.env())).ok()
    }
}

/// HTTP for all clients that are given it: they share its connections, and TLS is set up once, which is half of a start,
/// for it takes all the machine's root certificates.
///
/// The SDK's own client would bring HTTP/2, which no service that we ask speaks, and a twentieth of a function with it.
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
        let sent = request.try_into_http1x().map_err(|fault| ConnectorError::user(fault.into())).and_then(|request| {
            let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap));
            Ok(self.0.execute(request.map_err(|fault| ConnectorError::user(fault.into()))?))
        });
        HttpConnectorFuture::new(async move {
            let response = sent?.await.map_err(unanswered)?;
            let response = http::Response::from(response).map(SdkBody::from_body_1_x);
            HttpResponse::try_from(response).map_err(|fault| ConnectorError::other(fault.into(), None))
        })
    }
}

/// Why there is no answer. Whatever happens between two machines may be tried again: the SDK does.
fn unanswered(fault: reqwest::Error) -> ConnectorError {
    let timeout = fault.is_timeout();
    if timeout { ConnectorError::timeout(fault.into()) } else { ConnectorError::io(fault.into()) }
}

/// Asks a service ahead of the first request, where a caller does not wait for it: the connection, TLS included, is open
/// then. What it answers is of no interest.
///
/// A failure is logged and otherwise of no consequence: the first request opens the connection itself. So it is when there
/// is no answer for three seconds, because Lambda ends a start that takes ten, and begins it again.
pub async fn ahead<T, E: Display>(asked: impl Future<Output = Result<T, E>>) {
    let failure = match timeout(AHEAD, asked).await {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer in {AHEAD:?}"),
    };
    tracing::warn!(failure, "a service could not be asked at the start: the first request tries again");
}

/// The environment of this process, with the secrets that it names fetched from Secrets Manager: `NAME_FROM`, set to a
/// secret's ARN, stands for `NAME`. Anybody who may look at a function sees its environment; only its role reads the
/// secret. A secret that changes later counts from the next start on.
///
/// # Errors
///
/// Every secret that cannot be had.
pub async fn configuration(config: &SdkConfig) -> Result<Configuration, ConfigurationError> {
    // Where no secret is kept elsewhere, nobody waits for a client.
    let client = LazyCell::new(|| aws_sdk_secretsmanager::Client::new(config));
    let fetch = async |arn: String| match client.get_secret_value().secret_id(arn).send().await {
        Ok(got) => got.secret_string.ok_or_else(|| "it holds no text".to_owned()),
        Err(error) => Err(code(&error)),
    };
    Configuration::from_env().with_secrets(fetch).await
}

/// The store, whose table is read ahead as `read` says, and the configuration with its secrets: asked for at once, since
/// neither has to wait for the other.
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
/// It names none.
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
    use tokio::net::TcpListener;

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
        ahead(async { Err::<(), _>(store::Error::Unavailable { operation: "GetItem", reason: "no route".to_owned() }) }).await;
        ahead(std::future::pending::<Result<(), store::Error>>()).await;
    }
}
