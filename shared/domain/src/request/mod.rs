//! A quote request. No member of it is trusted: [`Request::check`] turns the request into an [`Order`](crate::order::Order), or
//! reports everything that is wrong with it.

mod check;
mod claims;
mod facts;
mod findings;
mod judging;
mod lines;
mod notes;
mod printed;
mod proof;
mod sent;

pub use self::{
    check::Origin,
    facts::{Facts, Wanted},
    proof::knows,
    sent::{
        AcceptRequest, AddressRequest, LineRequest, MAX_LINES, MAX_SEGMENTS, PartyRequest, Request, SegmentRequest, TaxRequest,
    },
};
pub use crate::form::ContactRequest;
