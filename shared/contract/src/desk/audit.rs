//! The audit of a record (R118).

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

/// A page of the changes of a record (R118).
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct AuditView {
    /// Newest first. Entries of the same second are in any order.
    pub entries: Vec<AuditEntryView>,
    /// The cursor of the page with older entries. Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
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
    /// The id of the key that signed the licence file that was shown (R52).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// The source address of the request that showed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
}
