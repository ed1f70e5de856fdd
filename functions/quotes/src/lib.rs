//! Quote creation, and everything a buyer does to a quote or to find out what one would cost.

mod idempotency;
mod limits;
mod lookup;
mod published;

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use contract::{Links, QuoteView, quote::QuoteBody};
use domain::{
    Quote, Refusal,
    number::Minter,
    quote::{Issue, Offer},
    request::Origin,
};
use runtime::{
    Clock, Configuration, Failure, Policies, Reply, SourceIp, StartError, Vendor,
    caller::{LinkQuery, open},
    identity::{Caller, Verifier},
    random,
};
use store::{Commit, Created, Store};

use crate::{idempotency::IdempotencyKey, limits::Tally};

/// How often a decision is taken again when others change the same quote.
const ATTEMPTS: u32 = 5;

/// What the handlers work with.
pub struct Quotes {
    store: Store,
    policies: Policies,
    links: Links,
    minter: Minter,
    verifier: Verifier,
    clock: Clock,
    /// The letters that were asked for here.
    letters: Mutex<Tally>,
}

impl Quotes {
    /// Reads `VENDOR_DIR`, `PUBLIC_URL`, `PAYMENT_URL`, `LINK_KEYS`, `NUMBER_KEY` and what [`Verifier::read`] does. Refuses to
    /// start on any mistake.
    pub fn start(configuration: &Configuration, store: Store, clock: Clock) -> Result<Arc<Self>, StartError> {
        let (vendor, links) = Vendor::with_links(configuration)?;
        let (number_key, verifier) = configuration.read(|c| (c.secret("NUMBER_KEY"), Verifier::read(c, clock.clone())))?;
        let minter = Minter::new(number_key.expose().as_bytes());
        let policies = Policies::new(&vendor, store.clone(), clock.clone())?;
        Ok(Arc::new(Self { store, policies, links, minter, verifier, clock, letters: Mutex::default() }))
    }

    /// Asks ahead of the first request which policy is in force. A failure is logged, and the first request asks again.
    pub async fn prepare(&self) {
        runtime::aws::ahead(self.policies.current()).await;
    }

    /// The offer that a body with this hash asks for, or everything that is wrong with it.
    async fn offer(&self, body: &QuoteBody, hash: &str, ip: SourceIp, caller: Option<&Caller>) -> Reply<Offer> {
        let policy = self.policies.current().await?;
        let wanted = body.request.wants(&policy);
        // Whoever names something may be guessing (R28).
        self.admit_question(&wanted, ip, caller).await?;
        let organization = caller.and_then(|caller| caller.organization.as_deref());
        let facts = self.store.facts(&wanted, organization).await?;
        let issue = Issue {
            origin: Origin { at: self.clock.now(), ip: ip.0, subject: caller.map(|caller| caller.subject.clone()) },
            request_hash: hash.to_owned(),
            link_keys: self.links.keys(),
        };
        Ok(Offer::make(&body.request, body.faults.clone(), &facts, &policy, &issue)?)
    }

    /// The offer that a body with this hash asks for, and that may be sent to whoever asks (R22).
    async fn offer_to_send(
        &self,
        body: &QuoteBody,
        hash: &str,
        ip: SourceIp,
        caller: Option<&Caller>,
        key: Option<&IdempotencyKey>,
    ) -> Reply<Offer> {
        let offer = self.offer(body, hash, ip, caller).await?;
        self.admit_letter(offer.requester(), ip, caller, key).await?;
        Ok(offer)
    }

    /// Whoever signed in. Anyone may quote; members of a programme say who they are, and pay less.
    async fn caller(&self, headers: &HeaderMap) -> Reply<Option<Caller>> {
        Ok(self.verifier.optional_caller(headers).await?)
    }

    /// The answer that a request with this key was given before, if it is the same request.
    fn replay(&self, first: &Quote, key: &IdempotencyKey, request_hash: &str) -> Option<Response> {
        first.answers(&key.hash, request_hash).then(|| replayed(self.created(&first.as_created())))
    }

    /// The answer to a creation: the same bytes again, whenever it is given for the quote as it was created.
    fn created(&self, quote: &Quote) -> Response {
        created(&QuoteView::of(quote, &self.links, quote.offer.issued_at))
    }
}

/// The routes, for whichever home serves them.
pub fn routes(quotes: Arc<Quotes>) -> Router {
    Router::new()
        .route("/v1/quotes", post(create))
        .route("/v1/quotes/preview", post(preview))
        .route("/v1/quotes/{number}", get(view))
        .route("/v1/quotes/{number}/revisions", post(revise))
        .route("/v1/entitlements/lookup", post(lookup::lookup))
        .route("/v1/pricing", get(published::pricing))
        .route("/v1/payment-methods", get(published::payment_methods))
        .with_state(quotes)
}

/// `POST /v1/quotes` — R1–R3, R18–R22.
async fn create(State(quotes): State<Arc<Quotes>>, ip: SourceIp, headers: HeaderMap, body: Bytes) -> Reply {
    let caller = quotes.caller(&headers).await?;
    let key = IdempotencyKey::read(&headers, caller.as_ref())?;
    let body = QuoteBody::read(&body)?;
    let request_hash = idempotency::hash(&body.canonical);
    let mut offer = match quotes.offer_to_send(&body, &request_hash, ip, caller.as_ref(), key.as_ref()).await {
        Ok(offer) => offer,
        // The policy, or what the customer has, may have moved on since the request was first answered, or much was asked for
        // meanwhile: the answer stands.
        Err(refused @ (Failure::Refused(_) | Failure::TooMany { .. })) => {
            let Some(key) = key else { return Err(refused) };
            let first = quotes.store.quote(&key.number(&quotes.minter, 0)).await?;
            let replay = first.and_then(|first| quotes.replay(&first, &key, &request_hash));
            return replay.ok_or(refused);
        }
        Err(failure) => return Err(failure),
    };
    for attempt in 0..ATTEMPTS {
        let number = match &key {
            Some(key) => key.number(&quotes.minter, attempt),
            None => quotes.minter.quote_from_seed(&random::token()),
        };
        let quote = Quote::issue(number, offer, key.as_ref().map(|key| key.hash.clone()));
        match (quotes.store.create_quote(&quote).await?, &key) {
            (Created::New, _) => return Ok(quotes.created(&quote)),
            (Created::Exists(first), Some(key)) if first.idempotency_key_hash.as_ref() == Some(&key.hash) => {
                return quotes.replay(&first, key, &request_hash).ok_or_else(|| IdempotencyKey::reused().into());
            }
            // The number is somebody else's: once in 10¹¹ quotes.
            (Created::Exists(_), _) => offer = quote.offer,
        }
    }
    Err(Failure::contended())
}

/// `POST /v1/quotes/preview`: the price of what `create` would issue. Nothing is stored.
async fn preview(State(quotes): State<Arc<Quotes>>, ip: SourceIp, headers: HeaderMap, body: Bytes) -> Reply {
    let caller = quotes.caller(&headers).await?;
    let body = QuoteBody::read(&body)?;
    let offer = quotes.offer(&body, &idempotency::hash(&body.canonical), ip, caller.as_ref()).await?;
    Ok(Json(QuoteView::preview(&offer)).into_response())
}

/// `GET /v1/quotes/{number}`, with the secret of the link.
async fn view(State(quotes): State<Arc<Quotes>>, Path(number): Path<String>, Query(link): Query<LinkQuery>) -> Reply {
    let quote = open(&quotes.store, &quotes.links, &number, &link).await?;
    Ok(Json(QuoteView::of(&quote, &quotes.links, quotes.clock.now())).into_response())
}

/// `POST /v1/quotes/{number}/revisions`, with the secret of the link — R24: the change is a new revision, and the old
/// link is void. The request that is on offer already changes nothing.
async fn revise(
    State(quotes): State<Arc<Quotes>>,
    Path(number): Path<String>,
    Query(link): Query<LinkQuery>,
    ip: SourceIp,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let caller = quotes.caller(&headers).await?;
    let body = QuoteBody::read(&body)?;
    let request_hash = idempotency::hash(&body.canonical);
    let quote = open_to_revise(&quotes, &number, &link, &request_hash).await?;
    let offer = quotes.offer(&body, &request_hash, ip, caller.as_ref()).await?;
    let Some(change) = quote.revise(offer)? else {
        return Ok(Json(QuoteView::of(&quote, &quotes.links, quotes.clock.now())).into_response());
    };
    quotes.admit_letter(change.next.offer.requester(), ip, caller.as_ref(), None).await?;
    match quotes.store.commit(&change).await? {
        Commit::Committed => {
            let quote = change.next;
            let view = QuoteView::of(&quote, &quotes.links, quotes.clock.now());
            Ok(created(&view))
        }
        // Paid or revised meanwhile: the buyer should look before asking again.
        Commit::Conflict => Err(Failure::contended()),
    }
}

/// The quote that the link opens. The link that a revision has voided still opens it for that very request: whoever
/// did not hear the answer asks again, and has no other link.
async fn open_to_revise(quotes: &Quotes, number: &str, link: &LinkQuery, request_hash: &str) -> Reply<Quote> {
    let number = number.parse().map_err(|_| Refusal::not_found())?;
    let keys = quotes.links.keys();
    let opened = quotes.store.quote(&number).await?.filter(|quote| {
        let asked_again = |before: &Offer| quote.offer.request_hash == request_hash && keys.opens(&number, before, &link.secret);
        keys.opens(&number, &quote.offer, &link.secret) || quote.superseded.last().is_some_and(asked_again)
    });
    opened.ok_or_else(|| Refusal::not_found().into())
}

fn created(view: &QuoteView<'_>) -> Response {
    let mut response = (StatusCode::CREATED, Json(view)).into_response();
    let location = view.links.as_ref().and_then(|links| HeaderValue::from_str(&links.itself).ok());
    response.headers_mut().extend(location.map(|location| (header::LOCATION, location)));
    response
}

fn replayed(mut response: Response) -> Response {
    response.headers_mut().insert(HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));
    response
}
