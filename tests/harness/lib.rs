//! What the tests stand on: a [`World`] is one deployment of one's own, with helpers that read like the trade.
#![allow(clippy::unwrap_used, reason = "in a test, what is not there fails it")]

mod answer;
pub mod api;
mod desk;
mod function;
pub mod golden;
mod letters;
mod order;
pub mod pdf;
mod quote;
pub mod stripe;
mod vendor;
mod world;

pub use answer::{Answer, errors};
pub use desk::{imported, sen};
pub use function::{Bench, quoting, settings};
pub use letters::{Attachment, Letter, Letters};
pub use order::{example, example_of, ordering, renewal, upgrade};
pub use quote::Quote;
pub use vendor::{Edit, VENDOR, examples_vendor, examples_vendor_with_documents, plain_vendor, vendor_with};
pub use world::{Stored, World};

use serde_json::Value;

/// The instant at which the clocks of worlds stand still, unless a test sets another.
pub const NOW: &str = "2026-11-22T10:00:00Z";

/// A copy of `request` with the member at each JSON pointer set, or taken away by `null`. Members that are not there yet
/// are made; an index must exist.
pub fn with<'a>(request: &Value, changes: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let mut changed = request.clone();
    for (pointer, value) in changes {
        let (parent, member) = pointer.rsplit_once('/').unwrap_or_else(|| panic!("{pointer} is not a pointer"));
        let parent = changed.pointer_mut(parent).unwrap_or_else(|| panic!("there is no {pointer} in the request"));
        match parent {
            Value::Object(members) if value.is_null() => drop(members.remove(member)),
            Value::Object(members) => drop(members.insert(member.to_owned(), value)),
            other => other[member.parse::<usize>().expect("an index")] = value,
        }
    }
    changed
}
