//! The vendor's policy, as staff read and replace it.

use std::collections::BTreeMap;

use domain::{Code, Refusal, fault::Faults};
use jiff::Timestamp;
use serde::Serialize;

use super::reason::reason;
use crate::reader;

/// `PUT /v1/desk/policy`.
#[derive(Debug)]
pub struct PolicyBody {
    /// All files of the policy, by their names in the vendor's folder.
    pub files: BTreeMap<String, String>,
    /// The version that the sender had read; `None`: the sender replaces any version.
    pub version: Option<String>,
    /// The reason for the change, for the audit (R118).
    pub reason: Option<String>,
    /// The faults of the body's form. The caller reports them together with the faults of the files.
    pub faults: Faults,
}

impl PolicyBody {
    /// Reads a body. A file with an invalid name is left out and is a fault.
    ///
    /// # Errors
    ///
    /// The body has no files.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let ((files, version, given), mut faults) =
            reader::read(body, |object| (object.named_texts("files"), object.text("version"), object.text("reason")))?;
        let mut rules = Faults::default();
        let reason = reason(&mut rules, given).flatten();
        let mut files = files.unwrap_or_default();
        if files.is_empty() {
            rules.add(Code::Required, "/files", "Send all files of the policy: each file's name with its text.");
            faults.absorb(rules);
            return faults.into_result(None);
        }
        files.retain(|name, _| {
            let is_one = is_policy_file(name);
            if !is_one {
                let detail = "This is not the name of a policy file. Use a name such as `catalogue.toml` or `languages/en.toml`.";
                rules.add(Code::ValueInvalid, file_pointer(name), detail);
            }
            is_one
        });
        faults.absorb(rules);
        Ok(Self { files, version, reason, faults })
    }
}

/// Whether the name is that of a TOML file in the vendor's folder or in a folder directly below.
fn is_policy_file(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
    };
    name.len() <= 100 && name.ends_with(".toml") && name.split('/').count() <= 2 && name.split('/').all(plain)
}

/// The JSON pointer of a file in the body of `PUT /v1/desk/policy`.
pub fn file_pointer(name: &str) -> String {
    format!("/files/{}", reader::escaped(name))
}

/// The policy in force.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PolicyView<'p> {
    pub version: &'p str,
    pub published_at: Timestamp,
    /// The instant by which every process uses the policy. The process that published it does at once.
    pub everywhere_by: Timestamp,
    /// The subject of the publisher's token, or `deployment`.
    pub by: &'p str,
}

/// A policy that changes the payment instructions and waits until a second member of staff sends it too.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PolicyProposalView<'p> {
    pub version: &'p str,
    pub proposed_at: Timestamp,
    /// The subject of the first person's token.
    pub by: &'p str,
    pub waits_for: &'static str,
}

/// What the publication of a policy would change. Nothing was published.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PolicyCheckView<'p> {
    /// The version that the policy would have.
    pub version: &'p str,
    /// The version of the policy in force. Absent before the first publication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_force: Option<&'p str>,
    /// A sentence per change; none if the policy is in force already.
    pub changes: Vec<String>,
}

/// A policy's files.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PolicyFilesView<'p> {
    pub version: &'p str,
    pub files: &'p BTreeMap<String, String>,
}
