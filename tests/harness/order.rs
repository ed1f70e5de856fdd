//! Orders, made from the README's example.

use serde_json::{Value, json};

use crate::with;

/// The README's example request: a reseller in Berlin buys three products for a customer in San Francisco.
pub fn example() -> Value {
    serde_json::from_str(include_str!("../../infra/vendor/examples/quote.json")).expect("the example is JSON")
}

/// The example with these lines instead of its own.
pub fn ordering(lines: impl IntoIterator<Item = Value>) -> Value {
    with(&example(), [("/lines", Value::from_iter(lines))])
}

/// The example with one line alone: `users` users of a product, for twelve months where it is sold by the term.
pub fn example_of(product: &str, users: u32) -> Value {
    let mut line = json!({"kind": "new", "product": product, "users": users});
    if product != "tracker-server" {
        line["term_months"] = 12.into();
    }
    ordering([line])
}

/// A line that renews a term licence or a subscription for twelve months.
pub fn renewal(sen: &str) -> Value {
    json!({"kind": "renewal", "sen": sen, "term_months": 12})
}

/// A line that upgrades an entitlement to `users` users.
pub fn upgrade(sen: &str, users: u32) -> Value {
    json!({"kind": "upgrade", "sen": sen, "users": users})
}
