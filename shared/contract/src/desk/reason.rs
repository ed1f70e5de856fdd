//! The reason that staff give for a change or a decision, kept in the audit (R118).

use domain::{Code, Refusal, fault::Faults};

use crate::reader;

/// The longest reason, in characters.
pub(super) const MAX_REASON: usize = 500;

/// Reads a reason. The outer `None`: the reason has a fault. The inner `None`: no reason was given.
pub(super) fn reason(faults: &mut Faults, given: Option<String>) -> Option<Option<String>> {
    let Some(reason) = given.as_deref().map(str::trim).filter(|reason| !reason.is_empty()) else { return Some(None) };
    if reason.chars().count() > MAX_REASON || reason.chars().any(|c| c.is_control() && c != '\n') {
        let detail = format!("Give at most {MAX_REASON} characters. Line feeds are allowed, other control characters are not.");
        faults.add(Code::ValueInvalid, "/reason", detail);
        return None;
    }
    Some(Some(reason.to_owned()))
}

/// Reads the body of a decision about a record: `reason`, and the `version` that was read. Both are required; the details say what
/// for.
///
/// # Errors
///
/// Every fault of the body.
pub(super) fn reason_and_version(body: &[u8], why: &str, which: &str) -> Result<(String, i64), Refusal> {
    let ((given, version), mut faults) = reader::read(body, |object| (object.text("reason"), object.integer("version")))?;
    let mut rules = Faults::default();
    let reason = reason(&mut rules, given);
    if let Some(None) = reason {
        rules.add(Code::Required, "/reason", why);
    }
    if version.is_none() {
        rules.add(Code::Required, "/version", which);
    }
    faults.absorb(rules);
    faults.into_result(reason.flatten().zip(version))
}
