//! Changes of the payment instructions. Money that follows false instructions is lost, so every change raises an alarm, and
//! the policy in force may require that a second member of staff sends the same policy.

use domain::{Policy, method::instructions_differ, party::Email};
use runtime::{Failure, Reply, authority::Staff};
use store::{PolicyProposal, keys::Key};

use crate::state::{ATTEMPTS, Desk};

/// What a proposed policy does to the payment instructions.
pub(crate) enum InstructionsChange {
    /// Nothing: the policy may be published.
    None,
    /// The policy changes them and may be published.
    Confirmed,
    /// The policy changes them and waits for a second person.
    Proposed(PolicyProposal),
}

impl Desk {
    /// Whether a policy may be published, given what it does to the payment instructions of the policy in force. A proposal of the
    /// first person is stored. The second person is another subject with another address.
    pub(crate) async fn change_of_instructions(
        &self,
        staff: &Staff,
        next: &Policy,
        reason: Option<&str>,
    ) -> Reply<InstructionsChange> {
        let current = self.policies.current().await?;
        // Without this, the first of two changes would abolish the second person.
        let abolished = current.second_person && !next.second_person;
        if !instructions_differ(&current, next) && !abolished {
            return Ok(InstructionsChange::None);
        }
        if !current.second_person {
            log_change(&next.version, false);
            return Ok(InstructionsChange::Confirmed);
        }
        for _ in 0..ATTEMPTS {
            let known: Option<PolicyProposal> = self.store.recorded(&Key::policy_proposal()).await?;
            if let Some(known) = known.as_ref().filter(|known| known.version == next.version) {
                if is_same_person(known, staff) {
                    return Ok(InstructionsChange::Proposed(known.clone()));
                }
                log_change(&next.version, false);
                return Ok(InstructionsChange::Confirmed);
            }
            let proposal = PolicyProposal {
                version: next.version.clone(),
                proposed_at: self.clock.now(),
                by: staff.subject().to_owned(),
                email: staff.email().map(str::to_owned),
                sequence: known.as_ref().map_or(0, |known| known.sequence) + 1,
            };
            if self.write(staff, reason, known.as_ref(), &proposal).await?.is_some() {
                log_change(&next.version, true);
                return Ok(InstructionsChange::Proposed(proposal));
            }
        }
        Err(Failure::contended())
    }
}

/// Whether the second person is the first one: the same subject, or an address of the same mailbox at another sign-in.
fn is_same_person(proposal: &PolicyProposal, staff: &Staff) -> bool {
    let first = proposal.email.as_deref().and_then(Email::parse);
    proposal.by == staff.subject() || first.is_some_and(|first| staff.reviewer().has_mailbox_of(&first))
}

/// The log line from which an alarm is made.
fn log_change(version: &str, proposed: bool) {
    tracing::warn!(
        payment_instructions_changed = version,
        proposed,
        "a policy changes the instructions by which buyers pay: verify the accounts in it"
    );
}
