//! The links in responses, letters and documents. The links to a quote contain a secret. They are computed from the link keys
//! and never stored.

use domain::{
    QuoteNumber, Sen,
    link::{LinkKeys, Purpose},
    quote::Offer,
};

/// Writes links.
#[derive(Clone)]
pub struct Links {
    api: String,
    pay: String,
    keys: LinkKeys,
}

impl Links {
    /// Links to the API at `api` and to the payment form at `pay`, both without a slash at the end.
    pub fn new(api: &str, pay: &str, keys: LinkKeys) -> Self {
        Self { api: api.trim_end_matches('/').to_owned(), pay: pay.trim_end_matches('/').to_owned(), keys }
    }

    /// The keys from which secrets are derived.
    pub fn keys(&self) -> &LinkKeys {
        &self.keys
    }

    /// The links to a quote's offer, all with the secret that reads and pays.
    pub fn to<'l>(&'l self, number: &'l QuoteNumber, offer: &Offer) -> OfferLinks<'l> {
        OfferLinks { links: self, number, secret: self.keys.secret(number, offer, Purpose::Read) }
    }

    /// The quote, for its requester only: with the secret that also changes the order. `None` when the link key is no longer
    /// configured.
    pub fn requester(&self, number: &QuoteNumber, offer: &Offer) -> Option<String> {
        let secret = self.keys.secret(number, offer, Purpose::Change)?;
        Some(format!("{}/v1/quotes/{number}?secret={secret}", self.api))
    }

    /// The operation that changes the order, for its requester only. `None` when the link key is no longer configured.
    pub fn revise(&self, number: &QuoteNumber, offer: &Offer) -> Option<String> {
        let secret = self.keys.secret(number, offer, Purpose::Change)?;
        Some(format!("{}/v1/quotes/{number}/revisions?secret={secret}", self.api))
    }

    /// The link to a licence. It has no secret: its reader signs in.
    pub fn license(&self, sen: &Sen) -> String {
        format!("{}/v1/licenses/{sen}", self.api)
    }
}

/// Writes the links to one offer.
pub struct OfferLinks<'l> {
    links: &'l Links,
    number: &'l QuoteNumber,
    /// `None` when the link key is no longer configured. The links then have no secret and open nothing.
    secret: Option<String>,
}

impl OfferLinks<'_> {
    /// The quote.
    pub fn quote(&self) -> String {
        self.with_secret(format!("{}/v1/quotes/{}", self.links.api, self.number))
    }

    /// The quote's PDF.
    pub fn document(&self) -> String {
        self.with_secret(format!("{}/v1/quotes/{}/document.pdf", self.links.api, self.number))
    }

    /// The invoice's PDF.
    pub fn invoice(&self) -> String {
        self.with_secret(format!("{}/v1/quotes/{}/invoice.pdf", self.links.api, self.number))
    }

    /// The payment form (R63).
    pub fn pay(&self) -> String {
        self.with_secret(format!("{}/{}", self.links.pay, self.number))
    }

    fn with_secret(&self, mut url: String) -> String {
        if let Some(secret) = &self.secret {
            url.push_str("?secret=");
            url.push_str(secret);
        }
        url
    }
}
