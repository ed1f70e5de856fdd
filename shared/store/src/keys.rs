//! Every key of the table. No other module builds one.
//!
//! | what is read | partition | sort |
//! |---|---|---|
//! | a quote by its number | `QUOTE#7KQ4M9XTC` | `QUOTE` |
//! | whether a letter about an aggregate was sent | the aggregate's own: `QUOTE#7KQ4M9XTC` | `LETTER#1#quote` |
//! | a payment's receipt | `PAYMENT#stripe:pi_…` | `PAYMENT` |
//! | an entitlement by its SEN | `LICENSE#4MRX7PQ2HVW` | `LICENSE` |
//! | who read its key, and the desk's changes to it | `LICENSE#4MRX7PQ2HVW` | `AUDIT#2026-11-22T10:00:00Z#…` |
//! | whether an organisation is enrolled | `PARTNER#example reseller` | `PARTNER` |
//! | evidence of a segment | `EVIDENCE#EV-1` | `EVIDENCE` |
//! | the same, by an entry of a register | `REGISTRATION#nonprofit#US#123456789` | `EVIDENCE#EV-1` |
//! | a tax certificate | `CERTIFICATE#DE123456789` | `CERTIFICATE` |
//! | a cloud site and its contacts | `SITE#acme.cloud.example` | `SITE` |
//! | what came back from a mailbox, by its keyed hash | `MAILBOX#0123456789abcdef0123456789abcdef` | `MAILBOX` |
//! | the desk's changes to one of these five | the record's own | `AUDIT#2026-11-22T10:00:00Z#…` |
//! | whether a customer has a government subscription | `HOLDING#tracker-government#example agency` | `HOLDING` |
//! | a counter of a rate limit in a window | `LIMIT#lookup#192.0.2.1` | `UNTIL#2026-11-22T10:15:00Z` |
//! | which policy is in force | `POLICY` | `CURRENT` |
//! | which policy waits for a second person | `POLICY` | `PROPOSED` |
//! | who published or proposed which policy | `POLICY` | `AUDIT#2026-11-22T10:00:00Z#…` |
//! | the files of a policy | `POLICY#0123456789abcdef` | `PART#0001` … |
//! | all public verification keys | `KEYS` | `KEY#…` |
//! | the last number of a series | `SERIES#IN` | `SERIES` |
//! | the fingerprints of the deployment's keys | `DEPLOYMENT` | `KEYS` |
//!
//! Two sparse indexes project keys only. The index `owed` contains every aggregate with pending work, of whatever kind, by the
//! work to do next:
//!
//! | what is read | partition `owed` | sort `owed_since` |
//! |---|---|---|
//! | aggregates to deliver or to take back, the longest pending first | `fulfilment` | `2026-11-22T10:00:00Z` |
//! | aggregates with letters to send, the longest pending first | `letters` | `2026-11-22T10:00:00Z` |
//!
//! The index `reviews` contains the quotes that wait for a review, the payments about which a person must decide, and the mailboxes
//! that get no letters:
//!
//! | what is read | partition `review` | sort `review_due` |
//! |---|---|---|
//! | quotes in review, the first due first | `waits` | `2026-11-25` |
//! | payments to decide about, the longest waiting first | `payments` | `2026-11-22T10:00:00Z` |
//! | suppressed mailboxes, the longest suppressed first | `suppressions` | `2026-11-22T10:00:00Z` |

use domain::{QuoteNumber, Sen, evidence::Registration, name::LegalName, payment::PaymentId, suppression::MailboxId};
use jiff::Timestamp;

/// The name of the partition key.
pub const PARTITION: &str = "pk";
/// The name of the sort key.
pub const SORT: &str = "sk";

/// The name of the index of pending work.
pub const PENDING_INDEX: &str = "owed";

/// The name of the index of quotes that wait for a review.
pub const REVIEWS_INDEX: &str = "reviews";

/// The prefix of the partition keys of quotes.
const QUOTE: &str = "QUOTE#";
/// The prefix of the sort keys of audit entries.
pub(crate) const AUDIT: &str = "AUDIT#";
/// The prefix of the sort keys of the notes about letters.
pub(crate) const LETTER: &str = "LETTER#";
/// The prefix of the sort keys of a policy's parts.
pub(crate) const PART: &str = "PART#";
/// The prefix of the sort keys of public verification keys.
pub(crate) const PUBLIC_KEY: &str = "KEY#";

/// The most bytes of a partition key (Amazon DynamoDB Developer Guide, "Service quotas").
const MAX_PARTITION_BYTES: usize = 2048;
/// The most bytes of a sort key (Amazon DynamoDB Developer Guide, "Service quotas").
pub(crate) const MAX_SORT_BYTES: usize = 1024;

/// An item's key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The value of the partition key.
    pub partition: String,
    /// The value of the sort key.
    pub sort: String,
}

impl Key {
    fn new(partition: String, sort: impl Into<String>) -> Self {
        Self { partition, sort: sort.into() }
    }

    /// A quote.
    pub fn quote(number: &QuoteNumber) -> Self {
        Self::new(format!("{QUOTE}{}", number.compact()), "QUOTE")
    }

    /// The number of the quote in a partition; `None` for another kind of partition.
    pub fn quote_number(partition: &str) -> Option<QuoteNumber> {
        partition.strip_prefix(QUOTE)?.parse().ok()
    }

    /// The note about a letter, in the partition of the aggregate that the letter is about: `seq` is the entry of the
    /// aggregate's history, `role` the recipient's.
    pub fn letter(aggregate: &Self, seq: u32, role: &str) -> Self {
        Self::new(aggregate.partition.clone(), format!("{LETTER}{seq}#{role}"))
    }

    /// A payment's receipt.
    pub fn receipt(payment: &PaymentId) -> Self {
        Self::new(format!("PAYMENT#{}", payment.as_str()), "PAYMENT")
    }

    /// An entitlement.
    pub fn entitlement(sen: &Sen) -> Self {
        Self::new(format!("LICENSE#{}", sen.compact()), "LICENSE")
    }

    /// An audit entry about an entitlement.
    pub fn audit(sen: &Sen, at: Timestamp, unique: &str) -> Self {
        Self::audit_entry(Self::entitlement(sen).partition, at, unique)
    }

    /// An audit entry about the record in a partition. `unique` distinguishes entries of the same instant.
    pub fn audit_entry(partition: String, at: Timestamp, unique: &str) -> Self {
        Self::new(partition, format!("{AUDIT}{at}#{unique}"))
    }

    /// A public verification key.
    pub fn public_key(key_id: &str) -> Self {
        Self::new(Self::public_keys(), format!("{PUBLIC_KEY}{key_id}"))
    }

    /// The partition of all public verification keys.
    pub fn public_keys() -> String {
        "KEYS".to_owned()
    }

    /// A series of gap-free numbers.
    pub fn series(name: &str) -> Self {
        Self::new(format!("SERIES#{name}"), "SERIES")
    }

    /// The fingerprints of the keys that the deployment derives links and numbers from.
    pub fn key_fingerprints() -> Self {
        Self::new("DEPLOYMENT".to_owned(), "KEYS")
    }

    /// An enrolled organisation. Upper and lower case are the same for the letters A to Z only, as in all identities: in Unicode,
    /// two different organisations could get one key.
    pub fn partner(organization: &str) -> Self {
        Self::new(format!("PARTNER#{}", organization.to_ascii_lowercase()), "PARTNER")
    }

    /// Evidence of a segment.
    pub fn evidence(id: &str) -> Self {
        Self::new(format!("EVIDENCE#{id}"), "EVIDENCE")
    }

    /// A copy of evidence, which a claim finds that states an entry of a register.
    pub fn registered(registration: &Registration, evidence: &str) -> Self {
        let Self { partition, sort } = Self::register(registration);
        Self::new(partition, sort + evidence)
    }

    /// The beginning of the keys of all evidence with one entry of a register.
    pub(crate) fn register(Registration { segment, country, number }: &Registration) -> Self {
        Self::new(format!("REGISTRATION#{segment}#{country}#{number}"), "EVIDENCE#")
    }

    /// A tax certificate.
    pub fn certificate(id: &str) -> Self {
        Self::new(format!("CERTIFICATE#{id}"), "CERTIFICATE")
    }

    /// A cloud site, by its host in lower case.
    pub fn site(host: &str) -> Self {
        Self::new(format!("SITE#{host}"), "SITE")
    }

    /// What came back from a mailbox.
    pub fn mailbox(id: &MailboxId) -> Self {
        Self::new(format!("MAILBOX#{id}"), "MAILBOX")
    }

    /// An end customer's only subscription to a government product (R106). All spellings of a [`LegalName`] are the same
    /// customer.
    pub fn government_subscription(product: &str, licensee: &str) -> Self {
        Self::new(format!("HOLDING#{product}#{}", LegalName::new(licensee).key()), "HOLDING")
    }

    /// The key of such a subscription as it was built before names had a canonical form; `None` when it is the same key.
    pub fn earlier_government_subscription(product: &str, licensee: &str) -> Option<Self> {
        let earlier = Self::new(format!("HOLDING#{product}#{}", LegalName::earlier_key(licensee)), "HOLDING");
        (earlier != Self::government_subscription(product, licensee)).then_some(earlier)
    }

    /// The counter of a bucket in the window that ends at `until`.
    pub fn limit(bucket: &str, until: Timestamp) -> Self {
        Self::new(format!("LIMIT#{bucket}"), format!("UNTIL#{until}"))
    }

    /// The pointer to the policy in force.
    pub fn policy_in_force() -> Self {
        Self::new("POLICY".to_owned(), "CURRENT")
    }

    /// The policy that waits for a second person.
    pub fn policy_proposal() -> Self {
        Self::new("POLICY".to_owned(), "PROPOSED")
    }

    /// A part of a policy's files, from 1.
    pub fn policy_part(version: &str, part: usize) -> Self {
        Self::new(Self::policy_files(version), format!("{PART}{part:04}"))
    }

    /// The partition of a policy's files.
    pub fn policy_files(version: &str) -> String {
        format!("POLICY#{version}")
    }

    /// Whether an item can be stored here: a text of a request may be too long for any key.
    pub(crate) fn is_possible(&self) -> bool {
        self.partition.len() <= MAX_PARTITION_BYTES
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::{number::Minter, payment::PaymentId};

    use super::*;

    #[test]
    fn no_two_records_share_a_key() {
        let minter = Minter::new(b"test");
        let quote = minter.quote_from_seed("a");
        let sen = minter.sen(&quote, 1, 0);
        let payment: PaymentId = serde_json::from_str("\"stripe:pi_1\"").unwrap();
        let (now, later) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(1).unwrap());
        // Every name is the same text, so that only the kind of record distinguishes the keys.
        let keys = [
            Key::quote(&quote),
            Key::letter(&Key::quote(&quote), 1, "quote"),
            Key::letter(&Key::quote(&quote), 11, "quote"),
            Key::receipt(&payment),
            Key::entitlement(&sen),
            Key::audit(&sen, now, "x"),
            Key::audit(&sen, now, "y"),
            Key::public_key("x"),
            Key::series("x"),
            Key::partner("x"),
            Key::audit_entry(Key::partner("x").partition, now, "x"),
            Key::evidence("x"),
            Key::certificate("x"),
            Key::site("x"),
            Key::mailbox(&MailboxId::parse("0123456789abcdef0123456789abcdef").unwrap()),
            Key::government_subscription("x", "x"),
            Key::government_subscription("x", "x x"),
            Key::government_subscription("x", "xx"),
            Key::limit("x", now),
            Key::limit("x", later),
            Key::policy_in_force(),
            Key::policy_proposal(),
            Key::audit_entry(Key::policy_in_force().partition, now, "x"),
            Key::policy_part("x", 1),
            Key::policy_part("x", 11),
        ];
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
    }

    #[test]
    fn the_partition_of_a_quote_contains_its_number() {
        let quote = Minter::new(b"test").quote_from_seed("a");
        assert_eq!(Key::quote_number(&Key::quote(&quote).partition), Some(quote));
        assert_eq!(Key::quote_number("POLICY"), None);
    }

    #[test]
    fn case_and_spacing_do_not_change_the_key_of_an_organisation_or_a_licensee() {
        assert_eq!(Key::partner("Example Reseller"), Key::partner("EXAMPLE reseller"));
        assert_ne!(Key::partner("Kelvin"), Key::partner("\u{212a}elvin"), "the Kelvin sign is not a K");
        assert_eq!(
            Key::government_subscription("gov", " Example  Agency"),
            Key::government_subscription("gov", "EXAMPLE agency")
        );
        assert_ne!(Key::government_subscription("gov", "Example Agency"), Key::government_subscription("gov", "ExampleAgency"));
        assert_eq!(Key::government_subscription("gov", "㈱　例"), Key::government_subscription("gov", "株式会社例"));
        assert_eq!(Key::earlier_government_subscription("gov", "Example Agency"), None);
        let earlier = Key::earlier_government_subscription("gov", "㈱ 例").unwrap();
        assert_eq!(earlier.partition, "HOLDING#gov#㈱ 例", "the key that was stored");
    }

    #[test]
    fn parts_stay_in_order() {
        let sorts = [1, 2, 9, 10, 99, 100, 9999].map(|part| Key::policy_part("v", part).sort);
        assert!(sorts.is_sorted());
    }
}
