//! What the handlers work with, made once at the start.

use std::sync::{Arc, Mutex};

use axum::http::HeaderMap;
use contract::Links;
use domain::number::Minter;
use runtime::{
    Clock, Configuration, Policies, Reply, StartError, Vendor,
    identity::{Caller, Verifier},
};
use store::Store;

use crate::tally::Tally;

/// What the handlers work with.
pub struct Quotes {
    pub(crate) store: Store,
    pub(crate) policies: Policies,
    pub(crate) links: Links,
    pub(crate) minter: Minter,
    pub(crate) verifier: Verifier,
    pub(crate) clock: Clock,
    /// The letters that this process has counted.
    pub(crate) letters: Mutex<Tally>,
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

    /// Loads the policy in force ahead of the first request. A failure is logged, and the first request retries.
    pub async fn prepare(&self) {
        runtime::aws::ahead(self.policies.current()).await;
    }

    /// The signed-in caller, if any. No sign-in is needed for a quote; a member of a programme signs in for its discount.
    pub(crate) async fn caller(&self, headers: &HeaderMap) -> Reply<Option<Caller>> {
        Ok(self.verifier.optional_caller(headers).await?)
    }
}
