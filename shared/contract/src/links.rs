//! The links in responses, letters and documents. The links to a quote contain its secret. They are computed from the link
//! keys and never stored.

use domain::{QuoteNumber, Sen, link::LinkKeys, quote::Offer};

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

    /// The links to a quote's offer, all with its secret.
    pub fn to<'l>(&'l self, number: &'l QuoteNumber, offer: &Offer) -> OfferLinks<'l> {
        OfferLinks { links: self, number, secret: self.keys.secret(number, offer) }
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
