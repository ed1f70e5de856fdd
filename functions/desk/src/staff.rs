//! Access to the desk.

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

/// A signed-in member of the vendor's staff, in the extensions of every request that reaches a handler.
#[derive(Clone)]
pub(crate) struct Staff(pub(crate) Caller);

impl Staff {
    /// The subject of the token, which audit entries name.
    pub(crate) fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The e-mail address, if the token has a verified one. Other staff recognise it.
    pub(crate) fn email(&self) -> Option<&str> {
        self.0.email.as_ref().map(VerifiedEmail::as_str)
    }

    /// The same person as the reviewer of a quote.
    pub(crate) fn reviewer(&self) -> Reviewer<'_> {
        Reviewer { subject: self.subject(), email: self.email() }
    }
}

/// Admits only staff. It is a layer of all routes, so that no route can lack it.
pub(crate) async fn only(State(desk): State<Arc<Desk>>, mut request: Request, next: Next) -> Reply {
    let caller = desk.verifier.required_caller(request.headers()).await?;
    if !caller.belongs_to(&desk.staff_group) {
        return Err(Refusal::new(Code::StaffOnly, "This is only for the vendor's staff.").into());
    }
    request.extensions_mut().insert(Staff(caller));
    Ok(next.run(request).await)
}
