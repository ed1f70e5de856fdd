//! Every key of the table. No other module builds one.
//!
//! | what is asked | partition | sort |
//! |---|---|---|
//! | a quote by its number | `QUOTE#7KQ4M9XTC` | `QUOTE` |
//! | whether a quote's letter was sent | `QUOTE#7KQ4M9XTC` | `LETTER#1#quote` |
//! | where a payment went | `PAYMENT#stripe:pi_…` | `PAYMENT` |
//! | an entitlement by its SEN | `LICENSE#4MRX7PQ2HVK` | `LICENSE` |
//! | who saw its key | `LICENSE#4MRX7PQ2HVK` | `AUDIT#2026-11-22T10:00:00Z#…` |
//! | all public verification keys | `KEYS` | `KEY#…` |
//! | the last number of a series | `SERIES#IN` | `SERIES` |

use domain::{QuoteNumber, Sen, payment::PaymentId};
use jiff::Timestamp;

/// The name of the partition key.
pub const PARTITION: &str = "pk";
/// The name of the sort key.
pub const SORT: &str = "sk";

/// An item's key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The partition.
    pub partition: String,
    /// The place in it.
    pub sort: String,
}

impl Key {
    fn new(partition: String, sort: impl Into<String>) -> Self {
        Self { partition, sort: sort.into() }
    }

    /// A quote.
    pub fn quote(number: &QuoteNumber) -> Self {
        Self::new(format!("QUOTE#{}", number.compact()), "QUOTE")
    }

    /// The note that a quote's letter was sent: which entry of its history it is about, and to whom in which role.
    pub fn letter(number: &QuoteNumber, seq: u32, role: &str) -> Self {
        Self::new(format!("QUOTE#{}", number.compact()), format!("LETTER#{seq}#{role}"))
    }

    /// A payment's receipt.
    pub fn receipt(payment: &PaymentId) -> Self {
        Self::new(format!("PAYMENT#{}", payment.as_str()), "PAYMENT")
    }

    /// An entitlement.
    pub fn entitlement(sen: &Sen) -> Self {
        Self::new(format!("LICENSE#{}", sen.compact()), "LICENSE")
    }

    /// An entry of an entitlement's audit.
    pub fn audit(sen: &Sen, at: Timestamp, unique: &str) -> Self {
        Self::new(format!("LICENSE#{}", sen.compact()), format!("AUDIT#{at}#{unique}"))
    }

    /// A public verification key.
    pub fn public_key(key_id: &str) -> Self {
        Self::new(Self::public_keys(), format!("KEY#{key_id}"))
    }

    /// The partition of all public verification keys.
    pub fn public_keys() -> String {
        "KEYS".to_owned()
    }

    /// A series of gap-free numbers.
    pub fn series(name: &str) -> Self {
        Self::new(format!("SERIES#{name}"), "SERIES")
    }
}
