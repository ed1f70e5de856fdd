//! Paid quotes become licences and subscriptions, each at most once (R78).
//!
//! A stream record is only a reason to look. What to deliver is decided from the quote as it is stored now, so a record may
//! come late, twice, or after a refund.

pub mod key;
pub mod kms;

use std::{collections::BTreeMap, slice, sync::Arc};

use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::DynamoDbEventResponse,
};
use domain::{
    Policy, Quote, QuoteNumber, Sen,
    calendar::day_of,
    fulfilment::{self, Fulfilment, Made, new_entitlement},
    government::GovernmentSubscription,
    license::{self, Entitlement, LicenseKey},
    number::{InvoiceNumber, Minter},
    pending::Work,
    quote::{self, Delivered, Delivery, Withheld},
};
use jiff::{Timestamp, civil::Date};
use licensing::{License, LicenseFile, Signer, SigningError};
use runtime::{Clock, Configuration, Policies, StartError, Vendor, stream};
use store::{Changed, Commit, Created, OutboxRecord, Store};
use tokio::sync::Mutex;

const ATTEMPTS: u32 = 8;

/// What the handler works with.
pub struct Issuance {
    store: Store,
    signer: Arc<dyn Signer>,
    minter: Minter,
    policies: Policies,
    /// Held while an invoice is numbered. Quotes are delivered in parallel, and of several that read the same last number only one
    /// can be committed.
    numbering: Mutex<()>,
}

/// Why a fulfilment is not complete. It stays pending, and the record is retried.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The record is not one that the store writes.
    #[error(transparent)]
    Record(#[from] store::RecordError),
    /// The table.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The signature.
    #[error("the licence could not be signed: {0}")]
    Signing(#[from] SigningError),
    /// A paid line names an entitlement that does not exist. A retry does not help: an operator must look.
    #[error("the entitlement {0} does not exist")]
    Gone(Sen),
    /// Concurrent writes kept changing the quote, or the series of invoices. A retry is safe.
    #[error("{0} was changed by concurrent writes")]
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
        Ok(Self { store, signer, minter: Minter::new(number_key.expose().as_bytes()), policies, numbering: Mutex::default() })
    }

    /// Handles a batch of the table's stream.
    pub async fn handle(&self, event: Event) -> DynamoDbEventResponse {
        // Boxed: the futures of the SDK are nested deeper than the compiler's limit for one type.
        stream::each(event, |record| Box::pin(self.record(record))).await
    }

    /// `Ok`: no fulfilment is pending for this record any more. `Err`: retry the record.
    async fn record(&self, record: EventRecord) -> Result<(), Failure> {
        match OutboxRecord::<Quote>::read(&record)? {
            Some(record) if record.next_work() == Some(Work::Fulfilment) => self.fulfil(&record.new.number).await,
            _ => Ok(()),
        }
    }

    /// Fulfils a quote as it is stored now: delivers what it sold, or takes it back.
    async fn fulfil(&self, number: &QuoteNumber) -> Result<(), Failure> {
        let policy = self.policies.current().await?;
        for _ in 0..ATTEMPTS {
            let Some(quote) = self.store.quote(number).await? else { return Ok(()) };
            if quote.is_void() {
                self.take_back(&quote, &policy).await?;
                if matches!(quote.stage, quote::Stage::Paid { .. }) {
                    tracing::error!(must_decide = "quote_withheld", quote = %number, "withheld: a part of its money was returned");
                }
                // A quote that has changed meanwhile has a record of its own.
                return self.store.work_done(&quote, Work::Fulfilment).await.map(drop).map_err(Failure::from);
            }
            let (Some(on), Some(paid_at)) = (quote.deliverable_since(), paid_at(&quote)) else { return Ok(()) };
            if self.deliver(&quote, on, paid_at, &policy).await? == Commit::Committed {
                tracing::info!(quote = %number, lines = quote.offer.lines.len(), "a paid quote is delivered or withheld");
                return Ok(());
            }
        }
        Err(Failure::Contended(number.clone()))
    }

    /// Delivers all lines of a paid quote, or withholds all of them if one cannot be delivered as it was sold. `Conflict`: another
    /// request changed the quote, one of its entitlements or the series of invoices.
    async fn deliver(&self, quote: &Quote, on: Date, paid_at: Timestamp, policy: &Policy) -> Result<Commit, Failure> {
        let mut there = BTreeMap::new();
        for sen in fulfilment::about(quote) {
            there.insert(sen.clone(), self.store.entitlement(sen).await?.ok_or_else(|| Failure::Gone(sen.clone()))?);
        }
        let number = |line| self.minter.sen(&quote.number, line, 0);
        let mut made = match Fulfilment::of(quote, on, paid_at, &there, policy, number) {
            Ok(made) => made,
            Err((line, reason)) => return self.withhold(quote, line, reason, paid_at).await,
        };
        let mut changes = made.migrated;
        for (_, line) in &mut made.lines {
            if let Made::Changed(next) = line {
                self.sign(next, &quote.offer.timezone).await?;
                changes.push(next.clone());
            }
        }
        loop {
            let subscriptions: Vec<_> = made.government_subscriptions.iter().map(|(_, holding)| holding).collect();
            let index = match self.store.change_entitlements(&changes, &subscriptions, on).await? {
                Changed::Committed => break,
                Changed::Conflict => return Ok(Commit::Conflict),
                Changed::AlreadySubscribed(index) => index,
            };
            let (line, _) = made.government_subscriptions.remove(index);
            if made.lines.iter().any(|(of, made)| *of == line && made.is_new()) {
                return self.withhold(quote, line, Withheld::SubscriptionExists, paid_at).await;
            }
        }
        let mut entitlements = Vec::new();
        for (line, made) in made.lines {
            let entitlement = match made {
                Made::New(new) => self.issue(quote, line, new).await?,
                Made::Changed(there) | Made::Before(there) => there,
            };
            entitlements.push(Delivered::of(quote, line, &entitlement));
        }
        let series = &policy.invoice_series;
        let _numbering = self.numbering.lock().await;
        let next = self.store.last_in_series(series).await? + 1;
        let delivery = Delivery { invoice: InvoiceNumber::new(series, next), invoiced_on: on, entitlements };
        let Some(change) = quote.deliver(delivery, paid_at) else { return Ok(Commit::Conflict) };
        Ok(self.store.commit_numbered(&change, series, next).await?)
    }

    async fn withhold(&self, quote: &Quote, line: u32, reason: Withheld, paid_at: Timestamp) -> Result<Commit, Failure> {
        tracing::error!(
            must_decide = "quote_withheld",
            quote = %quote.number,
            line,
            ?reason,
            "the quote is withheld: staff must decide what happens to it"
        );
        let Some(change) = quote.withhold(line, reason, paid_at) else { return Ok(Commit::Conflict) };
        Ok(self.store.commit(&change).await?)
    }

    /// Signs and stores a new entitlement. A retry finds the stored one: its number and its statement are the same, and so is its
    /// signature, because Ed25519 is deterministic (RFC 8032).
    async fn issue(&self, quote: &Quote, line: u32, mut new: Entitlement) -> Result<Entitlement, Failure> {
        for attempt in 0..ATTEMPTS {
            // Another entitlement has this number once in 10¹⁴ entitlements. The next attempt takes another number.
            new.sen = self.minter.sen(&quote.number, line, attempt);
            self.sign(&mut new, &quote.offer.timezone).await?;
            match self.store.create_entitlement(&new).await? {
                Created::New => return Ok(new),
                Created::Exists(there) if there.has(&quote.number, line) => return Ok(*there),
                Created::Exists(_) => {}
            }
        }
        Err(Failure::Contended(quote.number.clone()))
    }

    /// Takes back what a quote has sold, after its money was returned (R87). The delivery may be complete or only begun.
    async fn take_back(&self, quote: &Quote, policy: &Policy) -> Result<(), Failure> {
        let refunded_at = quote.history.last().map_or(quote.offer.issued_at, |entry| entry.at);
        let on = day_of(refunded_at, &quote.offer.zone());
        let delivered: BTreeMap<_, _> =
            quote.delivery().iter().flat_map(|it| &it.entitlements).map(|it| (it.line, it.sen.clone())).collect();
        for line in &quote.offer.lines {
            let number = || self.minter.sen(&quote.number, line.line, 0);
            let of_line = || delivered.get(&line.line).cloned().unwrap_or_else(number);
            let made = line.order.held.as_ref().map_or_else(of_line, |held| held.sen.clone());
            for sen in [Some(&made), line.order.source.as_ref().map(|source| &source.sen)].into_iter().flatten() {
                self.undo(quote, sen, on, policy).await?;
            }
            // A subscription is recorded before it is issued, so the record may exist without the entitlement.
            let new = || new_entitlement(quote, line, on, refunded_at, made.clone());
            let noted = line.order.held.is_none().then(new).and_then(|new| GovernmentSubscription::of(&new, policy));
            if let Some(noted) = noted.filter(|_| delivered.is_empty()) {
                // A record of the customer's other subscription stays.
                let _ = self.store.change_entitlements(&[], &[&GovernmentSubscription { end: on, ..noted }], on).await?;
            }
        }
        Ok(())
    }

    /// Takes back the changes of a quote to one entitlement, if there are any.
    async fn undo(&self, quote: &Quote, sen: &Sen, on: Date, policy: &Policy) -> Result<(), Failure> {
        for _ in 0..ATTEMPTS {
            let there = self.store.entitlement(sen).await?;
            let Some(next) = there.and_then(|there| there.without(&quote.number)) else { return Ok(()) };
            if next.is_built_on(&quote.number) {
                tracing::error!(
                    must_decide = "license_built_on",
                    quote = %quote.number,
                    %sen,
                    "other quotes built on the licence that is taken back: staff must decide what happens to them"
                );
            }
            let holding = GovernmentSubscription::of(&next, policy)
                .map(|it| GovernmentSubscription { end: if next.is_closed() { on } else { it.end }, ..it });
            let noted: Vec<_> = holding.iter().collect();
            let changed = match self.store.change_entitlements(slice::from_ref(&next), &noted, on).await? {
                // The customer has another subscription by now, and its record stays.
                Changed::AlreadySubscribed(_) => self.store.update_entitlement(&next).await?.into(),
                changed => changed,
            };
            if changed == Changed::Committed {
                return Ok(());
            }
        }
        Err(Failure::Contended(quote.number.clone()))
    }

    async fn sign(&self, entitlement: &mut Entitlement, time_zone: &str) -> Result<(), Failure> {
        if let Some(license) = license_of(entitlement, time_zone, self.signer.key().id().as_str()) {
            let text = LicenseFile::issue(&license, self.signer.as_ref()).await?.as_str().to_owned();
            entitlement.statement.file = Some(LicenseKey { key_id: license.key_id, text });
        }
        Ok(())
    }
}

/// When the payment that completed the quote was recorded. Everything that follows from it has this time, so that a retry writes
/// the same.
fn paid_at(quote: &Quote) -> Option<Timestamp> {
    quote.history.iter().rev().find(|entry| matches!(entry.event, quote::Event::Paid { .. })).map(|entry| entry.at)
}

/// The statement to sign; a subscription has none (R53). Its days are days of the vendor's time zone at the sale.
fn license_of(entitlement: &Entitlement, time_zone: &str, key_id: &str) -> Option<License> {
    let kind = match entitlement.kind {
        license::Kind::Perpetual => licensing::Kind::Perpetual,
        license::Kind::Term => licensing::Kind::Term,
        license::Kind::Subscription => return None,
    };
    // After a downgrade is scheduled, the new key states the later edition and tier. The earlier key stays valid to its end.
    let (edition, tier) = entitlement.grade(Date::MAX);
    Some(License {
        sen: entitlement.sen.to_string(),
        product: entitlement.product.clone(),
        product_name: entitlement.product_name.clone(),
        edition: edition.map(str::to_owned),
        tier: Some(tier),
        licensee: entitlement.licensee.clone(),
        kind,
        purchased: entitlement.statement.purchased,
        maintenance_end: entitlement.statement.maintenance_end,
        term_end: entitlement.statement.term_end,
        time_zone: time_zone.to_owned(),
        issued_at: entitlement.statement.issued_at,
        key_id: key_id.to_owned(),
    })
}
