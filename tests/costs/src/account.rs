//! One vendor's account in this process: the functions as they run anywhere, each with clients of its own that are counted,
//! before an embedded DynamoDB, a post office and a key that signs.

use std::{error::Error, path::Path, sync::Arc, time::Duration};

use aws_config::SdkConfig;
use aws_lambda_events::{dynamodb, streams::DynamoDbEventResponse};
use axum::{
    Router,
    body::{Body, Bytes},
    http::Request,
};
use deadlines::Deadlines;
use documents::Documents;
use http_body_util::BodyExt;
use issuance::{Issuance, kms::KmsSigner};
use jiff::SignedDuration;
use licenses::Licenses;
use local::{
    engine::{self, Engine},
    issuer::{self, Identity, Issuer},
    post::PostOffice,
    pump::{Consumer, Pump},
};
use notifications::Notifications;
use payments::Payments;
use quotes::Quotes;
use runtime::{Configuration, clock::MovableClock, shell};
use serde_json::Value;
use store::Store;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet, time::timeout};
use tower::ServiceExt;

use crate::{
    kms,
    meter::{Entry, Ledger, Meter, Spent},
    template::Filter,
};

/// Why something here went wrong, for whoever runs it.
pub(crate) type Fault = Box<dyn Error + Send + Sync>;

/// The example vendor's folder.
pub(crate) const VENDOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/vendor");

/// When everything happens.
const NOW: &str = "2026-11-22T10:00:00Z";
const TABLE: &str = "costs";
const WEBHOOK_SECRET: &str = "whsec_example";

/// A letter with its PDF takes half a second unoptimised, and longer beside other tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// The account.
pub(crate) struct Account {
    ledger: Ledger,
    clock: MovableClock,
    http: Vec<(&'static str, Router)>,
    deadlines: Deadlines,
    pump: Pump,
    issuer: Issuer,
    /// The table, asked by nobody who is counted.
    table: Store,
    _servers: JoinSet<()>,
    _engine: Engine,
    _data: TempDir,
}

/// An answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The answer's JSON, if it has this status.
    pub(crate) fn expect(&self, status: u16) -> Result<Value, Fault> {
        if self.status != status {
            let said = String::from_utf8_lossy(&self.body);
            return Err(format!("instead of {status} it was answered {}: {said}", self.status).into());
        }
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// What the functions' clients are made from.
struct Clients {
    ledger: Ledger,
    dynamodb: SdkConfig,
    kms: SdkConfig,
    ses: SdkConfig,
}

impl Clients {
    fn meter(&self, function: &'static str) -> Meter {
        Meter { function, ledger: self.ledger.clone() }
    }

    /// The table, as this function asks it.
    fn store(&self, function: &'static str) -> Store {
        let config = aws_sdk_dynamodb::config::Builder::from(&self.dynamodb).interceptor(self.meter(function)).build();
        Store::new(aws_sdk_dynamodb::Client::from_conf(config), TABLE)
    }

    fn kms(&self, function: &'static str) -> aws_sdk_kms::Client {
        let config = aws_sdk_kms::config::Builder::from(&self.kms).interceptor(self.meter(function)).build();
        aws_sdk_kms::Client::from_conf(config)
    }

    fn ses(&self, function: &'static str) -> aws_sdk_ses::Client {
        let config = aws_sdk_ses::config::Builder::from(&self.ses).interceptor(self.meter(function)).build();
        aws_sdk_ses::Client::from_conf(config)
    }
}

impl Account {
    /// An account of the vendor whose folder is `vendor`. Its policy is in force, and nothing was asked of it yet.
    pub(crate) async fn open(vendor: &Path) -> Result<Self, Fault> {
        let data = tempfile::tempdir()?;
        let mut servers = JoinSet::new();
        let engine = Engine::start(data.path()).await?;
        let kms = serve(kms::router(), &mut servers).await?;
        let ses = serve(PostOffice::open(data.path())?.router(), &mut servers).await?;
        let ledger = Ledger::default();
        let clients = Clients {
            ledger: ledger.clone(),
            dynamodb: engine::config(engine.endpoint())?,
            kms: engine::config(&kms)?,
            ses: engine::config(&ses)?,
        };

        let clock = MovableClock::at(NOW.parse()?);
        let (listener, url) = listen().await?;
        let time = clock.clock();
        let issuer = Issuer::open(data.path(), &url, Arc::new(move || time.now()))?;
        servers.spawn(answer(listener, issuer.router()));

        let configuration = Configuration::from_pairs([
            ("VENDOR_DIR", &*vendor.to_string_lossy()),
            ("PUBLIC_URL", "https://api.vendor.example"),
            ("PAYMENT_URL", "https://shop.vendor.example/pay"),
            ("LINK_KEYS", "k1:0123456789abcdef"),
            ("NUMBER_KEY", "an example number key"),
            ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("OIDC_ISSUER", issuer.url()),
            ("OIDC_AUDIENCE", issuer::AUDIENCE),
        ]);
        let table = Store::new(aws_sdk_dynamodb::Client::new(&clients.dynamodb), TABLE);
        table.create_table().await?;
        runtime::Policies::new(&runtime::Vendor::open(vendor)?, table.clone(), clock.clock())?.take_folder().await?;

        let time = || clock.clock();
        let http = vec![
            ("quotes", quotes::routes(Quotes::start(&configuration, clients.store("quotes"), time())?)),
            ("documents", documents::routes(Documents::start(&configuration, clients.store("documents"), time())?)),
            ("payments", payments::routes(Payments::start(&configuration, clients.store("payments"), time())?)),
            ("licenses", licenses::routes(Licenses::start(&configuration, clients.store("licenses"), time())?)),
        ];
        let signer = Arc::new(KmsSigner::open(clients.kms("issuance"), kms::KEY_ID).await?);
        let issuance = Issuance::start(&configuration, clients.store("issuance"), signer, time()).await?;
        let notifications =
            Notifications::start(&configuration, clients.store("notifications"), clients.ses("notifications"), time())?;
        let deadlines = Deadlines::new(clients.store("deadlines"), time());

        let stream = Arc::new(Stream {
            ledger: ledger.clone(),
            issuance: (Filter::of("issuance")?, issuance),
            notifications: (Filter::of("notifications")?, notifications),
        });
        let consumer = Consumer::new("functions", move |event| {
            let stream = stream.clone();
            async move { stream.handle(event).await }
        });
        let streams = aws_sdk_dynamodbstreams::Client::new(&clients.dynamodb);
        let pump = Pump::start(streams, table.client(), TABLE, vec![consumer], data.path()).await?;

        let http = http.into_iter().map(|(function, routes)| (function, shell(routes))).collect();
        let account =
            Self { ledger, clock, http, deadlines, pump, issuer, table, _servers: servers, _engine: engine, _data: data };
        account.settled().await?;
        account.spent();
        Ok(account)
    }

    /// What was spent since this was asked last.
    pub(crate) fn spent(&self) -> Spent {
        self.ledger.take()
    }

    /// Puts the clock forward.
    pub(crate) fn wait(&self, duration: SignedDuration) {
        self.clock.set(self.clock.clock().now() + duration);
    }

    /// Sends a request to the function that serves it.
    pub(crate) async fn ask(&self, function: &'static str, request: Request<Body>) -> Result<Answer, Fault> {
        let found = self.http.iter().find(|(name, _)| *name == function);
        let (_, routes) = found.ok_or_else(|| format!("no function is called {function}"))?;
        self.ledger.add(Entry::Invocation { function });
        let response = routes.clone().oneshot(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        self.ledger.add(Entry::Request { bytes: u64::try_from(body.len())? });
        Ok(Answer { status, body })
    }

    /// Tells the webhook an event, as Stripe would now.
    pub(crate) async fn tell(&self, event: &Value) -> Result<Value, Fault> {
        let body = event.to_string();
        let now = self.clock.clock().now().as_second();
        let signature = stripe_webhook::Webhook::generate_test_header(&body, WEBHOOK_SECRET, Some(now));
        let request = Request::post("/webhooks/stripe")
            .header("Stripe-Signature", signature)
            .header("content-type", "application/json")
            .body(Body::from(body))?;
        self.ask("payments", request).await?.expect(200)
    }

    /// An access token for somebody, as the `Authorization` header carries it.
    pub(crate) fn bearer(&self, email: &str) -> Result<String, Fault> {
        let identity = Identity { email: email.to_owned(), organization: None, groups: Vec::new() };
        Ok(format!("Bearer {}", self.issuer.token(&identity)?))
    }

    /// One round of what the clock starts.
    pub(crate) async fn round(&self) -> Result<(), Fault> {
        self.ledger.add(Entry::Invocation { function: "deadlines" });
        self.deadlines.round().await?;
        Ok(())
    }

    /// Returns when the stream's functions have nothing left to do.
    pub(crate) async fn settled(&self) -> Result<(), Fault> {
        let idle = timeout(PATIENCE, self.pump.idle()).await;
        idle.map_err(|_| format!("there was still work to do after {PATIENCE:?}").into())
    }

    /// How many bytes everything in the table has.
    pub(crate) async fn kept(&self) -> Result<u64, Fault> {
        let told = self.table.client().describe_table().table_name(TABLE).send().await?;
        let bytes = told.table().and_then(|table| table.table_size_bytes()).ok_or("the engine does not tell the table's size")?;
        Ok(u64::try_from(bytes)?)
    }
}

/// The functions that the stream starts. Each is given each record by itself, which is the dearest way: a batch would be one
/// invocation for many. They take turns, so that nothing depends on who is quicker.
struct Stream {
    ledger: Ledger,
    issuance: (Filter, Issuance),
    notifications: (Filter, Notifications),
}

impl Stream {
    async fn handle(&self, event: dynamodb::Event) -> DynamoDbEventResponse {
        for record in event.records {
            let told = serde_json::to_value(&record).unwrap_or_default();
            let (filter, issuance) = &self.issuance;
            if filter.passes(&told) {
                self.ledger.add(Entry::Invocation { function: "issuance" });
                let answer = issuance.handle(of(record.clone())).await;
                if !answer.batch_item_failures.is_empty() {
                    return answer;
                }
            }
            let (filter, notifications) = &self.notifications;
            if filter.passes(&told) {
                self.ledger.add(Entry::Invocation { function: "notifications" });
                let answer = notifications.handle(of(record)).await;
                if !answer.batch_item_failures.is_empty() {
                    return answer;
                }
            }
        }
        DynamoDbEventResponse::default()
    }
}

/// A batch of one record.
fn of(record: dynamodb::EventRecord) -> dynamodb::Event {
    let mut event = dynamodb::Event::default();
    event.records = vec![record];
    event
}

async fn listen() -> Result<(TcpListener, String), Fault> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

/// Serves routes at an address of their own, and tells which.
async fn serve(routes: Router, servers: &mut JoinSet<()>) -> Result<String, Fault> {
    let (listener, url) = listen().await?;
    servers.spawn(answer(listener, routes));
    Ok(url)
}

/// Until it is ended: whoever asks a server that has failed gets no answer, and says so.
async fn answer(listener: TcpListener, routes: Router) {
    let _ = axum::serve(listener, routes).await;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use axum::http::StatusCode;

    use super::*;

    /// Issue 4 counts calls; what the SDK does again by itself is one more.
    #[tokio::test]
    async fn what_the_sdk_repeats_by_itself_is_counted_each_time() -> Result<(), Fault> {
        let mut servers = JoinSet::new();
        let broken =
            async || (StatusCode::INTERNAL_SERVER_ERROR, r#"{"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError"}"#);
        let config = engine::config(&serve(Router::new().fallback(broken), &mut servers).await?)?;
        let clients = Clients { ledger: Ledger::default(), dynamodb: config.clone(), kms: config.clone(), ses: config };
        assert!(clients.store("quotes").policy_in_force().await.is_err());
        let counted = clients.ledger.take().of("quotes");
        assert_eq!(counted, BTreeMap::from([("GetItem refused: InternalServerError".to_owned(), 3)]));
        Ok(())
    }
}
