//! Which policy counts: that of the vendor's folder until another one is published, and from then on whatever the table
//! says is in force. Published without a deployment, it counts everywhere within a minute.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use domain::{
    Policy,
    policy::{Mistake, Mistakes},
    wording::Wording,
};
use jiff::{SignedDuration, Timestamp};
use store::{AuditEntry, Commit, Item, PolicyInForce, Store, keys::Key};
use tokio::sync::Mutex;

use crate::{
    Clock, random,
    vendor::{Vendor, is_policy_file},
};

/// For how long a policy counts without asking which one is in force.
const BELIEVED: SignedDuration = SignedDuration::from_secs(60);

/// How many policies are kept at hand: quotes are paid and delivered under the one that they were priced with, which is
/// one of the last few. A large one takes some megabytes.
const KEPT: usize = 4;

/// How often a publication is tried again when others publish at the same time.
const ATTEMPTS: u32 = 5;

/// Who publishes the vendor's folder.
const DEPLOYMENT: &str = "deployment";

/// The policies of one vendor: the one in force, and those before. A cheap handle: clones share what was read.
#[derive(Clone)]
pub struct Policies(Arc<Shared>);

struct Shared {
    store: Store,
    clock: Clock,
    folder: Publication,
    current: RwLock<Current>,
    /// Held while the table is asked or told which policy is in force, so that requests wait for one answer instead of
    /// asking for their own, and an older answer never replaces a newer one.
    asking: Mutex<()>,
    kept: RwLock<Vec<Arc<Policy>>>,
}

/// The policy that counts, and when the table said so last: never, at first.
struct Current {
    policy: Arc<Policy>,
    asked: Option<Timestamp>,
}

/// A sound policy, with the files that it was read from.
struct Publication {
    policy: Arc<Policy>,
    files: BTreeMap<String, String>,
}

impl Publication {
    fn version(&self) -> &str {
        &self.policy.version
    }
}

impl Policies {
    /// Starts with the policy of the vendor's folder. The table is not asked yet.
    ///
    /// # Errors
    ///
    /// Every mistake in the folder.
    pub fn new(vendor: &Vendor, store: Store, clock: Clock) -> Result<Self, Mistakes> {
        let policy = Arc::new(vendor.policy()?);
        let current = RwLock::new(Current { policy: policy.clone(), asked: None });
        let folder = Publication { policy, files: vendor.policy_files() };
        Ok(Self(Arc::new(Shared { store, clock, folder, current, asking: Mutex::default(), kept: RwLock::default() })))
    }

    /// The policy in force, as the table said within the last minute. If none is, the folder's is published.
    ///
    /// A policy that this program cannot read, because a newer one published it, does not count here: that is logged,
    /// and the one before stays. A function whose role may not write policies only reads them.
    ///
    /// # Errors
    ///
    /// The table does not answer. Trying again is safe.
    pub async fn current(&self) -> Result<Arc<Policy>, store::Error> {
        if let Some(policy) = self.believed() {
            return Ok(policy);
        }
        let _asking = self.0.asking.lock().await;
        if let Some(policy) = self.believed() {
            return Ok(policy);
        }
        let asked = self.0.clock.now();
        let policy = match self.0.store.policy_in_force().await? {
            Some(in_force) => self.readable(&in_force.version).await?,
            None => self.first(asked).await?,
        };
        self.adopt(policy.clone(), asked);
        Ok(policy)
    }

    /// The folder's policy, put in force as the first one; or the first one, if somebody else was sooner.
    async fn first(&self, at: Timestamp) -> Result<Arc<Policy>, store::Error> {
        let folder = &self.0.folder;
        let absent = |in_force: Option<&PolicyInForce>| in_force.map_or(Stand::Replace, |_| Stand::WillDo);
        match self.put_in_force(folder, By::deployment(at), absent).await {
            Ok(in_force) => self.readable(&in_force.ok_or_else(contended)?.version).await,
            Err(error) => unless_denied(error).map(|()| folder.policy.clone()),
        }
    }

    /// A policy that was in force once, such as the one that a quote was priced with; none if it was never published.
    ///
    /// # Errors
    ///
    /// The table does not answer; or this program cannot read that policy, and somebody must look.
    pub async fn version(&self, version: &str) -> Result<Option<Arc<Policy>>, store::Error> {
        if let Some(policy) = self.at_hand(version) {
            return Ok(Some(policy));
        }
        let Some(files) = self.0.store.policy_files(version).await? else { return Ok(None) };
        let policy = Arc::new(read(version, &files, &self.0.folder.policy.wording)?);
        self.keep(&policy);
        Ok(Some(policy))
    }

    /// The policy that a quote was priced with; the one in force, if that one was never published or is no longer readable
    /// by this program.
    ///
    /// # Errors
    ///
    /// The table does not answer. Trying again is safe.
    pub async fn pinned(&self, version: &str) -> Result<Arc<Policy>, store::Error> {
        match self.version(version).await {
            Ok(Some(policy)) => Ok(policy),
            Ok(None) | Err(store::Error::Corrupt { .. }) => self.current().await,
            Err(unavailable) => Err(unavailable),
        }
    }

    /// Puts the vendor's folder in force if it was edited since it was last taken. What the desk published after that
    /// stays: a folder is taken once.
    ///
    /// # Errors
    ///
    /// The table does not answer. Trying again is safe.
    pub async fn take_folder(&self) -> Result<(), store::Error> {
        let Shared { clock, folder, .. } = &*self.0;
        let taken = |in_force: Option<&PolicyInForce>| {
            let taken = in_force.is_some_and(|in_force| in_force.folder.as_deref() == Some(folder.version()));
            if taken { Stand::WillDo } else { Stand::Replace }
        };
        let _asking = self.0.asking.lock().await;
        self.put_in_force(folder, By::deployment(clock.now()), taken).await.map(drop)
    }

    /// Puts a policy in force. If it is in force already, that is a success that changes nothing; one that was in force
    /// before is put in force again.
    ///
    /// # Errors
    ///
    /// The inner ones are why it was not published: nothing was changed. Otherwise the table does not answer, and trying
    /// again is safe.
    pub async fn publish(&self, proposal: Proposal<'_>) -> Result<Result<PolicyInForce, NotPublished>, store::Error> {
        let Proposal { files, over, by, email, at, reason, unique } = proposal;
        let policy = match sound(files) {
            Ok(policy) => Arc::new(policy),
            Err(mistakes) => return Ok(Err(NotPublished::Unsound(mistakes))),
        };
        let published = Publication { policy, files: files.clone() };
        let [email, reason] = [email, reason].map(|text| text.map(str::to_owned));
        let by = By { subject: by.to_owned(), email, at, reason, unique: unique.to_owned() };
        let judge = |in_force: Option<&PolicyInForce>| {
            let version = in_force.map(|in_force| &*in_force.version);
            match over {
                _ if version == Some(published.version()) => Stand::WillDo,
                Some(over) if version != Some(over) => Stand::Moved,
                _ => Stand::Replace,
            }
        };
        let _asking = self.0.asking.lock().await;
        let Some(in_force) = self.put_in_force(&published, by, judge).await? else { return Ok(Err(NotPublished::Moved)) };
        self.adopt(published.policy, self.0.clock.now());
        Ok(Ok(in_force))
    }

    /// Puts a publication in force, as what is in force is judged; `None` when that has moved.
    async fn put_in_force(
        &self,
        publication: &Publication,
        by: By,
        judge: impl Fn(Option<&PolicyInForce>) -> Stand,
    ) -> Result<Option<PolicyInForce>, store::Error> {
        let Shared { store, folder, .. } = &*self.0;
        for _ in 0..ATTEMPTS {
            let before = store.policy_in_force().await?;
            match judge(before.as_ref()) {
                Stand::WillDo => return Ok(before),
                Stand::Moved => return Ok(None),
                Stand::Replace => {}
            }
            let next = next(publication.version(), &by, before.as_ref(), folder.version());
            let entry = AuditEntry {
                partition: next.key().partition,
                at: by.at,
                by: by.subject.clone(),
                email: by.email.clone(),
                action: "publish_policy".to_owned(),
                before: before.and_then(|before| serde_json::to_value(before).ok()),
                after: serde_json::to_value(&next).ok(),
                reason: by.reason.clone(),
                unique: by.unique.clone(),
            };
            if store.publish_policy(&publication.files, &next, &entry).await? == Commit::Committed {
                tracing::info!(version = next.version, sequence = next.sequence, "a policy was put in force");
                return Ok(Some(next));
            }
        }
        Err(contended())
    }

    /// The policy with this version, or the one before it when this program cannot read it.
    async fn readable(&self, version: &str) -> Result<Arc<Policy>, store::Error> {
        let why = match self.version(version).await {
            Ok(Some(policy)) => return Ok(policy),
            Ok(None) => "its files are not in the table".to_owned(),
            Err(store::Error::Corrupt { reason, .. }) => reason,
            Err(unavailable) => return Err(unavailable),
        };
        let before = self.of_current(|current| current.policy.clone());
        tracing::error!(version, counts = before.version, why, "the policy in force cannot be read: the one before counts here");
        let Shared { store, folder, .. } = &*self.0;
        if before.version == folder.version() {
            // It may never have been in force, and quotes are about to be priced with it.
            store.keep_policy(folder.version(), &folder.files).await.or_else(unless_denied)?;
        }
        Ok(before)
    }

    fn believed(&self) -> Option<Arc<Policy>> {
        let now = self.0.clock.now();
        self.of_current(|current| current.asked.is_some_and(|asked| is_believed(asked, now)).then(|| current.policy.clone()))
    }

    fn at_hand(&self, version: &str) -> Option<Arc<Policy>> {
        let current = self.of_current(|current| current.policy.clone());
        let kept = self.0.kept.read().unwrap_or_else(PoisonError::into_inner);
        [&current, &self.0.folder.policy].into_iter().chain(&*kept).find(|policy| policy.version == version).cloned()
    }

    fn of_current<T>(&self, read: impl FnOnce(&Current) -> T) -> T {
        read(&self.0.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn adopt(&self, policy: Arc<Policy>, asked: Timestamp) {
        self.keep(&policy);
        let current = Current { policy, asked: Some(asked) };
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = current;
    }

    /// Keeps a policy at hand, and lets go of the one that was not kept again for longest.
    fn keep(&self, policy: &Arc<Policy>) {
        let mut kept = self.0.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|other| other.version != policy.version);
        kept.push(policy.clone());
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }
}

/// A policy that somebody wants in force.
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'p> {
    /// The TOML files of a vendor's folder.
    pub files: &'p BTreeMap<String, String>,
    /// The version that it shall replace, if only that one; whatever is in force, when it is not said.
    pub over: Option<&'p str>,
    /// The subject of whoever publishes it.
    pub by: &'p str,
    /// Their address, if it is verified.
    pub email: Option<&'p str>,
    /// The instant from which it counts, and of the audit entry.
    pub at: Timestamp,
    /// Why, if they say so.
    pub reason: Option<&'p str>,
    /// What tells the audit entry from another of the same instant.
    pub unique: &'p str,
}

/// Why a policy was not published.
#[derive(Debug)]
pub enum NotPublished {
    /// These are the mistakes in it.
    Unsound(Mistakes),
    /// Another one than it should replace is in force.
    Moved,
}

/// What to do about the policy in force.
enum Stand {
    /// It is as it should be.
    WillDo,
    /// It gives way.
    Replace,
    /// It is not the one that was to give way.
    Moved,
}

/// Goes on without a write that this function's role may not do: whoever may not write policies prices nothing with them, so
/// that no quote pins what is not there.
fn unless_denied(error: store::Error) -> Result<(), store::Error> {
    match &error {
        store::Error::Unavailable { operation, reason } if reason.starts_with("AccessDenied") => {
            tracing::warn!(operation, reason, "a policy was not stored, which is for others to do");
            Ok(())
        }
        _ => Err(error),
    }
}

fn contended() -> store::Error {
    let reason = "others publish at the same time".to_owned();
    store::Error::Unavailable { operation: "TransactWriteItems of a policy", reason }
}

/// Who publishes, when and why.
struct By {
    subject: String,
    email: Option<String>,
    at: Timestamp,
    reason: Option<String>,
    unique: String,
}

impl By {
    fn deployment(at: Timestamp) -> Self {
        Self { subject: DEPLOYMENT.to_owned(), email: None, at, reason: None, unique: random::token() }
    }
}

/// What is in force after a publication. The vendor's folder is taken when it is published; and whoever publishes
/// something else before anything was in force has decided against the folder, which must not replace it later.
fn next(version: &str, by: &By, before: Option<&PolicyInForce>, folder: &str) -> PolicyInForce {
    let taken = before.filter(|_| version != folder).map(|before| before.folder.clone());
    PolicyInForce {
        version: version.to_owned(),
        published_at: by.at,
        by: by.subject.clone(),
        folder: taken.unwrap_or_else(|| Some(folder.to_owned())),
        sequence: before.map_or(1, |before| before.sequence + 1),
    }
}

/// Whether what the table said then still counts. A clock that was set back says nothing about how long ago that is.
fn is_believed(asked: Timestamp, now: Timestamp) -> bool {
    asked <= now && now.duration_since(asked) < BELIEVED
}

/// Reads what somebody wants to publish: TOML files, and nothing that would be left out without a word.
fn sound(files: &BTreeMap<String, String>) -> Result<Policy, Mistakes> {
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

/// Reads a policy from the table; texts that are newer than it are the folder's.
fn read(version: &str, files: &BTreeMap<String, String>, newer: &Wording) -> Result<Policy, store::Error> {
    let corrupt = |reason| store::Error::Corrupt { key: Key::policy_files(version), reason };
    let policy = Policy::read_stored(files, newer).map_err(|mistakes| corrupt(mistakes.to_string()))?;
    if policy.version != version {
        return Err(corrupt(format!("its files are those of version {}", policy.version)));
    }
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a date")
    }

    fn by(subject: &str) -> By {
        By { subject: subject.to_owned(), email: None, at: at(0), reason: None, unique: "u".to_owned() }
    }

    #[test]
    fn a_policy_counts_for_a_minute_and_not_across_a_clock_that_was_set_back() {
        for (now, believed) in [(100, true), (159, true), (160, false), (3_700, false), (99, false)] {
            assert_eq!(is_believed(at(100), at(now)), believed, "asked at 100, now {now}");
        }
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

    #[test]
    fn a_policy_that_cannot_be_read_is_a_broken_item_and_not_an_outage() {
        let files = BTreeMap::from([("vendor.toml".to_owned(), "?".to_owned())]);
        let newer = Wording::new("en".to_owned(), BTreeMap::new());
        let error = read("0123456789abcdef", &files, &newer).expect_err("it is not TOML");
        assert!(matches!(&error, store::Error::Corrupt { key, .. } if key == "POLICY#0123456789abcdef"), "{error}");
    }
}
