//! The authority of a caller is a type. A value of such a type exists only for a request that was authorised, because only the
//! extractors in this module make one. [`Routes`](crate::Routes) accepts no handler that does not begin with one.
//!
//! What a caller may not see does not exist for this caller: both are 404 with the same body.

use std::{convert::Infallible, marker::PhantomData, sync::Arc};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use contract::Links;
use domain::{
    Code, Quote, QuoteNumber, Refusal, Sen,
    license::{Claims, Entitlement},
    link::Purpose,
    quote::{Offer, Reviewer},
};
use serde::Deserialize;
use store::Store;

use crate::{
    identity::{Caller, VerifiedEmail, Verifier},
    reply::{Failure, Reply, url_malformed},
};

mod sealed {
    pub trait Sealed {}
}

/// What a route requires of its caller. Only the types of this module implement it.
pub trait Authority: sealed::Sealed {
    /// The name in the table of routes.
    const NAME: &'static str;
    /// The query parameters that prove the authority.
    const PARAMETERS: &'static [&'static str] = &[];
}

macro_rules! authorities {
    ($($authority:ident($($parameter:literal)?))*) => {
        $(
            impl sealed::Sealed for $authority {}
            impl Authority for $authority {
                const NAME: &'static str = stringify!($authority);
                const PARAMETERS: &'static [&'static str] = &[$($parameter)?];
            }
        )*
    };
}

authorities! { Anyone() Buyer() LinkHolder("secret") LinkHolderOrRequester("secret") Requester("secret") Staff() TechnicalContactOrPurchaser() }

/// A function's state with which bearer tokens are verified.
pub trait WithVerifier: Send + Sync + 'static {
    /// The verifier of bearer tokens.
    fn verifier(&self) -> &Verifier;
}

/// A function's state that knows the vendor's staff.
pub trait WithStaff: WithVerifier {
    /// The group to which all staff belong.
    fn staff_group(&self) -> &str;
}

/// A function's state with the table.
pub trait WithStore: Send + Sync + 'static {
    /// The table.
    fn store(&self) -> &Store;
}

/// A function's state with which the links of quotes are verified.
pub trait WithLinks: WithStore {
    /// The links, with the keys of their secrets.
    fn links(&self) -> &Links;
}

/// A function's state that verifies the webhooks of the sender that the type `Sender` stands for.
pub trait VerifiesWebhooks<Sender>: Send + Sync + 'static {
    /// Verifies the signature in the headers over the raw body.
    ///
    /// # Errors
    ///
    /// The body is not authentic and must not be used.
    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal>;
}

/// Every caller. Such a route reads only what the vendor publishes, and ignores the `Authorization` header.
pub struct Anyone(());

impl<S: Sync> FromRequestParts<S> for Anyone {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(()))
    }
}

/// A caller that wants a price or a quote. No sign-in is needed (R1). A buyer that signs in gets the discount of its
/// organisation's programme (R4), and limits of its own. An invalid token is refused and never treated as anonymous.
pub struct Buyer {
    caller: Option<Caller>,
}

impl Buyer {
    /// The signed-in caller, if any.
    pub fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref()
    }

    /// The signed-in caller, if any.
    pub fn into_caller(self) -> Option<Caller> {
        self.caller
    }
}

impl<T: WithVerifier> FromRequestParts<Arc<T>> for Buyer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<T>) -> Result<Self, Failure> {
        Ok(Self { caller: state.verifier().optional_caller(&parts.headers).await? })
    }
}

/// A signed-in member of the vendor's staff (R34, R118): the token states the staff's group. 401 without an acceptable token,
/// 403 for other callers.
#[derive(Clone)]
pub struct Staff {
    caller: Caller,
}

impl Staff {
    /// The subject of the token, which audit entries name.
    pub fn subject(&self) -> &str {
        &self.caller.subject
    }

    /// The e-mail address, if the token has a verified one. Other staff recognise it.
    pub fn email(&self) -> Option<&str> {
        self.caller.email.as_ref().map(VerifiedEmail::as_str)
    }

    /// The same person as the reviewer of a quote.
    pub fn reviewer(&self) -> Reviewer<'_> {
        Reviewer { subject: self.subject(), email: self.email() }
    }
}

impl<T: WithStaff> FromRequestParts<Arc<T>> for Staff {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<T>) -> Result<Self, Failure> {
        let caller = state.verifier().required_caller(&parts.headers).await?;
        if !caller.belongs_to(state.staff_group()) {
            return Err(Refusal::new(Code::StaffOnly, "This is only for the vendor's staff.").into());
        }
        Ok(Self { caller })
    }
}

/// The holder of a link to a quote's offer: the path has the quote's `{number}`, and the query a `secret`. The links of an
/// earlier revision are void (R24). Extracting reads the quote.
pub struct LinkHolder {
    quote: Quote,
    secret: String,
    purpose: Purpose,
}

impl LinkHolder {
    /// The quote that the link opens.
    pub fn quote(&self) -> &Quote {
        &self.quote
    }

    /// The secret of the link, for links to other representations of the same quote.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// What the link allows.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }
}

impl<T: WithLinks> FromRequestParts<Arc<T>> for LinkHolder {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<T>) -> Result<Self, Failure> {
        Link::from_parts(parts).await?.holder(&**state).await
    }
}

/// The holder of a link to a quote's offer, or its requester: the signed-in owner of the requester's e-mail address, who needs no
/// link. A request with a `secret` is judged by its secret alone. Extracting reads the quote.
pub struct LinkHolderOrRequester {
    quote: Quote,
    purpose: Purpose,
}

impl LinkHolderOrRequester {
    /// The quote.
    pub fn quote(&self) -> &Quote {
        &self.quote
    }

    /// What the caller may do with the quote.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }
}

impl<T: WithLinks + WithVerifier> FromRequestParts<Arc<T>> for LinkHolderOrRequester {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<T>) -> Result<Self, Failure> {
        let link = Link::from_parts(parts).await?;
        if !link.secret.is_empty() {
            let LinkHolder { quote, purpose, .. } = link.holder(&**state).await?;
            return Ok(Self { quote, purpose });
        }
        let caller = state.verifier().optional_caller(&parts.headers).await?.ok_or_else(Refusal::not_found)?;
        let quote = link.quote(state.store()).await?.filter(|quote| has_requested(&caller, &quote.offer));
        Ok(Self { quote: quote.ok_or_else(|| hidden(&caller))?, purpose: Purpose::Change })
    }
}

/// The party that requested a quote and may change it: the holder of the link that changes, or the signed-in owner of the
/// requester's e-mail address. The holder of the other link may sign in as a [`Buyer`] does.
///
/// The authority is verified by [`quote`](Self::quote), which needs the body of the request; until then, nothing was read.
pub struct Requester {
    link: Link,
    caller: Option<Caller>,
}

impl Requester {
    /// The signed-in caller, if any.
    pub fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref()
    }

    /// The quote that the caller may change. The link that a revision has made void still opens the quote for the request of
    /// that revision, which `request_hash` identifies: a caller whose response was lost has no other link for the retry.
    ///
    /// # Errors
    ///
    /// 404 for a missing quote and for a caller that may not read it; 403 for the holder of a link that only reads and pays; or
    /// the table does not respond.
    pub async fn quote(&self, state: &impl WithLinks, request_hash: &str) -> Reply<Quote> {
        let link = &self.link;
        let quote = link.quote(state.store()).await?.ok_or_else(Refusal::not_found)?;
        let purpose = |offer: &Offer| link.opens(state.links(), &quote, offer);
        let retried = |before: &&Offer| quote.offer.request_hash == request_hash && purpose(before) == Some(Purpose::Change);
        let requested = self.caller.as_ref().is_some_and(|caller| has_requested(caller, &quote.offer));
        let may_change = requested || quote.superseded.last().as_ref().is_some_and(retried);
        match purpose(&quote.offer) {
            Some(Purpose::Change) => Ok(quote),
            _ if may_change => Ok(quote),
            Some(Purpose::Read) => Err(Refusal::new(
                Code::LinkReadsOnly,
                "This link reads and pays the quote. To change the order, use the link in the requester's letter, or sign in with \
                 the requester's e-mail address.",
            )
            .into()),
            None => Err(Refusal::not_found().into()),
        }
    }
}

/// Whether the caller has the verified address of the offer's requester.
fn has_requested(caller: &Caller, offer: &Offer) -> bool {
    caller.address().is_some_and(|address| address == offer.requester().email)
}

impl<T: WithLinks + WithVerifier> FromRequestParts<Arc<T>> for Requester {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<T>) -> Result<Self, Failure> {
        let link = Link::from_parts(parts).await?;
        Ok(Self { link, caller: state.verifier().optional_caller(&parts.headers).await? })
    }
}

/// A link to a quote, as it was sent.
struct Link {
    number: String,
    secret: String,
}

#[derive(Deserialize)]
struct QuotePath {
    number: String,
}

#[derive(Deserialize)]
struct LinkQuery {
    #[serde(default)]
    secret: String,
}

impl Link {
    async fn from_parts(parts: &mut Parts) -> Result<Self, Failure> {
        let Path(QuotePath { number }) = path(parts).await?;
        let query = Query::from_request_parts(parts, &()).await;
        let Query(LinkQuery { secret }) = query.map_err(|rejection| unreadable(rejection.status(), rejection.body_text()))?;
        Ok(Self { number, secret })
    }

    async fn quote(&self, store: &Store) -> Reply<Option<Quote>> {
        let number: QuoteNumber = self.number.parse().map_err(|_| Refusal::not_found())?;
        Ok(store.quote(&number).await?)
    }

    /// The holder of this link, which must be a link to the current offer.
    async fn holder(self, state: &impl WithLinks) -> Reply<LinkHolder> {
        let quote = self.quote(state.store()).await?.ok_or_else(Refusal::not_found)?;
        let purpose = self.opens(state.links(), &quote, &quote.offer).ok_or_else(Refusal::not_found)?;
        Ok(LinkHolder { quote, secret: self.secret, purpose })
    }

    fn opens(&self, links: &Links, quote: &Quote, offer: &Offer) -> Option<Purpose> {
        links.keys().opens(&quote.number, offer, &self.secret)
    }
}

/// A signed-in caller that may see the licence of the path's `{sen}`: its technical contact (R54), or a purchaser, who sees what
/// that purchaser bought (R49). 401 without an acceptable token. Extracting reads the entitlement.
pub struct TechnicalContactOrPurchaser {
    caller: Caller,
    entitlement: Entitlement,
}

impl TechnicalContactOrPurchaser {
    /// The subject of the token, which audit entries name.
    pub fn subject(&self) -> &str {
        &self.caller.subject
    }

    /// The e-mail address that the token proves, if any.
    pub fn email(&self) -> Option<&str> {
        self.caller.email.as_ref().map(VerifiedEmail::as_str)
    }

    /// The entitlement, as far as this caller may see it.
    pub fn entitlement(&self) -> &Entitlement {
        &self.entitlement
    }
}

#[derive(Deserialize)]
struct LicensePath {
    sen: String,
}

impl<T: WithVerifier + WithStore> FromRequestParts<Arc<T>> for TechnicalContactOrPurchaser {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<T>) -> Result<Self, Failure> {
        let Path(LicensePath { sen }) = path(parts).await?;
        let caller = state.verifier().required_caller(&parts.headers).await?;
        let sen: Sen = sen.parse().map_err(|_| hidden(&caller))?;
        let entitlement = state.store().entitlement(&sen).await?;
        let claims = Claims { email: caller.address(), organization: caller.organization.clone() };
        let visible = entitlement.as_ref().and_then(|entitlement| entitlement.visible_to(&claims));
        let entitlement = visible.ok_or_else(|| hidden(&caller))?.into_owned();
        Ok(Self { caller, entitlement })
    }
}

/// The refusal of a licence or quote that is missing, or hidden from this caller. It depends on the caller's token alone, so that it
/// reveals nothing about what is stored, and explains a token with which nothing is visible.
fn hidden(caller: &Caller) -> Refusal {
    if caller.email.is_some() {
        return Refusal::not_found();
    }
    let why = match caller.email_unproven {
        true => "has an e-mail address that is not verified",
        false => "has no e-mail address",
    };
    let detail = format!(
        "There is nothing at this address, or you may not see it. Your token {why}, so it does not identify you as a requester, \
         technical contact or purchaser. Sign in with a verified address, or ask the vendor which claim of your sign-in must verify it."
    );
    Refusal::new(Code::NotFound, detail)
}

/// A webhook with a genuine signature of the sender that the type `Sender` stands for. The signature covers the body, so this
/// extractor reads the body and is the last argument of its handler.
pub struct SignedWebhook<Sender> {
    body: Bytes,
    sender: PhantomData<Sender>,
}

impl<Sender> sealed::Sealed for SignedWebhook<Sender> {}

impl<Sender> Authority for SignedWebhook<Sender> {
    const NAME: &'static str = "SignedWebhook";
}

impl<Sender> SignedWebhook<Sender> {
    /// The body that was signed.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

impl<Sender, T: VerifiesWebhooks<Sender>> FromRequest<Arc<T>> for SignedWebhook<Sender> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &Arc<T>) -> Result<Self, Response> {
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        state.verify(&headers, &body).map_err(|refusal| Failure::Refused(refusal).into_response())?;
        Ok(Self { body, sender: PhantomData })
    }
}

async fn path<P: for<'de> Deserialize<'de> + Send>(parts: &mut Parts) -> Result<Path<P>, Failure> {
    Path::from_request_parts(parts, &()).await.map_err(|rejection| unreadable(rejection.status(), rejection.body_text()))
}

/// A path or a query that cannot be read. Only a route without the parameter is a defect.
fn unreadable(status: StatusCode, why: String) -> Failure {
    match status {
        StatusCode::BAD_REQUEST => url_malformed().into(),
        _ => Failure::Broken(why.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B29: with such a token nothing is visible, and the refusal says why.
    #[test]
    fn b29_the_refusal_of_a_token_without_a_verified_address_explains_itself() {
        for (email_unproven, why) in [(true, "an e-mail address that is not verified"), (false, "no e-mail address")] {
            let caller =
                Caller { subject: "user-1".to_owned(), email: None, email_unproven, organization: None, groups: Vec::new() };
            let refusal = hidden(&caller);
            assert_eq!(refusal.code(), Code::NotFound);
            assert!(refusal.faults[0].detail.contains(why), "{}", refusal.faults[0].detail);
            assert!(!refusal.faults[0].detail.contains("user-1"));
        }
    }
}
