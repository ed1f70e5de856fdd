//! Paid quotes become licences and subscriptions, each at most once (R78).
//!
//! A stream record is only a reason to look: what is owed is decided from the quote as it is stored now, so that a
//! record may come late, twice, or after a refund.

pub mod key;
pub mod kms;

use std::sync::Arc;

use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::DynamoDbEventResponse,
};
use domain::{
    Policy, Quote, QuoteNumber, Sen,
    import::holding,
    license::{self, Entitlement, LicenseKey, Moved},
    number::Minter,
    price::Line,
    quote::{self, Delivered, Delivery, Owed, Withheld},
};
use jiff::{Timestamp, civil::Date};
use licensing::{License, LicenseFile, Signer, SigningError};
use runtime::{Clock, Configuration, Policies, StartError, Vendor, stream};
use store::{Commit, Created, Store, item::QuoteRecord};

const ATTEMPTS: u32 = 8;

/// What the handler works with.
pub struct Issuance {
    store: Store,
    signer: Arc<dyn Signer>,
    minter: Minter,
    policies: Policies,
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
    /// A paid line is about an entitlement that is not there: somebody must look.
    #[error("{0} is not there any more")]
    Gone(Sen),
    /// Others kept changing the quote, or the series of invoices.
    #[error("{0} was changed by others at the same time")]
    Contended(QuoteNumber),
}

impl Issuance {
    /// Reads `VENDOR_DIR` and `NUMBER_KEY`, and publishes the signer's key, so that every licence can be verified from
    /// the moment it exists.
    pub async fn start(
        configuration: &Configuration,
        store: Store,
        signer: Arc<dyn Signer>,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let (vendor, number_key) = configuration.read(|c| (c.required("VENDOR_DIR"), c.secret("NUMBER_KEY")))?;
        let key = signer.key();
        store.publish_key(key.id().as_str(), &serde_json::to_string(key)?).await?;
        let policies = Policies::new(&Vendor::open(vendor)?, store.clone(), clock)?;
        Ok(Self { store, signer, minter: Minter::new(number_key.expose().as_bytes()), policies })
    }

    /// Handles a batch of the table's stream.
    pub async fn handle(&self, event: Event) -> DynamoDbEventResponse {
        // Boxed, for the SDK nests its futures deeper than the compiler likes to look.
        stream::each(event, |record| Box::pin(self.record(record))).await
    }

    /// `Ok`: nothing is owed for this record any more. `Err`: try it again.
    async fn record(&self, record: EventRecord) -> Result<(), Failure> {
        let Some(QuoteRecord { new, owed: Owed::Fulfilment, .. }) = QuoteRecord::read(&record)? else { return Ok(()) };
        match new.stage {
            quote::Stage::Refunded { .. } => self.close(&new.number).await,
            _ => self.deliver(&new.number).await,
        }
    }

    /// Delivers what a quote owes, if it still owes anything; what cannot be delivered as it was sold is withheld.
    async fn deliver(&self, number: &QuoteNumber) -> Result<(), Failure> {
        let policy = self.policies.current().await?;
        let series = &policy.invoice_series;
        for _ in 0..ATTEMPTS {
            let Some(quote) = self.store.quote(number).await? else { return Ok(()) };
            let (Some(on), Some(paid_at)) = (quote.deliverable_since(), paid_at(&quote)) else { return Ok(()) };
            let committed = match self.fulfil(&quote, on, paid_at, &policy).await? {
                Err((line, reason)) => {
                    tracing::error!(quote = %number, line, ?reason, "withheld: somebody must decide");
                    let Some(change) = quote.withhold(line, reason, paid_at) else { return Ok(()) };
                    self.store.commit(&change).await?
                }
                Ok(entitlements) => {
                    let next = self.store.last_in_series(series).await? + 1;
                    let delivery = Delivery { invoice: format!("{series}-{next:06}"), invoiced_on: on, entitlements };
                    let Some(change) = quote.deliver(delivery, paid_at) else { return Ok(()) };
                    self.store.commit_numbered(&change, series, next).await?
                }
            };
            if committed == Commit::Committed {
                tracing::info!(quote = %number, lines = quote.offer.lines.len(), "done with a paid quote");
                return Ok(());
            }
        }
        Err(Failure::Contended(number.clone()))
    }

    /// Issues, changes and claims what the lines say; or the first line that cannot be had as it was sold. Everything that
    /// may be refused is asked for before the first licence is signed.
    async fn fulfil(
        &self,
        quote: &Quote,
        on: Date,
        paid_at: Timestamp,
        policy: &Policy,
    ) -> Result<Result<Vec<Delivered>, (u32, Withheld)>, Failure> {
        for line in &quote.offer.lines {
            if let Some(held) = &line.order.held
                && self.entitlement(&held.sen).await?.granted(quote, line, on, paid_at).is_err()
            {
                return Ok(Err((line.line, Withheld::EntitlementChanged)));
            }
        }
        for line in &quote.offer.lines {
            if let Some(source) = &line.order.source
                && !self.migrate(&quote.number, &source.sen).await?
            {
                return Ok(Err((line.line, Withheld::SourceCredited)));
            }
        }
        let mut delivered = Vec::new();
        for line in &quote.offer.lines {
            let entitlement = match &line.order.held {
                None => self.issue(quote, line, on, paid_at, policy).await?,
                Some(held) => self.grant(quote, line, &held.sen, on, paid_at, policy).await?,
            };
            match entitlement {
                Ok(Entitlement { sen, file, maintenance_end, term_end, .. }) => {
                    let end = term_end.or(maintenance_end);
                    delivered.push(Delivered { line: line.line, sen, key: file.is_some(), end });
                }
                Err(reason) => return Ok(Err((line.line, reason))),
            }
        }
        Ok(Ok(delivered))
    }

    /// Signs and stores a new entitlement. Done again, it finds what it did before: number, statement and — Ed25519
    /// being deterministic — signature are the same.
    async fn issue(
        &self,
        quote: &Quote,
        line: &Line,
        on: Date,
        paid_at: Timestamp,
        policy: &Policy,
    ) -> Result<Result<Entitlement, Withheld>, Failure> {
        for attempt in 0..ATTEMPTS {
            // Once in 10¹⁴ another entitlement has this number.
            let sen = self.minter.sen(&quote.number, line.line, attempt);
            let owed = license::owed(quote, line, on, paid_at, sen);
            if let Some(holding) = holding(&owed, policy)
                && self.store.take_holding(&holding, on).await? == Commit::Conflict
            {
                return Ok(Err(Withheld::SubscriptionExists));
            }
            let owed = self.sign(owed).await?;
            match self.store.create_entitlement(&owed).await? {
                Created::New => return Ok(Ok(owed)),
                Created::Exists(there) if there.has(&quote.number, line.line) => return Ok(Ok(*there)),
                Created::Exists(_) => {}
            }
        }
        Err(Failure::Contended(quote.number.clone()))
    }

    /// Signs and stores what a line makes of an entitlement that there is. Done again, it finds that the line is in it.
    async fn grant(
        &self,
        quote: &Quote,
        line: &Line,
        sen: &Sen,
        on: Date,
        paid_at: Timestamp,
        policy: &Policy,
    ) -> Result<Result<Entitlement, Withheld>, Failure> {
        for _ in 0..ATTEMPTS {
            let there = self.entitlement(sen).await?;
            let granted = match there.granted(quote, line, on, paid_at) {
                Ok(None) => there,
                Ok(Some(next)) => {
                    let next = self.sign(next).await?;
                    if self.store.update_entitlement(&next).await? == Commit::Conflict {
                        continue;
                    }
                    next
                }
                Err(Moved) => return Ok(Err(Withheld::EntitlementChanged)),
            };
            if let Some(holding) = holding(&granted, policy) {
                self.store.hold(&holding).await?;
            }
            return Ok(Ok(granted));
        }
        Err(Failure::Contended(quote.number.clone()))
    }

    /// Claims an entitlement for a quote that moves it to the cloud, so that its unused time is credited once (R62).
    /// `false`: another quote was first.
    async fn migrate(&self, quote: &QuoteNumber, source: &Sen) -> Result<bool, Failure> {
        for _ in 0..ATTEMPTS {
            match self.entitlement(source).await?.migrated(quote) {
                Ok(None) => return Ok(true),
                Err(Moved) => return Ok(false),
                Ok(Some(next)) if self.store.update_entitlement(&next).await? == Commit::Committed => return Ok(true),
                Ok(Some(_)) => {}
            }
        }
        Err(Failure::Contended(quote.clone()))
    }

    /// Closes what a quote delivered whose money went back: nothing of it can be credited any more.
    async fn close(&self, number: &QuoteNumber) -> Result<(), Failure> {
        let Some(quote) = self.store.quote(number).await? else { return Ok(()) };
        let quote::Stage::Refunded { delivery: Some(delivery) } = &quote.stage else { return Ok(()) };
        for delivered in &delivery.entitlements {
            for attempt in 1..=ATTEMPTS {
                let Some(next) = self.entitlement(&delivered.sen).await?.refunded(number) else { break };
                if self.store.update_entitlement(&next).await? == Commit::Committed {
                    break;
                }
                if attempt == ATTEMPTS {
                    return Err(Failure::Contended(number.clone()));
                }
            }
        }
        // A quote that has moved on has a record of its own.
        self.store.fulfilment_done(&quote).await.map(drop).map_err(Failure::from)
    }

    async fn entitlement(&self, sen: &Sen) -> Result<Entitlement, Failure> {
        self.store.entitlement(sen).await?.ok_or_else(|| Failure::Gone(sen.clone()))
    }

    async fn sign(&self, mut owed: Entitlement) -> Result<Entitlement, Failure> {
        if let Some(license) = license_of(&owed, self.signer.key().id().as_str()) {
            let text = LicenseFile::issue(&license, self.signer.as_ref()).await?.as_str().to_owned();
            owed.file = Some(LicenseKey { key_id: license.key_id, text });
        }
        Ok(owed)
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
    // A key for a lower grade to come says what comes; the one for what still runs stays good to its end.
    let (edition, tier) = owed.grade(Date::MAX);
    Some(License {
        sen: owed.sen.to_string(),
        product: owed.product.clone(),
        product_name: owed.product_name.clone(),
        edition: edition.map(str::to_owned),
        tier: Some(tier),
        licensee: owed.licensee.clone(),
        kind,
        purchased: owed.purchased,
        maintenance_end: owed.maintenance_end,
        term_end: owed.term_end,
        issued_at: owed.issued_at,
        key_id: key_id.to_owned(),
    })
}
