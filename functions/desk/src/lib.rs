//! What the vendor's staff record and decide. Every change is one write with an entry that says who, when, before and
//! after (R118).

mod entitlements;
mod policy;
mod records;
mod reviews;
mod staff;

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{get, post},
};
use runtime::{Clock, Configuration, Policies, StartError, Vendor, identity::Verifier, reply::reads_up_to};
use store::Store;

/// How often something is decided again when others change the same record.
const ATTEMPTS: u32 = 5;

/// The largest policy that is read. The example vendor's has about 20 KB.
const MAX_POLICY_BYTES: usize = 8 * 1024 * 1024;

/// The largest batch that is read: a thousand lines of two kilobytes each. Most have half of one.
const MAX_BATCH_BYTES: usize = 2 * 1024 * 1024;

/// What the handlers work with.
pub struct Desk {
    store: Store,
    policies: Policies,
    verifier: Verifier,
    staff_group: String,
    clock: Clock,
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

    /// Asks ahead of the first request which policy is in force, and for the issuer's keys. A failure is logged, and the
    /// first request asks again.
    pub async fn prepare(&self) {
        tokio::join!(runtime::aws::ahead(self.policies.current()), self.verifier.prepare());
    }
}

/// The routes, for whichever home serves them: all of them for staff only.
pub fn routes(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/v1/desk/partners/{organization}", get(records::partner).put(records::put_partner))
        .route("/v1/desk/evidence/{id}", get(records::evidence).put(records::put_evidence))
        .route("/v1/desk/certificates/{id}", get(records::certificate).put(records::put_certificate))
        .route("/v1/desk/sites/{host}", get(records::site).put(records::put_site))
        .route("/v1/desk/entitlements", reads_up_to(MAX_BATCH_BYTES, post(entitlements::import_lines)))
        .route("/v1/desk/entitlements/{sen}", get(entitlements::view).put(entitlements::put))
        .route("/v1/desk/audit/{kind}/{id}", get(records::audit))
        .route("/v1/desk/reviews", get(reviews::waiting))
        .route("/v1/desk/quotes/{number}", get(reviews::view))
        .route("/v1/desk/quotes/{number}/approve", post(reviews::approve))
        .route("/v1/desk/quotes/{number}/reject", post(reviews::reject))
        .route("/v1/desk/policy", reads_up_to(MAX_POLICY_BYTES, get(policy::in_force).put(policy::publish)))
        .route("/v1/desk/policy/{version}", get(policy::files))
        .route_layer(middleware::from_fn_with_state(desk.clone(), staff::only))
        .with_state(desk)
}
