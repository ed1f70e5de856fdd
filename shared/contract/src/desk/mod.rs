//! What the vendor's staff send and see: records of the desk, decisions, the policy and the audit.

mod audit;
mod decision;
mod entitlement;
mod payment;
mod policy;
mod reason;
mod record;
mod suppression;
#[cfg(test)]
mod tests;

pub use audit::{AuditEntryView, AuditView};
pub use decision::{ApprovalBody, DecisionBody, DecisionView, ReviewView, ReviewsView};
pub use entitlement::{BatchView, EntitlementView, LineOutcome, NOT_A_SEN, PurchaserView, entitlement, entitlement_line};
pub use payment::{ClosingBody, PaymentsView, ReceiptView};
pub use policy::{PolicyBody, PolicyCheckView, PolicyFilesView, PolicyProposalView, PolicyView, file_pointer};
pub use record::{Outcome, RecordBody, certificate, evidence, partner, site};
pub use suppression::{
    LetterState, LetterView, LettersView, LiftBody, ReportView, SuppressionView, SuppressionsView, WithheldLetterView,
};

pub use crate::reader::without_mark;
