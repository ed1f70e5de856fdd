//! Records and decisions of the vendor's staff. Every change is one write together with an audit entry that states who, when,
//! before and after (R118).

mod entitlements;
mod policy;
mod records;
mod reviews;
mod staff;
mod state;

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{get, post},
};
use runtime::reply::reads_up_to;

use crate::entitlements::MAX_BATCH_BYTES;
pub use crate::state::Desk;

/// The largest policy that is read. The example vendor's has about 20 KB.
const MAX_POLICY_BYTES: usize = 8 * 1024 * 1024;

/// The routes, the same in every deployment. All of them are for staff only.
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
