//! The reason that staff give for a change or a decision, kept in the audit (R118).

use domain::{Code, fault::Faults};

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
