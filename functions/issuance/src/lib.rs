//! Paid quotes become licences and subscriptions, each at most once (R78).
//!
//! A stream record is only a reason to look: what is owed is decided from the quote as it is stored now, so that a
//! record may come late, twice, or after a refund.

use std::sync::Arc;

use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::DynamoDbEventResponse,
};
use domain::{
    Quote, QuoteNumber,
    license::{self, Entitlement, LicenseKey},
    number::Minter,
    quote::{self, Delivered, Delivery},
};
use jiff::Timestamp;
use licensing::{License, LicenseFile, Signer, SigningError};
use runtime::{Configuration, StartError, Vendor, stream};
use store::{Commit, Created, Store, item::QuoteRecord};

const ATTEMPTS: u32 = 8;

/// What the handler works with.
pub struct Issuance {
    store: Store,
    signer: Arc<dyn Signer>,
    minter: Minter,
    invoice_series: String,
}

/// Why something that is owed was not delivered yet. It stays owed, and the record is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The record is not what we write.
    #[error(transparent)]
    Record(#[from] store::RecordError),
    /// The table.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The signature.
    #[error("the licence could not be signed: {0}")]
    Signing(#[from] SigningError),
    /// Others kept changing the quote, or the series of invoices.
    #[error("{0} was changed by others at the same time")]
    Contended(QuoteNumber),
}

impl Issuance {
    /// Reads `VENDOR_DIR` and `NUMBER_KEY`, and publishes the signer's key, so that every licence can be verified from
    /// the moment it exists.
    pub async fn start(configuration: &Configuration, store: Store, signer: Arc<dyn Signer>) -> Result<Self, StartError> {
        let (vendor, number_key) = configuration.read(|c| (c.required("VENDOR_DIR"), c.secret("NUMBER_KEY")))?;
        let key = signer.key();
        store.publish_key(key.id().as_str(), &serde_json::to_string(key)?).await?;
        let invoice_series = Vendor::open(vendor)?.policy()?.invoice_series;
        Ok(Self { store, signer, minter: Minter::new(number_key.expose().as_bytes()), invoice_series })
    }

    /// Handles a batch of the table's stream.
    pub async fn handle(&self, event: Event) -> DynamoDbEventResponse {
        // Boxed, for the SDK nests its futures deeper than the compiler likes to look.
        stream::each(event, |record| Box::pin(self.record(record))).await
    }

    /// `Ok`: nothing is owed for this record any more. `Err`: try it again.
    async fn record(&self, record: EventRecord) -> Result<(), Failure> {
        let paid = |quote: &Quote, old: Option<&Quote>| {
            quote.news_since(old).any(|entry| matches!(entry.event, quote::Event::Paid { .. }))
        };
        match QuoteRecord::read(&record)? {
            Some(QuoteRecord { new, old }) if paid(&new, old.as_ref()) => self.deliver(&new.number).await,
            _ => Ok(()),
        }
    }

    /// Delivers what a quote owes, if it still owes anything.
    async fn deliver(&self, number: &QuoteNumber) -> Result<(), Failure> {
        for _ in 0..ATTEMPTS {
            let Some(quote) = self.store.quote(number).await? else { return Ok(()) };
            let (Some(on), Some(paid_at)) = (quote.owed_since(), paid_at(&quote)) else { return Ok(()) };
            let mut entitlements = Vec::new();
            for owed in license::owed(&quote, paid_at, |line| self.minter.sen(number, line, 0)) {
                entitlements.push(self.issue(owed).await?);
            }
            let next = self.store.last_in_series(&self.invoice_series).await? + 1;
            let delivery = Delivery { invoice: format!("{}-{next:06}", self.invoice_series), invoiced_on: on, entitlements };
            let Some(change) = quote.deliver(delivery, paid_at) else { return Ok(()) };
            if self.store.commit_numbered(&change, &self.invoice_series, next).await? == Commit::Committed {
                tracing::info!(quote = %number, lines = quote.offer.lines.len(), "delivered");
                return Ok(());
            }
        }
        Err(Failure::Contended(number.clone()))
    }

    /// Signs and stores one entitlement. Done again, it finds what it did before: number, statement and — Ed25519
    /// being deterministic — signature are the same.
    async fn issue(&self, mut owed: Entitlement) -> Result<Delivered, Failure> {
        for attempt in 1..=ATTEMPTS {
            owed.file = match license_of(&owed, self.signer.key().id().as_str()) {
                Some(license) => {
                    let text = LicenseFile::issue(&license, self.signer.as_ref()).await?.as_str().to_owned();
                    Some(LicenseKey { key_id: license.key_id, text })
                }
                None => None,
            };
            let ours = match self.store.create_entitlement(&owed).await? {
                Created::New => true,
                Created::Exists(there) => (&there.quote, there.line) == (&owed.quote, owed.line),
            };
            if ours {
                return Ok(Delivered { line: owed.line, sen: owed.sen, key: owed.file.is_some() });
            }
            // Another entitlement has this number: once in 10¹⁴.
            owed.sen = self.minter.sen(&owed.quote, owed.line, attempt);
        }
        Err(Failure::Contended(owed.quote))
    }
}

/// When the completing payment was entered: the instant of everything that follows from it, however often it is done.
fn paid_at(quote: &Quote) -> Option<Timestamp> {
    quote.history.iter().rev().find(|entry| matches!(entry.event, quote::Event::Paid { .. })).map(|entry| entry.at)
}

/// The statement to sign; a subscription has none (R53).
fn license_of(owed: &Entitlement, key_id: &str) -> Option<License> {
    let kind = match owed.kind {
        license::Kind::Perpetual => licensing::Kind::Perpetual,
        license::Kind::Term => licensing::Kind::Term,
        license::Kind::Subscription => return None,
    };
    Some(License {
        sen: owed.sen.to_string(),
        product: owed.product.clone(),
        product_name: owed.product_name.clone(),
        edition: None,
        tier: Some(owed.tier),
        licensee: owed.licensee.clone(),
        kind,
        purchased: owed.purchased,
        maintenance_end: owed.maintenance_end,
        term_end: owed.term_end,
        issued_at: owed.issued_at,
        key_id: key_id.to_owned(),
    })
}
