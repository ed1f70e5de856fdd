//! The consumers of the stream as they are deployed, on a table of their own: a recorder takes its records down, so that a
//! [`Mapping`] can hand them over.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use ::feedback::Feedback;
use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_sdk_ses::config::retry::RetryConfig;
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{Request, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use deadlines::{Deadlines, Round};
use domain::{
    QuoteNumber,
    license::Entitlement,
    payment::{NamedRevision, PaidBy, PaymentEvent, PaymentId, PaymentNotice, Reference},
    pending::Work,
    quote::Offer,
    settlement::settle,
};
use http_body_util::BodyExt;
use issuance::Issuance;
use jiff::{SignedDuration, Timestamp};
use licensing::{FileSigner, PublicKey, Signer, SigningError, SigningFuture};
use local::{
    engine,
    post::PostOffice,
    pump::{Consumer, Pump},
};
use mail_parser::MessageParser;
use notifications::Notifications;
use serde_json::{Value, json};
use store::{Commit, Item, Store, keys::Key};
use tempfile::TempDir;
use tests::{Bench, NOW, example, plain_vendor, quoting, settings, with};
use tokio::net::TcpListener;
use tower::ServiceExt;

use super::mapping::{Invocation, Mapping};

/// What befalls an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing.
    Works,
    /// The mail service and the signer do not answer it.
    Down,
    /// It dies before it does anything.
    Dies,
    /// It does everything, and dies before it says so.
    DiesAtTheEnd,
}

/// The batches that a mapping has given up, by whom they were for.
#[derive(Debug, Default)]
pub(crate) struct GivenUp {
    pub(crate) fulfilments: Vec<Event>,
    pub(crate) letters: Vec<Event>,
}

pub(crate) struct Consumers {
    store: Store,
    quotes: axum::Router,
    issuance: Issuance,
    notifications: Notifications,
    deadlines: Deadlines,
    feedback: Feedback,
    post: PostOffice,
    mail: Arc<Mail>,
    signatures: Arc<AtomicU32>,
    recorded: Arc<Mutex<Vec<EventRecord>>>,
    pump: Pump,
    asked: usize,
    bench: Bench,
    _vendor: TempDir,
}

/// Whether the mail service answers, and to whom it sends nothing: with which of its error codes.
#[derive(Default)]
struct Mail {
    down: AtomicBool,
    refused: Mutex<Option<(String, &'static str)>>,
}

/// A signer that can be away, or go away after some signatures.
struct Away {
    signer: FileSigner,
    signatures: Arc<AtomicU32>,
}

impl Signer for Away {
    fn key(&self) -> &PublicKey {
        self.signer.key()
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> SigningFuture<'a> {
        match self.signatures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Err(_) => Box::pin(async { Err(SigningError::Unavailable("it is away".into())) }),
            Ok(_) => self.signer.sign(message),
        }
    }
}

impl Consumers {
    pub(crate) async fn new() -> Self {
        let (bench, vendor) = (Bench::new(NOW.parse().unwrap()).await, plain_vendor());
        let (store, data) = (bench.store.clone(), bench.data());

        let recorded = Arc::<Mutex<Vec<EventRecord>>>::default();
        let recorder = Consumer::new("recorder", {
            let recorded = recorded.clone();
            move |event: Event| {
                recorded.lock().unwrap().extend(event.records);
                async { Default::default() }
            }
        });
        let streams = aws_sdk_dynamodbstreams::Client::new(&engine::config(bench.endpoint()).unwrap());
        let pump = Pump::start(streams, store.client(), store.table(), vec![recorder], data).await.unwrap();

        let (settings, clock) = (settings(vendor.path()), || bench.clock.clock());
        let (post, mail) = (PostOffice::open(data).unwrap(), Arc::<Mail>::default());
        let signatures = Arc::new(AtomicU32::new(u32::MAX));
        let signer = FileSigner::open_or_create(data.join("license-key.pem")).unwrap();
        let signer = Arc::new(Away { signer, signatures: signatures.clone() });
        let ses = mail_service(&post, &mail).await;
        Self {
            quotes: quoting(vendor.path(), store.clone(), clock()),
            issuance: Issuance::start(&settings, store.clone(), signer, clock()).await.unwrap(),
            notifications: Notifications::start(&settings, store.clone(), ses, clock()).unwrap(),
            deadlines: Deadlines::new(store.clone(), clock()),
            feedback: Feedback::start(&settings, store.clone()).unwrap(),
            store,
            post,
            mail,
            signatures,
            recorded,
            pump,
            asked: 0,
            bench,
            _vendor: vendor,
        }
    }

    /// So many new quotes, each of another person.
    pub(crate) async fn quotes(&mut self, many: usize) -> Vec<QuoteNumber> {
        let mut numbers = Vec::new();
        for _ in 0..many {
            let email = format!("rita{}@reseller.example", self.asked);
            self.asked += 1;
            let order = with(&example(), [("/reseller/contact/email", email.into())]);
            let request = Request::post("/v1/quotes")
                .header("content-type", "application/json")
                .body(Body::from(order.to_string()))
                .unwrap();
            let answer = self.quotes.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), StatusCode::CREATED);
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            let quote: Value = serde_json::from_slice(&body).unwrap();
            numbers.push(quote["number"].as_str().unwrap().parse().unwrap());
        }
        numbers
    }

    /// A payment of all that a quote asks for arrives.
    pub(crate) async fn pay(&self, number: &QuoteNumber) {
        let due = self.store.quote(number).await.unwrap().unwrap().offer.due();
        self.tell(number, "", PaymentEvent::Succeeded { money: due, methods: vec![PaidBy::Card] }).await;
    }

    /// Another revision replaces the quote's.
    pub(crate) async fn revise(&self, number: &QuoteNumber) {
        let quote = self.store.quote(number).await.unwrap().unwrap();
        let offer = Offer { request_hash: "another".to_owned(), ..quote.offer.clone() };
        let change = quote.revise(offer).unwrap().unwrap();
        assert_eq!(self.store.commit(&change).await.unwrap(), Commit::Committed);
    }

    /// An attempt to pay fails.
    pub(crate) async fn payment_fails(&self, number: &QuoteNumber) {
        self.tell(number, "_declined", PaymentEvent::Failed { reason: "card_declined".to_owned() }).await;
    }

    async fn tell(&self, number: &QuoteNumber, suffix: &str, event: PaymentEvent) {
        let quote = self.store.quote(number).await.unwrap().unwrap();
        let told = PaymentNotice {
            id: format!("evt_{}{suffix}", number.compact()),
            payment: PaymentId::new("stripe", &format!("pi_{}{suffix}", number.compact())),
            at: self.now(),
            reference: Some(Reference { quote: number.clone(), revision: NamedRevision::Stated(1) }),
            event,
        };
        let settlement = settle(&told, None, Some(&quote), self.now());
        assert_eq!(self.store.commit_settlement(&settlement).await.unwrap(), Commit::Committed);
    }

    fn now(&self) -> Timestamp {
        self.bench.clock.clock().now()
    }

    pub(crate) async fn later(&self, by: SignedDuration) {
        self.bench.clock.set(self.now() + by);
    }

    pub(crate) async fn remind(&self) -> Round {
        self.deadlines.round().await.unwrap()
    }

    /// Messages of the topic, in one event.
    pub(crate) async fn report(&self, messages: &[String]) -> Result<(), ::feedback::Failure> {
        let record = |message: &String| json!({ "Sns": { "MessageId": "m", "Message": message } });
        let event = json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() });
        self.feedback.handle(serde_json::from_value(event).unwrap()).await
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The mail service takes nothing for this recipient, and answers this error code.
    pub(crate) fn refuse_mail_to(&self, recipient: &str, code: &'static str) {
        *self.mail.refused.lock().unwrap() = Some((recipient.to_owned(), code));
    }

    /// The mail service takes everything again.
    pub(crate) fn take_all_mail(&self) {
        *self.mail.refused.lock().unwrap() = None;
    }

    /// The signer signs so many more times, and is away then.
    pub(crate) fn signs(&self, times: u32) {
        self.signatures.store(times, Ordering::SeqCst);
    }

    /// All the money of a quote goes back.
    pub(crate) async fn refund(&self, number: &QuoteNumber) {
        let quote = self.store.quote(number).await.unwrap().unwrap();
        let payment = quote.payments[0].payment.clone();
        let (receipt, _) = self.store.receipt_and_quote(&payment, Some(number)).await.unwrap();
        let news = PaymentEvent::Refunded { total: quote.offer.due() };
        let told = PaymentNotice { id: "evt_refund".to_owned(), payment, at: self.now(), reference: None, event: news };
        let settlement = settle(&told, receipt.as_ref(), Some(&quote), self.now());
        assert_eq!(self.store.commit_settlement(&settlement).await.unwrap(), Commit::Committed);
    }

    /// How many entitlements there are, and how many of them are closed.
    pub(crate) async fn entitlements(&self) -> (usize, usize) {
        let scan = self.store.client().scan().table_name(self.store.table()).into_paginator().items().send();
        let items = scan.collect::<Result<Vec<_>, _>>().await.unwrap();
        let all: Vec<Entitlement> = items
            .iter()
            .filter(|item| item["kind"].as_s().unwrap() == Entitlement::KIND)
            .map(|item| store::item::aggregate(item).unwrap())
            .collect();
        (all.len(), all.iter().filter(|entitlement| entitlement.is_closed()).count())
    }

    /// Hands over what is in the stream, and what comes of it, until nothing more comes. The fates are those of the first
    /// invocations of each consumer; all others work.
    pub(crate) async fn drain(&self, mapping: Mapping, issuance: &[Fate], notifications: &[Fate]) -> GivenUp {
        let (mut issuance, mut notifications) = (issuance.iter().copied(), notifications.iter().copied());
        let mut given_up = GivenUp::default();
        loop {
            self.pump.idle().await;
            let mut records = std::mem::take(&mut *self.recorded.lock().unwrap());
            if records.is_empty() {
                return given_up;
            }
            // The pump delivers different quotes in parallel. The numbers of the embedded engine have one length.
            records.sort_by(|one, other| one.change.sequence_number.cmp(&other.change.sequence_number));
            let fulfil = async |event| self.issuance.handle(event).await;
            let fulfilled = mapping.run(records.clone(), async |event| self.invoke(&fulfil, event, issuance.next()).await).await;
            given_up.fulfilments.extend(fulfilled);
            let tell = async |event| self.notifications.handle(event).await;
            let told = mapping.run(records, async |event| self.invoke(&tell, event, notifications.next()).await).await;
            given_up.letters.extend(told);
        }
    }

    /// Gives the functions again what was given up, as its records were kept.
    pub(crate) async fn replay(&self, given_up: &GivenUp) {
        for event in &given_up.fulfilments {
            assert!(self.issuance.handle(event.clone()).await.batch_item_failures.is_empty());
        }
        for event in &given_up.letters {
            assert!(self.notifications.handle(event.clone()).await.batch_item_failures.is_empty());
        }
    }

    async fn invoke(
        &self,
        function: &impl AsyncFn(Event) -> aws_lambda_events::streams::DynamoDbEventResponse,
        event: Event,
        fate: Option<Fate>,
    ) -> Invocation {
        let signatures = self.signatures.load(Ordering::SeqCst);
        match fate.unwrap_or(Fate::Works) {
            Fate::Works => Invocation::Answered(function(event).await),
            Fate::Down => {
                self.mail.down.store(true, Ordering::SeqCst);
                self.signs(0);
                let answer = function(event).await;
                self.mail.down.store(false, Ordering::SeqCst);
                self.signs(signatures);
                Invocation::Answered(answer)
            }
            Fate::Dies => Invocation::Died,
            Fate::DiesAtTheEnd => {
                function(event).await;
                Invocation::Died
            }
        }
    }

    /// The Message-IDs of all letters that were taken, without the vendor's domain: those of one quote in the order in which they
    /// were sent. Different quotes are handled in parallel.
    pub(crate) fn letters(&self) -> Vec<String> {
        let mut files: Vec<_> =
            std::fs::read_dir(self.bench.data().join("mail")).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let id = |file: &std::path::PathBuf| {
            let message = std::fs::read(file).unwrap();
            let message = MessageParser::default().parse(&message).unwrap();
            message.message_id().unwrap().split('@').next().unwrap().to_owned()
        };
        assert_eq!(files.len(), self.post.messages().unwrap().len());
        Self::of_quotes(files.iter().map(id))
    }

    /// Message-IDs in the order of [`Consumers::letters`].
    pub(crate) fn of_quotes(ids: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut ids: Vec<String> = ids.into_iter().collect();
        ids.sort_by(|one, other| one.split('.').next().cmp(&other.split('.').next()));
        ids
    }

    pub(crate) async fn waiting(&self, work: Work) -> Vec<QuoteNumber> {
        self.store
            .waiting(work, Timestamp::MAX, 100)
            .await
            .unwrap()
            .into_iter()
            .map(|waiting| Key::quote_number(&waiting.key.partition).unwrap())
            .collect()
    }

    /// Everything that these quotes ask for was done, once, and the first `paid` of them are delivered.
    pub(crate) async fn assert_all_done(&self, quotes: &[QuoteNumber], paid: usize) {
        for work in Work::ALL {
            assert_eq!(self.waiting(work).await, [], "{work:?}");
        }
        let mut invoices = Vec::new();
        let mut letters = Vec::new();
        for (index, number) in quotes.iter().enumerate() {
            let quote = self.store.quote(number).await.unwrap().unwrap();
            match quote.delivery() {
                None => {
                    assert!(index >= paid, "{number} is paid and not delivered");
                    letters.push((format!("{}.1.quote", number.compact()), true));
                }
                Some(delivery) => {
                    assert!(index < paid, "{number} is delivered and not paid");
                    assert_eq!(delivery.entitlements.len(), quote.offer.lines.len());
                    invoices.push(delivery.invoice.to_string());
                    // Who has paid need not be told any more how to, if nobody could be told before.
                    letters.push((format!("{}.1.quote", number.compact()), false));
                    letters.extend(["confirmation", "receipt"].map(|role| (format!("{}.3.{role}", number.compact()), true)));
                }
            }
        }
        invoices.sort();
        assert_eq!(invoices, (1..=paid).map(|n| format!("IN-{n:06}")).collect::<Vec<_>>(), "no gap, and no number twice");
        let sent = self.letters();
        for (letter, must) in &letters {
            let copies = sent.iter().filter(|sent| *sent == letter).count();
            assert!(copies == 1 || copies == 0 && !must, "{letter} was sent {copies} times: {sent:?}");
        }
        let expected = |sent: &String| letters.iter().any(|(letter, _)| letter == sent);
        assert!(sent.iter().all(expected), "{sent:?}, and not only {letters:?}");
    }
}

/// SES's client to a post office that can be down, and can refuse a recipient for a while.
async fn mail_service(post: &PostOffice, mail: &Arc<Mail>) -> aws_sdk_ses::Client {
    async fn doors(State(mail): State<Arc<Mail>>, request: axum::extract::Request, next: Next) -> Response {
        let (parts, body) = request.into_parts();
        let body: Bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body).replace("%40", "@");
        let refused = mail.refused.lock().unwrap().clone();
        if let Some((_, code)) = refused.filter(|(recipient, _)| text.contains(&format!("={recipient}"))) {
            let body = format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>");
            return (StatusCode::BAD_REQUEST, body).into_response();
        }
        if mail.down.load(Ordering::SeqCst) {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        next.run(axum::extract::Request::from_parts(parts, Body::from(body))).await
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = post.router().layer(middleware::from_fn_with_state(mail.clone(), doors));
    tokio::spawn(async move { axum::serve(listener, router).await });
    // The mapping tries again here, and not the client.
    let config = engine::config(&endpoint).unwrap().into_builder().retry_config(RetryConfig::disabled());
    aws_sdk_ses::Client::new(&config.build())
}
