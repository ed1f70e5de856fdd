//! The links in answers, letters and documents. Those of a quote carry its secret: they are written by whoever has
//! the keys, and stored nowhere.

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

    /// The keys that secrets are made with.
    pub fn keys(&self) -> &LinkKeys {
        &self.keys
    }

    /// The quote.
    pub fn quote(&self, number: &QuoteNumber, offer: &Offer) -> String {
        self.with_secret(format!("{}/v1/quotes/{number}", self.api), number, offer)
    }

    /// Its PDF.
    pub fn document(&self, number: &QuoteNumber, offer: &Offer) -> String {
        self.with_secret(format!("{}/v1/quotes/{number}/document.pdf", self.api), number, offer)
    }

    /// The invoice's PDF.
    pub fn invoice(&self, number: &QuoteNumber, offer: &Offer) -> String {
        self.with_secret(format!("{}/v1/quotes/{number}/invoice.pdf", self.api), number, offer)
    }

    /// The payment form (R63).
    pub fn pay(&self, number: &QuoteNumber, offer: &Offer) -> String {
        self.with_secret(format!("{}/{number}", self.pay), number, offer)
    }

    /// A licence: its reader signs in.
    pub fn license(&self, sen: &Sen) -> String {
        format!("{}/v1/licenses/{sen}", self.api)
    }

    /// A quote whose link key is no longer configured has a link without a secret, which opens nothing.
    fn with_secret(&self, url: String, number: &QuoteNumber, offer: &Offer) -> String {
        match self.keys.secret(number, offer) {
            Some(secret) => format!("{url}?secret={secret}"),
            None => url,
        }
    }
}
