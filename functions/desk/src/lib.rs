//! Records and decisions of the vendor's staff. Every change is one write together with an audit entry that states who, when,
//! before and after (R118).

mod entitlements;
mod instructions;
mod payments;
mod policy;
mod records;
mod reviews;
mod state;
mod suppressions;

use std::sync::Arc;

use axum::Router;
use runtime::Routes;

use crate::entitlements::MAX_BATCH_BYTES;
pub use crate::state::Desk;

/// The largest policy that is read. The example vendor's has about 20 KB.
const MAX_POLICY_BYTES: usize = 8 * 1024 * 1024;

/// The routes with the authority that each requires, the same in every deployment. All of them are for staff only.
pub fn api() -> Routes<Desk> {
    Routes::new()
        .get("/v1/desk/partners/{organization}", records::partner)
        .put("/v1/desk/partners/{organization}", records::put_partner)
        .get("/v1/desk/evidence/{id}", records::evidence)
        .put("/v1/desk/evidence/{id}", records::put_evidence)
        .get("/v1/desk/certificates/{id}", records::certificate)
        .put("/v1/desk/certificates/{id}", records::put_certificate)
        .get("/v1/desk/sites/{host}", records::site)
        .put("/v1/desk/sites/{host}", records::put_site)
        .post_up_to(MAX_BATCH_BYTES, "/v1/desk/entitlements", entitlements::import_lines)
        .get("/v1/desk/entitlements/{sen}", entitlements::view)
        .put("/v1/desk/entitlements/{sen}", entitlements::put)
        .get("/v1/desk/audit/{kind}/{id}", records::audit)
        .get("/v1/desk/reviews", reviews::waiting)
        .get("/v1/desk/quotes/{number}", reviews::view)
        .post("/v1/desk/quotes/{number}/approve", reviews::approve)
        .post("/v1/desk/quotes/{number}/reject", reviews::reject)
        .get("/v1/desk/payments", payments::waiting)
        .get("/v1/desk/payments/{payment}", payments::view)
        .post("/v1/desk/payments/{payment}/close", payments::close)
        .get("/v1/desk/quotes/{number}/letters", suppressions::letters)
        .get("/v1/desk/suppressions", suppressions::suppressed)
        .get("/v1/desk/suppressions/{mailbox}", suppressions::view)
        .post("/v1/desk/suppressions/{mailbox}/lift", suppressions::lift)
        .get("/v1/desk/policy", policy::in_force)
        .put_up_to(MAX_POLICY_BYTES, "/v1/desk/policy", policy::publish)
        .get("/v1/desk/policy/{version}", policy::files)
}

/// The routes, with what their handlers work with.
pub fn routes(desk: Arc<Desk>) -> Router {
    api().with_state(desk)
}
