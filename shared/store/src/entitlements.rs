//! Entitlements, and changes of several of them in one transaction.

use domain::{Sen, license::Entitlement, request::Holding};
use jiff::civil::Date;

use crate::{
    Commit, Created, Error, Store,
    keys::Key,
    writes::{Lost, lost},
};

/// How many writes a transaction takes (Amazon DynamoDB Developer Guide, "Service quotas").
const TOGETHER: usize = 100;

/// What became of changes that are made together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Changed {
    /// They are durable.
    Committed,
    /// An entitlement has moved on, and nothing was changed: load again, decide again.
    Conflict,
    /// The customer of the holding with this index has another subscription to the product, and nothing was changed.
    AlreadySubscribed(usize),
}

impl From<Commit> for Changed {
    fn from(commit: Commit) -> Self {
        match commit {
            Commit::Committed => Self::Committed,
            Commit::Conflict => Self::Conflict,
        }
    }
}

impl Store {
    /// Creates an entitlement, at most once: its number follows from quote and line.
    pub async fn create_entitlement(&self, entitlement: &Entitlement) -> Result<Created<Entitlement>, Error> {
        self.create(entitlement, "PutItem of an entitlement").await
    }

    /// The entitlement with this number.
    pub async fn entitlement(&self, sen: &Sen) -> Result<Option<Entitlement>, Error> {
        self.load(&Key::entitlement(sen), "GetItem of an entitlement").await
    }

    /// Commits a change of an entitlement, if it is still the version that was decided on.
    pub async fn update_entitlement(&self, next: &Entitlement) -> Result<Commit, Error> {
        self.replace(next, "PutItem of an entitlement").await
    }

    /// Commits changes of entitlements, and notes which subscriptions their customers hold from `today` on (R106): all of it
    /// or nothing, up to the hundred writes that DynamoDB takes together. Done again, what was noted is noted again.
    pub async fn change_entitlements(
        &self,
        changes: &[Entitlement],
        holdings: &[&Holding],
        today: Date,
    ) -> Result<Changed, Error> {
        const OPERATION: &str = "TransactWriteItems of entitlements";
        match (changes, holdings) {
            ([], []) => return Ok(Changed::Committed),
            ([change], []) => return self.update_entitlement(change).await.map(Changed::from),
            _ => {}
        }
        let taken = holdings.iter().map(|holding| self.take(holding, today));
        let writes = taken.chain(changes.iter().map(|next| self.put(next))).collect::<Result<Vec<_>, _>>()?;
        // Holdings are the first, so that what they refuse is refused before anything is written.
        for (part, writes) in writes.chunks(TOGETHER).enumerate() {
            let Err(error) = self.transaction(writes.to_vec()).await else { continue };
            let refused = lost(&error);
            let holdings = holdings.len().saturating_sub(part * TOGETHER);
            return match refused.iter().take(holdings).position(|reason| *reason == Lost::Condition) {
                Some(index) => Ok(Changed::AlreadySubscribed(part * TOGETHER + index)),
                None if refused.iter().any(|reason| *reason != Lost::No) => Ok(Changed::Conflict),
                None => Err(Error::of(OPERATION, &error)),
            };
        }
        Ok(Changed::Committed)
    }
}
