//! The audit of a record (R118).

use jiff::Timestamp;
use serde::Serialize;

/// What was done to a record, or the end of it (R118).
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct AuditView {
    /// Oldest first; those of one instant in any order.
    pub entries: Vec<AuditEntryView>,
    /// Whether older ones were left out.
    pub more: bool,
}

/// That somebody did something to it.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct AuditEntryView {
    pub at: Timestamp,
    /// The subject of their token, or `deployment`.
    pub by: String,
    /// Their address then, if their token had one that was verified.
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
