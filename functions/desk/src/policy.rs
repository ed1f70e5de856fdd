//! The vendor's policy: which one is in force, its files, and the publication of another one without a deployment.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use contract::desk::{PolicyBody, PolicyFilesView, PolicyProposalView, PolicyView, file_pointer};
use domain::{
    Code, Fault, Policy, Refusal,
    fault::Faults,
    policy::{Mistake, Mistakes},
    records::is_reference,
};
use runtime::{NotPublished, Proposal, Reply, authority::Staff, random};
use store::{PolicyInForce, PolicyProposal};

use crate::{instructions::InstructionsChange, records::changed, state::Desk};

/// The most mistakes that are reported at once.
const MAX_MISTAKES: usize = 200;

/// `GET /v1/desk/policy`.
pub(crate) async fn in_force(_: Staff, State(desk): State<Arc<Desk>>) -> Reply {
    // If no policy was published yet, this publishes the vendor's folder.
    desk.policies.current().await?;
    let in_force = desk.store.policy_in_force().await?.ok_or_else(Refusal::not_found)?;
    Ok(view(&in_force))
}

/// `GET /v1/desk/policy/{version}`: the files of a policy that is or was in force.
pub(crate) async fn files(_: Staff, State(desk): State<Arc<Desk>>, Path(version): Path<String>) -> Reply {
    let files = if is_reference(&version) { desk.store.policy_files(&version).await? } else { None };
    let files = files.ok_or_else(Refusal::not_found)?;
    Ok(Json(PolicyFilesView { version: &version, files: &files }).into_response())
}

/// `PUT /v1/desk/policy`: publishes a whole policy. It is in force at once in this process, and within a minute in all others. If
/// it has mistakes, the refusal lists them, and nothing is stored. A change of the payment instructions may need a second person.
pub(crate) async fn publish(staff: Staff, State(desk): State<Arc<Desk>>, body: Bytes) -> Reply {
    let PolicyBody { files, version, reason, mut faults } = PolicyBody::read(&body)?;
    if !faults.is_empty() {
        faults.absorb(Policy::read(&files).err().map(mistakes_of).unwrap_or_default());
        faults.into_result::<()>(None)?;
    }
    // A policy with mistakes is refused below, with all of them.
    if let Ok(next) = Policy::read(&files)
        && let InstructionsChange::Proposed(proposal) = desk.change_of_instructions(&staff, &next, reason.as_deref()).await?
    {
        return Ok((StatusCode::ACCEPTED, Json(proposed(&proposal))).into_response());
    }
    let proposal = Proposal {
        files: &files,
        over: version.as_deref(),
        by: staff.subject(),
        email: staff.email(),
        at: desk.clock.now(),
        reason: reason.as_deref(),
        unique: &random::token(),
    };
    match desk.policies.publish(proposal).await? {
        Ok(in_force) => Ok(view(&in_force)),
        Err(NotPublished::Unsound(mistakes)) => Err(unsound(mistakes).into()),
        Err(NotPublished::Conflict) => Err(changed().into()),
    }
}

fn proposed(PolicyProposal { version, proposed_at, by, .. }: &PolicyProposal) -> PolicyProposalView<'_> {
    PolicyProposalView { version, proposed_at: *proposed_at, by, waits_for: "second_person" }
}

fn view(in_force: &PolicyInForce) -> Response {
    let PolicyInForce { version, published_at, by, .. } = in_force;
    Json(PolicyView { version, published_at: *published_at, by }).into_response()
}

/// The refusal of a policy: each mistake with its file and line.
fn unsound(mistakes: Mistakes) -> Refusal {
    let fault = |(pointer, detail): (String, String)| Fault::new(Code::PolicyUnsound, pointer, detail);
    let more = mistakes.0.len().saturating_sub(MAX_MISTAKES);
    let mut faults: Vec<_> = places(mistakes).take(MAX_MISTAKES).map(fault).collect();
    if more > 0 {
        faults.push(fault(("/files".to_owned(), format!("There are {more} more mistakes. Correct these first."))));
    }
    Refusal { faults }
}

/// The mistakes in a policy's files, to be reported with the other faults.
fn mistakes_of(mistakes: Mistakes) -> Faults {
    let mut faults = Faults::default();
    places(mistakes).for_each(|(pointer, detail)| faults.add(Code::PolicyUnsound, pointer, detail));
    faults
}

/// The pointer and the text of each mistake.
fn places(Mistakes(mistakes): Mistakes) -> impl Iterator<Item = (String, String)> {
    mistakes.into_iter().map(|Mistake { file, line, what }| {
        let detail = line.map_or_else(|| what.clone(), |line| format!("Line {line}: {what}"));
        (file_pointer(&file), detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unsound_policy_is_refused_with_the_place_of_every_mistake() {
        let mistake = |line| Mistake { file: "languages/en.toml".to_owned(), line, what: "fix it".to_owned() };
        let refusal = unsound(Mistakes(vec![mistake(Some(12)), mistake(None)]));
        let reported: Vec<_> = refusal.faults.iter().map(|fault| (&*fault.pointer, &*fault.detail)).collect();
        assert_eq!(reported, [("/files/languages~1en.toml", "Line 12: fix it"), ("/files/languages~1en.toml", "fix it")]);
        assert_eq!(refusal.code(), Code::PolicyUnsound);

        let refusal = unsound(Mistakes(vec![mistake(None); MAX_MISTAKES + 7]));
        assert_eq!(refusal.faults.len(), MAX_MISTAKES + 1);
        assert!(refusal.faults.last().is_some_and(|last| last.detail.contains("7 more")));
        assert_eq!(refusal.code(), Code::PolicyUnsound);
    }
}
