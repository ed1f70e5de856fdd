//! What the handlers work with, made once at the start.

use std::sync::{Arc, Mutex};

use contract::Links;
use domain::number::Minter;
use runtime::{
    Clock, Configuration, Policies, StartError, Vendor,
    authority::{WithLinks, WithStore, WithVerifier},
    identity::Verifier,
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
        let policies = Policies::reading(&vendor, store.clone(), clock.clone())?;
        Ok(Arc::new(Self { store, policies, links, minter, verifier, clock, letters: Mutex::default() }))
    }

    /// Loads the policy in force ahead of the first request. A failure is logged, and the first request retries.
    pub async fn prepare(&self) {
        runtime::aws::ahead(self.policies.current()).await;
    }
}

impl WithVerifier for Quotes {
    fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}

impl WithStore for Quotes {
    fn store(&self) -> &Store {
        &self.store
    }
}

impl WithLinks for Quotes {
    fn links(&self) -> &Links {
        &self.links
    }
}
