//! The vendor's policy: which one is in force, its files, and the publication of another one without a deployment.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use contract::desk::{PolicyBody, PolicyCheckView, PolicyFilesView, PolicyProposalView, PolicyView, file_pointer};
use domain::{
    Code, Fault, Policy, Refusal,
    fault::Faults,
    policy::{Mistake, Mistakes, difference},
    records::is_reference,
};
use runtime::{
    NotPublished, Proposal, Reply,
    authority::Staff,
    policies::EVERYWHERE_WITHIN,
    query::{Asked, Parameters},
    random,
};
use serde::Deserialize;
use store::{PolicyInForce, PolicyProposal};

use crate::{instructions::InstructionsChange, records::changed, state::Desk};

/// The most changes that are listed at once.
const MAX_CHANGES: usize = 1_000;
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

/// The parameter of a publication.
#[derive(Deserialize)]
pub(crate) struct Publishing {
    /// Whether the policy is only checked.
    check: Option<String>,
}

impl Parameters for Publishing {
    const NAMES: &'static [&'static str] = &["check"];
}

impl Publishing {
    fn only_checks(&self) -> Result<bool, Refusal> {
        match self.check.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => {
                let refusal = Refusal::new(Code::ParameterInvalid, "`check` must be `true` or `false`. Nothing was published.");
                Err(refusal.allowing(["true", "false"]))
            }
        }
    }
}

/// `PUT /v1/desk/policy`: publishes a whole policy. It is in force at once in this process, and in all others by `everywhere_by`.
/// If it has mistakes, the refusal lists them, and nothing is stored. With `?check=true`, nothing is published, and the response
/// states in words what would change. A change of the payment instructions may need a second person.
pub(crate) async fn publish(
    staff: Staff,
    State(desk): State<Arc<Desk>>,
    Asked(publishing): Asked<Publishing>,
    body: Bytes,
) -> Reply {
    let only_checks = publishing.only_checks()?;
    let PolicyBody { files, version, reason, mut faults } = PolicyBody::read(&body)?;
    if !faults.is_empty() {
        faults.absorb(Policy::read(&files).err().map(mistakes_of).unwrap_or_default());
        faults.into_result::<()>(None)?;
    }
    if only_checks {
        return desk.check(&files, version.as_deref()).await;
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

impl Desk {
    /// What the publication of these files would change. Nothing is stored.
    async fn check(&self, files: &BTreeMap<String, String>, over: Option<&str>) -> Reply {
        let policy = runtime::policies::sound(files).map_err(unsound)?;
        let in_force = self.store.policy_in_force().await?;
        let in_force = in_force.as_ref().map(|in_force| &*in_force.version);
        if over.is_some_and(|over| in_force != Some(over) && in_force != Some(&*policy.version)) {
            return Err(changed().into());
        }
        let before = match in_force {
            Some(version) => self.store.policy_files(version).await?.unwrap_or_default(),
            None => BTreeMap::new(),
        };
        let mut changes = difference(&before, files);
        let left_out = changes.len().saturating_sub(MAX_CHANGES);
        changes.truncate(MAX_CHANGES);
        if left_out > 0 {
            changes.push(format!("There are {left_out} more changes."));
        }
        Ok(Json(PolicyCheckView { version: &policy.version, in_force, changes }).into_response())
    }
}

fn view(in_force: &PolicyInForce) -> Response {
    let PolicyInForce { version, published_at, by, .. } = in_force;
    let everywhere_by = *published_at + EVERYWHERE_WITHIN;
    Json(PolicyView { version, published_at: *published_at, everywhere_by, by }).into_response()
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
