//! The local deployment: the functions behind one address, with local substitutes for the services of AWS.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ::feedback::Feedback;
use aws_config::{Region, SdkConfig};
use axum::{Router, middleware};
use deadlines::{Deadlines, Round};
use desk::Desk;
use documents::Documents;
use issuance::Issuance;
use jiff::Timestamp;
use licenses::Licenses;
use licensing::FileSigner;
use notifications::Notifications;
use payments::Payments;
use quotes::Quotes;
use runtime::{Configuration, Policies, StartError, Vendor, clock::MovableClock, secret::Secret, shell};
use store::Store;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{
    engine::{self, Engine},
    feedback::{self, Reporting},
    guard, inbox,
    issuer::{self, Issuer},
    post::PostOffice,
    practice::{self, Practice},
    pump::{Consumer, Gauge, Pump},
    secrets::{self, Keys},
    timepiece,
    upkeep::{Timer, Upkeep},
};

/// The name of the table in this deployment.
pub const TABLE: &str = "sellthrough";
/// The time that open connections have to finish their requests at shutdown. With the time of the engine it is less than the five
/// seconds after which a supervisor may kill the process.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// The names of the functions that consume the stream.
const CONSUMERS: [&str; 2] = ["issuance", "notifications"];

/// The settings of a deployment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address to listen on; port 0 selects a free port.
    pub listen: SocketAddr,
    /// The directory of all data.
    pub data: PathBuf,
    /// The vendor folder.
    pub vendor: PathBuf,
    /// The instant at which the clock stops; `None` follows the machine's clock.
    pub now: Option<Timestamp>,
    /// The process's environment: `STRIPE_WEBHOOK_SECRET`, `AWS_ENDPOINT_URL_DYNAMODB` and credentials for that engine.
    pub environment: Configuration,
}

/// A running local deployment.
pub struct Deployment {
    address: SocketAddr,
    data: PathBuf,
    vendor: PathBuf,
    webhook_secret: WebhookSecret,
    clock: MovableClock,
    gauge: Gauge,
    store: Store,
    stop: watch::Sender<bool>,
    http: JoinHandle<()>,
    upkeep: Arc<Upkeep>,
    timers: JoinSet<()>,
    pump: Pump,
    post: (PostOffice, JoinHandle<()>),
    engine: Option<Arc<Engine>>,
}

/// The secret that signs webhooks. A secret that the deployment created itself (`own`) is printed at the start.
struct WebhookSecret {
    secret: String,
    own: bool,
}

impl WebhookSecret {
    fn given_or_own(given: Option<Secret>, data: &Path) -> Result<Self, StartError> {
        if let Some(given) = given {
            return Ok(Self { secret: given.expose().to_owned(), own: false });
        }
        let secret = secrets::kept(data, "stripe-webhook-secret", || format!("whsec_{}", secrets::fresh()))?;
        Ok(Self { secret, own: true })
    }
}

impl Deployment {
    /// Starts everything. After `Ok` the deployment accepts requests. After a kill, it continues from its stored state.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let Settings { listen, data, vendor, now, environment } = settings;
        let (stripe_secret, other_engine) =
            environment.read(|c| (c.optional_secret("STRIPE_WEBHOOK_SECRET"), c.optional("AWS_ENDPOINT_URL_DYNAMODB")))?;
        let listener = on_this_machine(listen).await?;
        let address = listener.local_addr()?;
        let url = format!("http://{address}");

        let Table { engine, store, streams, keys, signer } = match other_engine {
            Some(endpoint) => other_table(&endpoint, &environment, &data).await?,
            None => embedded_table(&data).await?,
        };

        let clock = now.map_or_else(MovableClock::following_system, MovableClock::at);
        let webhook_secret = WebhookSecret::given_or_own(stripe_secret, &data)?;
        let issuer = {
            let clock = clock.clock();
            Issuer::open(&data, &url, Arc::new(move || clock.now()))?
        };
        let configuration = Configuration::from_pairs([
            ("TABLE_NAME", TABLE),
            ("VENDOR_DIR", &*vendor.to_string_lossy()),
            ("PUBLIC_URL", &url),
            ("PAYMENT_URL", &format!("{url}/pay")),
            ("LINK_KEYS", &keys.link_keys),
            ("NUMBER_KEY", &keys.number_key),
            ("MAIL_SET_REQUESTS", "requests"),
            ("MAIL_SET_PURCHASES", "purchases"),
            ("STRIPE_WEBHOOK_SECRET", &webhook_secret.secret),
            ("STRIPE_ACCEPT_TEST_MODE", "true"),
            ("OIDC_ISSUER", issuer.url()),
            ("OIDC_AUDIENCE", issuer::AUDIENCE),
        ]);
        let (folder, links) = Vendor::with_links(&configuration)?;
        // All mistakes of the folder are reported now, those of its texts included.
        folder.policy()?;
        // The vendor edits the folder in place: a changed folder takes effect at the next start.
        Policies::new(&folder, store.clone(), clock.clock())?.take_folder().await?;

        let (post, mail) = post_office(&data).await?;
        let practice = Practice {
            store: store.clone(),
            links,
            webhook: format!("{url}/webhooks/stripe"),
            secret: webhook_secret.secret.clone(),
            clock: clock.clock(),
            http: reqwest::Client::builder().no_proxy().build()?,
        };
        let feedback = Arc::new(Feedback::start(&configuration, store.clone())?);
        let reporting = Reporting { post: post.0.clone(), feedback, clock: clock.clock() };
        let routes = functions(&configuration, &store, &clock)?
            .merge(practice::router(Arc::new(practice)))
            .merge(inbox::router(post.0.clone()))
            .merge(feedback::router(reporting))
            .merge(issuer.router())
            .merge(timepiece::router(clock.clone()));
        let consumers = consumers(&configuration, &store, &clock, mail, signer).await?;
        let pump = Pump::start(streams, store.client(), TABLE, consumers, &data).await?;
        let gauge = pump.gauge();

        let (stop, _) = watch::channel(false);
        let routes = shell(routes.layer(middleware::from_fn_with_state(gauge.clone(), guard::admit)));
        let http = tokio::spawn(serve(listener, routes, stop.subscribe()));
        let deadlines = Deadlines::new(store.clone(), clock.clock());
        let upkeep = Arc::new(Upkeep { engine: engine.clone(), table: TABLE, gauge: gauge.clone(), deadlines });
        let mut timers = JoinSet::new();
        for timer in Timer::ALL {
            timers.spawn(upkeep.clone().repeat(timer));
        }
        Ok(Self { address, data, vendor, webhook_secret, clock, gauge, store, stop, http, upkeep, timers, pump, post, engine })
    }

    /// The address, without a final slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The secret that signs webhooks.
    pub fn webhook_secret(&self) -> &str {
        &self.webhook_secret.secret
    }

    /// The clock.
    pub fn clock(&self) -> &MovableClock {
        &self.clock
    }

    /// The table.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns when nothing is left to do: every licence issued, every letter sent.
    pub async fn idle(&self) {
        self.gauge.idle().await;
    }

    /// Retries work that has been pending for too long by the deployment's clock. A timer does the same once a minute.
    ///
    /// # Errors
    ///
    /// The table is not available. A retry is safe.
    pub async fn remind(&self) -> Result<Round, store::Error> {
        self.upkeep.deadlines.round().await
    }

    /// Runs the task of a timer now, and returns when the task is done.
    ///
    /// # Errors
    ///
    /// The error that the timer itself would log: nothing is lost, and a retry is safe.
    pub async fn fire(&self, timer: Timer) -> Result<(), StartError> {
        self.upkeep.fire(timer).await
    }

    /// The message at the start: the addresses, and commands to try next.
    pub fn welcome(&self) -> String {
        let url = self.url();
        let secret = match &self.webhook_secret {
            WebhookSecret { secret, own: true } => {
                format!("\n  Webhooks are signed with {secret}\n  (its own; set STRIPE_WEBHOOK_SECRET to use yours)\n")
            }
            WebhookSecret { own: false, .. } => String::new(),
        };
        format!(
            "Sellthrough is at {url}, with its data in {data}.

  {url}/v1/quotes      quotes: POST one
  {url}/local/inbox    every letter it sends
  {url}/local/clock    its clock: PUT {{\"now\": \"2026-12-24T12:00:00Z\"}}
{secret}
Try this next, in another terminal:

  quote=$(mktemp)
  curl -s {url}/v1/quotes -H 'content-type: application/json' -d @{vendor}/examples/quote.json -o \"$quote\"
  curl -s -H 'accept: application/json' {url}/local/inbox
  curl -s -X POST -d outcome=paid \"$(grep -o 'http[^\"]*/pay/[^\"]*' \"$quote\")\"

Ctrl-C ends it.",
            data = self.data.display(),
            vendor = self.vendor.display(),
        )
    }

    /// Stops the deployment within five seconds. Running requests, and the records that are with the consumers, are finished for at
    /// most 2.5 seconds; all other work waits for the next start, which also repeats what was interrupted.
    pub async fn shutdown(mut self) -> Result<(), StartError> {
        // The timers hold the engine until they are gone.
        self.timers.shutdown().await;
        drop(self.upkeep);
        self.stop.send_replace(true);
        let (served, ()) = tokio::join!(tokio::time::timeout(PATIENCE, &mut self.http), self.pump.shutdown());
        if served.is_err() {
            tracing::warn!("a connection was still open at the end");
            self.http.abort();
        }
        self.post.1.abort();
        match self.engine.and_then(Arc::into_inner) {
            Some(engine) => Ok(engine.shutdown().await?),
            None => Ok(()),
        }
    }
}

async fn serve(listener: TcpListener, routes: Router, mut stop: watch::Receiver<bool>) {
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    let stopped = async move {
        // Dropping the deployment stops the server as well.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "the HTTP server stopped");
    }
}

/// A listener that other machines cannot reach.
async fn on_this_machine(listen: SocketAddr) -> Result<TcpListener, StartError> {
    if !listen.ip().is_loopback() {
        let why = "the local deployment shows every letter to every caller, so it accepts loopback addresses only";
        return Err(format!("cannot listen on {listen}: {why}. Use 127.0.0.1 or [::1]").into());
    }
    Ok(TcpListener::bind(listen).await.map_err(|error| format!("cannot listen on {listen}: {error}"))?)
}

/// The table, with what belongs to it.
struct Table {
    /// The embedded engine, unless the environment names another one.
    engine: Option<Arc<Engine>>,
    store: Store,
    streams: aws_sdk_dynamodbstreams::Client,
    keys: Keys,
    signer: Arc<FileSigner>,
}

/// The table of the embedded engine. The first start creates the keys, then the table with the fingerprints of the keys, completely
/// or not at all. Every later start requires all of them.
async fn embedded_table(data: &Path) -> Result<Table, StartError> {
    let directory = engine::lock(data).await?;
    let (mut directory, exists) = engine::blocking(move || {
        let exists = directory.has_table(TABLE)?;
        Ok((directory, exists))
    })
    .await?;
    if !exists {
        let keys = Keys::create(data)?;
        secrets::signer(data, true)?;
        let draft = Engine::draft(directory).await?;
        let store = Store::new(engine::client(draft.endpoint())?, TABLE);
        store.create_table().await?;
        store.record_key_fingerprints(&keys.fingerprints()).await?;
        directory = draft.adopt().await?;
    }
    let engine = Engine::open(directory).await?;
    // An earlier version may have created the table without an index.
    Store::new(engine::client(engine.endpoint())?, TABLE).create_table().await?;
    let (store, streams) = (Store::new(engine.client()?, TABLE), engine.streams()?);
    // A write makes a record, with which a place that is unknown now could be a place of the stream.
    Pump::check(&streams, store.client(), TABLE, &CONSUMERS, data).await?;
    let (keys, signer) = keys_of_table(data, &store).await?;
    Ok(Table { streams, engine: Some(Arc::new(engine)), store, keys, signer })
}

/// The table of another engine.
async fn other_table(endpoint: &str, environment: &Configuration, data: &Path) -> Result<Table, StartError> {
    let config = sdk_config(environment, endpoint)?;
    let store = Store::new(aws_sdk_dynamodb::Client::new(&config), TABLE);
    store.create_table().await?;
    let streams = aws_sdk_dynamodbstreams::Client::new(&config);
    Pump::check(&streams, store.client(), TABLE, &CONSUMERS, data).await?;
    if store.key_fingerprints().await?.is_empty() {
        let keys = Keys::create(data)?;
        secrets::signer(data, true)?;
        store.record_key_fingerprints(&keys.fingerprints()).await?;
    }
    let (keys, signer) = keys_of_table(data, &store).await?;
    Ok(Table { engine: None, store, streams, keys, signer })
}

/// The keys that the table was made with.
async fn keys_of_table(data: &Path, store: &Store) -> Result<(Keys, Arc<FileSigner>), StartError> {
    let recorded = store.key_fingerprints().await?;
    let keys = Keys::of_table(data, &recorded)?;
    // An earlier version created the key of licences later than the table, and recorded no fingerprints.
    let signer = secrets::signer(data, recorded.is_empty() && store.published_keys().await?.is_empty())?;
    let found = keys.fingerprints();
    if found != recorded {
        store.record_key_fingerprints(&found).await?;
    }
    Ok((keys, signer))
}

/// The routes of all functions with an HTTP API.
fn functions(configuration: &Configuration, store: &Store, clock: &MovableClock) -> Result<Router, StartError> {
    Ok(Router::new()
        .merge(quotes::routes(Quotes::start(configuration, store.clone(), clock.clock())?))
        .merge(payments::routes(Payments::start(configuration, store.clone(), clock.clock())?))
        .merge(licenses::routes(Licenses::start(configuration, store.clone(), clock.clock())?))
        .merge(desk::routes(Desk::start(configuration, store.clone(), clock.clock())?))
        .merge(documents::routes(Documents::start(configuration, store.clone(), clock.clock())?)))
}

/// The functions that consume the stream.
async fn consumers(
    configuration: &Configuration,
    store: &Store,
    clock: &MovableClock,
    mail: aws_sdk_ses::Client,
    signer: Arc<FileSigner>,
) -> Result<Vec<Consumer>, StartError> {
    let issuance = Arc::new(Issuance::start(configuration, store.clone(), signer, clock.clock()).await?);
    let notifications = Arc::new(Notifications::start(configuration, store.clone(), mail, clock.clock())?);
    let [first, second] = CONSUMERS;
    Ok(vec![
        Consumer::new(first, move |event| {
            let issuance = issuance.clone();
            async move { issuance.handle(event).await }
        }),
        Consumer::new(second, move |event| {
            let notifications = notifications.clone();
            async move { notifications.handle(event).await }
        }),
    ])
}

/// The mail service at a loopback address of its own, and an SES client for it.
async fn post_office(data: &Path) -> Result<((PostOffice, JoinHandle<()>), aws_sdk_ses::Client), StartError> {
    let post = PostOffice::open(data)?;
    let listener = guard::hidden_listener().await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let router = post.router();
    let server = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the mail service stopped");
        }
    });
    let client = aws_sdk_ses::Client::new(&sdk_config(&Configuration::default(), &endpoint)?);
    Ok(((post, server), client))
}

/// A configuration for one endpoint, with the region and the credentials of the environment if they are set.
fn sdk_config(environment: &Configuration, endpoint: &str) -> Result<SdkConfig, StartError> {
    let (id, key, region) = environment
        .read(|c| (c.optional("AWS_ACCESS_KEY_ID"), c.optional_secret("AWS_SECRET_ACCESS_KEY"), c.optional("AWS_REGION")))?;
    let key = key.map_or("local".to_owned(), |key| key.expose().to_owned());
    let credentials = aws_sdk_dynamodb::config::Credentials::new(id.unwrap_or("local".to_owned()), key, None, None, "local");
    let config = engine::config(endpoint)?.into_builder().region(Region::new(region.unwrap_or("us-east-1".to_owned())));
    Ok(config.credentials_provider(aws_sdk_dynamodb::config::SharedCredentialsProvider::new(credentials)).build())
}
