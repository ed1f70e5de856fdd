//! Publishing a policy: one from the desk, or the vendor's folder when it was edited.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    Policy,
    policy::{Mistake, Mistakes},
};
use jiff::{SignedDuration, Timestamp};
use store::{AuditEntry, Commit, Item, PolicyInForce};

use super::handle::{Policies, Publication, Shared};
use crate::{random, vendor::is_policy_file};

/// How many times a publication is attempted when others publish at the same time.
const ATTEMPTS: u32 = 5;

/// How long after the instant of a publication every process uses it: the minute for which a process uses what it has read, and the
/// time that the publishing request may take (an HTTP API of AWS waits for at most 30 seconds).
pub const EVERYWHERE_WITHIN: SignedDuration = SignedDuration::from_secs(90);

/// The publisher of the vendor's folder, as the audit names it.
const DEPLOYMENT: &str = "deployment";

/// A policy to be put in force.
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'p> {
    /// The TOML files of a vendor's folder.
    pub files: &'p BTreeMap<String, String>,
    /// The version that it may replace; `None`: any version.
    pub over: Option<&'p str>,
    /// The subject of the publisher.
    pub by: &'p str,
    /// The publisher's e-mail address, if it is verified.
    pub email: Option<&'p str>,
    /// The instant from which it is in force, and of the audit entry.
    pub at: Timestamp,
    /// The publisher's reason, if one was given.
    pub reason: Option<&'p str>,
    /// Distinguishes the audit entry from others of the same instant.
    pub unique: &'p str,
}

/// Why a policy was not published.
#[derive(Debug)]
pub enum NotPublished {
    /// The policy has these mistakes.
    Unsound(Mistakes),
    /// The policy in force is not the one that it may replace.
    Conflict,
}

/// What a publication does about the policy in force.
enum Replacement {
    /// Nothing: the policy in force is the wanted one.
    NotNeeded,
    /// It replaces the policy in force.
    Allowed,
    /// It is given up: the policy in force is not the one that it may replace.
    Conflict,
}

/// Who publishes, when and why.
struct PublicationContext {
    subject: String,
    email: Option<String>,
    at: Timestamp,
    reason: Option<String>,
    unique: String,
}

impl PublicationContext {
    fn deployment(at: Timestamp) -> Self {
        Self { subject: DEPLOYMENT.to_owned(), email: None, at, reason: None, unique: random::token() }
    }
}

impl Policies {
    /// Publishes the vendor's folder if it was edited since it was last published. A policy that the desk published after
    /// that stays in force: one edition of the folder is published once.
    ///
    /// # Errors
    ///
    /// The texts of the folder have mistakes, or DynamoDB failed; only then can a retry succeed.
    pub async fn take_folder(&self) -> Result<(), store::Error> {
        let Shared { clock, folder, lock, .. } = &*self.0;
        let replacement = |in_force: Option<&PolicyInForce>| {
            let published = in_force.is_some_and(|in_force| in_force.folder.as_deref() == Some(folder.version()));
            if published { Replacement::NotNeeded } else { Replacement::Allowed }
        };
        let _lock = lock.lock().await;
        self.put_in_force(folder, PublicationContext::deployment(clock.now()), replacement).await.map(drop)
    }

    /// Puts a policy in force: at once for every `Policies` of this process that has a clone of the same store, and within
    /// [`EVERYWHERE_WITHIN`] for all others. If it is in force already, this succeeds and changes nothing. A policy that was in force
    /// before is put in force again.
    ///
    /// # Errors
    ///
    /// The inner error states why the policy was not published; nothing was changed. The outer error: DynamoDB failed, and
    /// retrying is safe.
    pub async fn publish(&self, proposal: Proposal<'_>) -> Result<Result<PolicyInForce, NotPublished>, store::Error> {
        let Proposal { files, over, by, email, at, reason, unique } = proposal;
        let policy = match sound(files) {
            Ok(policy) => Arc::new(policy),
            Err(mistakes) => return Ok(Err(NotPublished::Unsound(mistakes))),
        };
        let published = Publication { policy, files: files.clone(), checked: true };
        let [email, reason] = [email, reason].map(|text| text.map(str::to_owned));
        let context = PublicationContext { subject: by.to_owned(), email, at, reason, unique: unique.to_owned() };
        let replacement = |in_force: Option<&PolicyInForce>| {
            let version = in_force.map(|in_force| &*in_force.version);
            match over {
                _ if version == Some(published.version()) => Replacement::NotNeeded,
                Some(over) if version != Some(over) => Replacement::Conflict,
                _ => Replacement::Allowed,
            }
        };
        let _lock = self.0.lock.lock().await;
        let Some(in_force) = self.put_in_force(&published, context, replacement).await? else {
            return Ok(Err(NotPublished::Conflict));
        };
        // The next use reads the table: another process may have published since.
        self.0.cache.keep(&published.policy);
        self.0.cache.expire();
        Ok(Ok(in_force))
    }

    /// Puts the folder's policy in force unless another policy is. Returns the policy in force afterwards. The caller holds
    /// the lock.
    pub(super) async fn put_first_in_force(&self, at: Timestamp) -> Result<PolicyInForce, store::Error> {
        let absent = |in_force: Option<&PolicyInForce>| match in_force {
            Some(_) => Replacement::NotNeeded,
            None => Replacement::Allowed,
        };
        let put = self.put_in_force(&self.0.folder, PublicationContext::deployment(at), absent).await?;
        put.ok_or_else(contended)
    }

    /// Puts a publication in force if `replacement` of the policy in force allows it; `None` on a conflict.
    async fn put_in_force(
        &self,
        publication: &Publication,
        context: PublicationContext,
        replacement: impl Fn(Option<&PolicyInForce>) -> Replacement,
    ) -> Result<Option<PolicyInForce>, store::Error> {
        let Shared { store, folder, .. } = &*self.0;
        for _ in 0..ATTEMPTS {
            let before = store.policy_in_force().await?;
            match replacement(before.as_ref()) {
                Replacement::NotNeeded => return Ok(before),
                Replacement::Conflict => return Ok(None),
                Replacement::Allowed => publication.check()?,
            }
            let next = next(publication.version(), &context, before.as_ref(), folder.version());
            let entry = AuditEntry {
                partition: next.key().partition,
                at: context.at,
                by: context.subject.clone(),
                email: context.email.clone(),
                action: "publish_policy".to_owned(),
                before: before.and_then(|before| serde_json::to_value(before).ok()),
                after: serde_json::to_value(&next).ok(),
                reason: context.reason.clone(),
                key_id: None,
                ip: None,
                unique: context.unique.clone(),
            };
            if store.publish_policy(&publication.files, &next, &entry).await? == Commit::Committed {
                tracing::info!(version = next.version, sequence = next.sequence, "a policy was put in force");
                return Ok(Some(next));
            }
        }
        Err(contended())
    }
}

/// Continues after a write that this function's role may not do. A function that may not write policies does not price
/// quotes, so no quote pins a policy that is not stored.
pub(super) fn unless_denied(error: store::Error) -> Result<(), store::Error> {
    match &error {
        store::Error::Unavailable { operation, reason } if reason.starts_with("AccessDenied") => {
            tracing::warn!(operation, reason, "a policy was not stored: this function's role does not write policies");
            Ok(())
        }
        _ => Err(error),
    }
}

fn contended() -> store::Error {
    let reason = "others publish at the same time".to_owned();
    store::Error::Unavailable { operation: "TransactWriteItems of a policy", reason }
}

/// The record of the policy in force after a publication.
///
/// It also names the folder's edition that counts as published. That is this folder when it is published itself, and when
/// another policy is published before any was in force: the publisher has decided against the folder, which must not
/// replace that policy later.
fn next(version: &str, context: &PublicationContext, before: Option<&PolicyInForce>, folder: &str) -> PolicyInForce {
    let published = before.filter(|_| version != folder).map(|before| before.folder.clone());
    PolicyInForce {
        version: version.to_owned(),
        published_at: context.at,
        by: context.subject.clone(),
        folder: published.unwrap_or_else(|| Some(folder.to_owned())),
        sequence: before.map_or(1, |before| before.sequence + 1),
    }
}

/// Reads a proposed policy. A file that is not TOML is a mistake, because it would be left out silently.
///
/// # Errors
///
/// Every mistake in the files.
pub fn sound(files: &BTreeMap<String, String>) -> Result<Policy, Mistakes> {
    let foreign = files.keys().filter(|name| !is_policy_file(name)).map(|name| Mistake {
        file: name.clone(),
        line: None,
        what: "only .toml files are part of a policy: leave it out".to_owned(),
    });
    let foreign: Vec<_> = foreign.collect();
    match Policy::read(files) {
        Ok(policy) if foreign.is_empty() => Ok(policy),
        read => Err(Mistakes(foreign.into_iter().chain(read.err().into_iter().flat_map(|Mistakes(others)| others)).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(subject: &str) -> PublicationContext {
        let at = Timestamp::UNIX_EPOCH;
        PublicationContext { subject: subject.to_owned(), email: None, at, reason: None, unique: "u".to_owned() }
    }

    #[test]
    fn a_folder_is_taken_once_and_what_the_desk_publishes_survives_it() {
        let first = next("folder-1", &by(DEPLOYMENT), None, "folder-1");
        assert_eq!((first.sequence, first.folder.as_deref()), (1, Some("folder-1")));

        let desk = next("desk-1", &by("user-1"), Some(&first), "folder-1");
        assert_eq!((&*desk.version, &*desk.by, desk.sequence), ("desk-1", "user-1", 2));
        assert_eq!(desk.folder.as_deref(), Some("folder-1"), "a restart finds the folder taken");

        let edited = next("folder-2", &by(DEPLOYMENT), Some(&desk), "folder-2");
        assert_eq!((&*edited.version, edited.sequence, edited.folder.as_deref()), ("folder-2", 3, Some("folder-2")));

        let stale = next("desk-2", &by("user-1"), Some(&edited), "folder-1");
        assert_eq!(stale.folder.as_deref(), Some("folder-2"), "a program with an old folder does not bring it back");

        let early = next("desk-1", &by("user-1"), None, "folder-1");
        assert_eq!(early.folder.as_deref(), Some("folder-1"), "published before anything was: the folder is passed over");
    }

    #[test]
    fn what_is_no_part_of_a_policy_is_a_mistake_beside_the_others() {
        let files = ["vendor.toml", "letters/quote.txt"].map(|name| (name.to_owned(), String::new()));
        let Err(Mistakes(mistakes)) = sound(&files.into()) else { panic!("an empty policy is not sound") };
        assert_eq!(mistakes.iter().filter(|mistake| mistake.file == "letters/quote.txt").count(), 1);
        assert!(mistakes.iter().any(|mistake| mistake.file == "vendor.toml"), "{mistakes:?}");
    }
}
