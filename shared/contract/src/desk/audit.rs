//! The audit of a record (R118).

use jiff::Timestamp;
use serde::Serialize;

/// The changes of a record, or the last of them (R118).
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct AuditView {
    /// Oldest first. Entries of the same instant are in any order.
    pub entries: Vec<AuditEntryView>,
    /// Whether older entries were left out.
    pub more: bool,
}

/// A change of a record.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct AuditEntryView {
    pub at: Timestamp,
    /// The subject of the author's token, or `deployment`.
    pub by: String,
    /// The author's e-mail address at that time, if the token had a verified one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
