//! What the handlers work with, made once at the start.

use std::sync::Arc;

use runtime::{
    Clock, Configuration, Policies, StartError, Vendor,
    authority::{WithStaff, WithVerifier},
    identity::Verifier,
};
use store::Store;

/// How many times a change is decided when others change the same record at the same time.
pub(crate) const ATTEMPTS: u32 = 5;

/// What the handlers work with.
pub struct Desk {
    pub(crate) store: Store,
    pub(crate) policies: Policies,
    pub(crate) verifier: Verifier,
    pub(crate) staff_group: String,
    pub(crate) clock: Clock,
}

impl Desk {
    /// Reads `VENDOR_DIR`, what [`Verifier::read`] does, and `STAFF_GROUP` (`vendor-staff`, when it is left out). Refuses to
    /// start on any mistake.
    pub fn start(configuration: &Configuration, store: Store, clock: Clock) -> Result<Arc<Self>, StartError> {
        let (vendor, verifier, staff_group) =
            configuration.read(|c| (c.required("VENDOR_DIR"), Verifier::read(c, clock.clone()), c.optional("STAFF_GROUP")))?;
        let policies = Policies::new(&Vendor::open(vendor)?, store.clone(), clock.clone())?;
        let staff_group = staff_group.unwrap_or_else(|| "vendor-staff".to_owned());
        Ok(Arc::new(Self { store, policies, verifier, staff_group, clock }))
    }

    /// Loads the policy in force and the issuer's keys ahead of the first request. A failure is logged, and the first request
    /// retries.
    pub async fn prepare(&self) {
        tokio::join!(runtime::aws::ahead(self.policies.current()), self.verifier.prepare());
    }
}

impl WithVerifier for Desk {
    fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}

impl WithStaff for Desk {
    fn staff_group(&self) -> &str {
        &self.staff_group
    }
}
