//! Who may come to the desk.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
};
use domain::{Code, Refusal, quote::Reviewer};
use runtime::{
    Reply,
    identity::{Caller, VerifiedEmail},
};

use crate::state::Desk;

/// Whoever is signed in, and of the vendor's staff: in the extensions of every request that reaches a handler.
#[derive(Clone)]
pub(crate) struct Staff(pub(crate) Caller);

impl Staff {
    /// The subject of their token: what audits know them by.
    pub(crate) fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Their address, if their token has one that is verified: what other staff know them by.
    pub(crate) fn email(&self) -> Option<&str> {
        self.0.email.as_ref().map(VerifiedEmail::as_str)
    }

    /// Who decides about a quote.
    pub(crate) fn reviewer(&self) -> Reviewer<'_> {
        Reviewer { subject: self.subject(), email: self.email() }
    }
}

/// Lets staff pass, and nobody else: it stands before every route, so that none can be without.
pub(crate) async fn only(State(desk): State<Arc<Desk>>, mut request: Request, next: Next) -> Reply {
    let caller = desk.verifier.required_caller(request.headers()).await?;
    if !caller.belongs_to(&desk.staff_group) {
        return Err(Refusal::new(Code::StaffOnly, "You are signed in, but this is for the vendor's staff.").into());
    }
    request.extensions_mut().insert(Staff(caller));
    Ok(next.run(request).await)
}
