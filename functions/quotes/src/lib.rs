//! Quote creation, and everything a buyer does to a quote or to find out what one would cost.

mod idempotency;
mod limits;
mod lookup;
mod published;
mod state;
mod tally;

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::{QuoteView, quote::QuoteBody};
use domain::{
    Policy, Quote, Refusal,
    link::Purpose,
    quote::{IssueContext, Offer},
    request::{Facts, Origin},
};
use runtime::{
    Failure, Reply, Routes, SourceIp,
    authority::{Buyer, LinkHolderOrRequester, Requester},
    identity::Caller,
    random,
};
use store::{Commit, Created};

use crate::idempotency::IdempotencyKey;
pub use crate::state::Quotes;

/// How many numbers are tried for a new quote.
const ATTEMPTS: u32 = 5;

/// A request for an offer, parsed.
struct OfferRequest {
    body: QuoteBody,
    /// The hash of the body's canonical bytes.
    hash: String,
    ip: SourceIp,
    caller: Option<Caller>,
}

impl OfferRequest {
    fn parse(body: &[u8], ip: SourceIp, caller: Option<Caller>) -> Result<Self, Refusal> {
        let body = QuoteBody::read(body)?;
        let hash = idempotency::hash(&body.canonical);
        Ok(Self { body, hash, ip, caller })
    }
}

/// What an offer is decided from: the policy in force, and the records that the request names.
struct Loaded {
    policy: Arc<Policy>,
    facts: Facts,
}

/// The result of creating a quote.
enum Creation {
    /// The quote is durable.
    New(Box<Quote>),
    /// An earlier request with the same key has created this quote.
    Repeated(Box<Quote>),
}

impl Quotes {
    /// Loads what the offer is decided from. The names in the request are counted first: they may be guesses (R28).
    async fn load(&self, request: &OfferRequest) -> Reply<Loaded> {
        let policy = self.policies.current().await?;
        let wanted = request.body.request.wants(&policy);
        self.admit_question(&wanted, request.ip, request.caller.as_ref()).await?;
        let organization = request.caller.as_ref().and_then(|caller| caller.organization.as_deref());
        let facts = self.store.facts(&wanted, organization).await?;
        Ok(Loaded { policy, facts })
    }

    /// Decides the request's offer. The refusal lists everything that is wrong with the request.
    fn decide(&self, request: &OfferRequest, Loaded { policy, facts }: &Loaded) -> Result<Offer, Refusal> {
        let subject = request.caller.as_ref().map(|caller| caller.subject.clone());
        let email = request.caller.as_ref().and_then(Caller::address);
        let issue = IssueContext {
            origin: Origin { at: self.clock.now(), ip: request.ip.0, subject, email },
            request_hash: request.hash.clone(),
            link_key: self.links.keys().current(),
        };
        Offer::make(&request.body.request, request.body.faults.clone(), facts, policy, &issue)
    }

    /// The request's offer: loads, then decides. Nothing is stored.
    async fn offer(&self, request: &OfferRequest) -> Reply<Offer> {
        let loaded = self.load(request).await?;
        Ok(self.decide(request, &loaded)?)
    }

    /// Writes the offer as a new quote. With a key, the number derives from the key, so that a repeated request finds the
    /// quote of the first one.
    async fn commit(&self, mut offer: Offer, key: Option<&IdempotencyKey>) -> Reply<Creation> {
        for attempt in 0..ATTEMPTS {
            let number = match key {
                Some(key) => key.number(&self.minter, attempt),
                None => self.minter.quote_from_seed(&random::token()),
            };
            let quote = Quote::issue(number, offer, key.map(|key| key.hash.clone()));
            match (self.store.create_quote(&quote).await?, key) {
                (Created::New, _) => return Ok(Creation::New(Box::new(quote))),
                (Created::Exists(first), Some(key)) if first.idempotency_key_hash.as_ref() == Some(&key.hash) => {
                    return Ok(Creation::Repeated(first));
                }
                // Another quote has this number, which happens once in 10¹¹ quotes. The next attempt takes another number.
                (Created::Exists(_), _) => offer = quote.offer,
            }
        }
        Err(Failure::contended())
    }

    /// The quote that the first request with this key has created.
    async fn first_of(&self, key: &IdempotencyKey) -> Result<Option<Quote>, store::Error> {
        self.store.quote(&key.number(&self.minter, 0)).await
    }

    /// The response to the first request with this key, if this is the same request.
    fn replay(&self, first: &Quote, key: &IdempotencyKey, request_hash: &str) -> Option<Response> {
        first.answers(&key.hash, request_hash).then(|| replayed(self.created(&first.as_created())))
    }

    /// The response to a creation. It depends only on the quote as it was created, so that a replay has the same bytes.
    fn created(&self, quote: &Quote) -> Response {
        created(&QuoteView::of(quote, &self.links, Purpose::Change, quote.offer.issued_at))
    }
}

/// The routes with the authority that each requires, the same in every deployment.
pub fn api() -> Routes<Quotes> {
    Routes::new()
        .post("/v1/quotes", create)
        .post("/v1/quotes/preview", preview)
        .get("/v1/quotes/{number}", view)
        .post("/v1/quotes/{number}/revisions", revise)
        .post("/v1/entitlements/lookup", lookup::lookup)
        .get("/v1/pricing", published::pricing)
        .get("/v1/payment-methods", published::payment_methods)
        .get("/v1/terms", published::terms)
        .get("/openapi.yaml", published::openapi)
        .get("/docs", published::page)
}

/// The routes, with what their handlers work with.
pub fn routes(quotes: Arc<Quotes>) -> Router {
    api().with_state(quotes)
}

/// `POST /v1/quotes` — R1–R3, R18–R22.
///
/// With an `Idempotency-Key`, a repeated request gets the first response again, even if the same request would be refused by now.
async fn create(buyer: Buyer, State(quotes): State<Arc<Quotes>>, ip: SourceIp, headers: HeaderMap, body: Bytes) -> Reply {
    // Parse: the key and the body.
    let key = IdempotencyKey::read(&headers, buyer.caller())?;
    let request = OfferRequest::parse(&body, ip, buyer.into_caller())?;

    // Load: the policy in force, and the records that the request names.
    let loaded = quotes.load(&request).await;

    // Decide: an offer, or a refusal. An offer's letter counts against the sender's limit (R22).
    let decided = match loaded.and_then(|loaded| Ok(quotes.decide(&request, &loaded)?)) {
        Ok(offer) => {
            let admitted = quotes.admit_letter(offer.requester(), ip, request.caller.as_ref(), key.as_ref()).await;
            admitted.map(|()| offer)
        }
        refused => refused,
    };
    let offer = match (decided, &key) {
        (Ok(offer), _) => offer,
        // The policy or the customer's entitlements may have changed since the first response, or a limit may be reached now.
        (Err(refused @ (Failure::Refused(_) | Failure::TooMany { .. })), Some(key)) => {
            let first = quotes.first_of(key).await?;
            return first.and_then(|first| quotes.replay(&first, key, &request.hash)).ok_or(refused);
        }
        (Err(failure), _) => return Err(failure),
    };

    // Commit: one conditional write.
    let creation = quotes.commit(offer, key.as_ref()).await?;

    // Reply: the quote as it was created.
    match creation {
        Creation::New(quote) => Ok(quotes.created(&quote)),
        Creation::Repeated(first) => {
            let replay = key.and_then(|key| quotes.replay(&first, &key, &request.hash));
            replay.ok_or_else(|| IdempotencyKey::reused().into())
        }
    }
}

/// `POST /v1/quotes/preview`: the price of what `create` would issue. Nothing is stored.
async fn preview(buyer: Buyer, State(quotes): State<Arc<Quotes>>, ip: SourceIp, body: Bytes) -> Reply {
    let offer = quotes.offer(&OfferRequest::parse(&body, ip, buyer.into_caller())?).await?;
    Ok(Json(QuoteView::preview(&offer)).into_response())
}

/// `GET /v1/quotes/{number}`, with the secret of the link, or signed in as its requester.
async fn view(reader: LinkHolderOrRequester, State(quotes): State<Arc<Quotes>>) -> Reply {
    Ok(Json(QuoteView::of(reader.quote(), &quotes.links, reader.purpose(), quotes.clock.now())).into_response())
}

/// `POST /v1/quotes/{number}/revisions`, with the secret that changes, or signed in — R24: the change is a new revision, and the
/// old links become void. A request that is on offer already changes nothing.
async fn revise(requester: Requester, State(quotes): State<Arc<Quotes>>, ip: SourceIp, body: Bytes) -> Reply {
    let request = OfferRequest::parse(&body, ip, requester.caller().cloned())?;
    let quote = requester.quote(&*quotes, &request.hash).await?;
    let offer = quotes.offer(&request).await?;
    let Some(change) = quote.revise(offer)? else {
        return Ok(Json(QuoteView::of(&quote, &quotes.links, Purpose::Change, quotes.clock.now())).into_response());
    };
    quotes.admit_letter(change.next.offer.requester(), ip, request.caller.as_ref(), None).await?;
    match quotes.store.commit(&change).await? {
        Commit::Committed => {
            let quote = change.next;
            let view = QuoteView::of(&quote, &quotes.links, Purpose::Change, quotes.clock.now());
            Ok(created(&view))
        }
        // Paid or revised meanwhile: the buyer should read the quote before the next attempt.
        Commit::Conflict => Err(Failure::contended()),
    }
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
