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
    /// All of its files, by their names in the vendor's folder.
    pub files: BTreeMap<String, String>,
    /// The policy that the sender had read; `None`: whichever is in force.
    pub version: Option<String>,
    /// Why it is sent, for the audit (R118).
    pub reason: Option<String>,
    /// What is wrong with it otherwise. What is wrong with the files is told with it.
    pub faults: Faults,
}

impl PolicyBody {
    /// Reads a body. `Err` only when there are no files in it: files whose names cannot be are left out, and are faults.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let ((files, version, given), mut faults) =
            reader::read(body, |object| (object.named_texts("files"), object.text("version"), object.text("reason")))?;
        let mut rules = Faults::default();
        let reason = reason(&mut rules, given).flatten();
        let mut files = files.unwrap_or_default();
        if files.is_empty() {
            rules.add(Code::Required, "/files", "Send all files of the policy: their names, each with its text.");
            faults.absorb(rules);
            return faults.into_result(None);
        }
        files.retain(|name, _| {
            let is_one = is_policy_file(name);
            if !is_one {
                let detail = "Name a file of the policy, such as `catalogue.toml` or `languages/en.toml`.";
                rules.add(Code::ValueInvalid, file_pointer(name), detail);
            }
            is_one
        });
        faults.absorb(rules);
        Ok(Self { files, version, reason, faults })
    }
}

/// TOML, in the vendor's folder or one folder below.
fn is_policy_file(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
    };
    name.len() <= 100 && name.ends_with(".toml") && name.split('/').count() <= 2 && name.split('/').all(plain)
}

/// Where a file is in the body of `PUT /v1/desk/policy`.
pub fn file_pointer(name: &str) -> String {
    format!("/files/{}", reader::escaped(name))
}

/// Which policy is in force.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PolicyView<'p> {
    pub version: &'p str,
    pub published_at: Timestamp,
    /// The subject of the token of whoever published it, or `deployment`.
    pub by: &'p str,
}

/// A policy's files.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PolicyFilesView<'p> {
    pub version: &'p str,
    pub files: &'p BTreeMap<String, String>,
}
