//! Entitlements, and changes of several of them in one transaction.

use std::collections::BTreeMap;

use domain::{Sen, government::GovernmentSubscription, license::Entitlement};
use jiff::civil::Date;

use crate::{
    Commit, Created, Error, Store, item,
    keys::Key,
    writes::{Lost, lost},
};

/// The most writes of one transaction (Amazon DynamoDB Developer Guide, "Service quotas").
const MAX_WRITES: usize = 100;

/// The result of changes that are committed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Changed {
    /// The changes are durable.
    Committed,
    /// An entitlement was changed by another request, and nothing was written. Load again and decide again.
    Conflict,
    /// The customer of the subscription with this index already has another subscription to the product. Nothing was written.
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
    /// Creates an entitlement, at most once, because its number derives from the quote and the line.
    ///
    /// # Errors
    ///
    /// DynamoDB failed. It is unknown whether the entitlement was written, and retrying is safe.
    pub async fn create_entitlement(&self, entitlement: &Entitlement) -> Result<Created<Entitlement>, Error> {
        self.create(entitlement, "PutItem of an entitlement").await
    }

    /// Reads the entitlement with this number.
    pub async fn entitlement(&self, sen: &Sen) -> Result<Option<Entitlement>, Error> {
        self.load(&Key::entitlement(sen), "GetItem of an entitlement").await
    }

    /// Reads those of several entitlements that exist, with their licence files. The
    /// [facts](Self::facts) of an order have no files, and can change no entitlement.
    pub async fn entitlements(&self, sens: impl IntoIterator<Item = &Sen>) -> Result<BTreeMap<Sen, Entitlement>, Error> {
        let keys = sens.into_iter().map(Key::entitlement).collect();
        let found = self.get_all(&keys, "BatchGetItem of entitlements").await?;
        let entitlement = |found| item::aggregate(found).map(|found: Entitlement| (found.sen.clone(), found));
        found.iter().map(entitlement).collect()
    }

    /// Commits a change of an entitlement, if the stored version is the one on which it was decided.
    pub async fn update_entitlement(&self, next: &Entitlement) -> Result<Commit, Error> {
        self.replace(next, "PutItem of an entitlement").await
    }

    /// Commits changes of entitlements, and records the government subscriptions that their customers have from `today` on (R106).
    /// Up to a hundred writes are one transaction; more are several. Recording the same subscription again is not a conflict.
    ///
    /// # Errors
    ///
    /// DynamoDB failed. Retrying is safe.
    pub async fn change_entitlements(
        &self,
        changes: &[Entitlement],
        subscriptions: &[&GovernmentSubscription],
        today: Date,
    ) -> Result<Changed, Error> {
        const OPERATION: &str = "TransactWriteItems of entitlements";
        match (changes, subscriptions) {
            ([], []) => return Ok(Changed::Committed),
            ([change], []) => return self.update_entitlement(change).await.map(Changed::from),
            _ => {}
        }
        // Subscriptions come first, so that they can refuse before anything is written.
        let mut writes = Vec::new();
        let mut subscription_of = Vec::new();
        for (index, holding) in subscriptions.iter().enumerate() {
            let claimed = self.claim_government_subscription(holding, today)?;
            subscription_of.extend(claimed.iter().map(|_| index));
            writes.extend(claimed);
        }
        for next in changes {
            writes.push(self.put(next)?);
        }
        for (part, writes) in writes.chunks(MAX_WRITES).enumerate() {
            let Err(error) = self.transaction(writes.to_vec()).await else { continue };
            let refused = lost(&error);
            let subscriptions = subscription_of.iter().skip(part * MAX_WRITES).zip(&refused);
            let taken = subscriptions.into_iter().find(|(_, reason)| **reason == Lost::Condition);
            return match taken {
                Some((index, _)) => Ok(Changed::AlreadySubscribed(*index)),
                None if refused.iter().any(|reason| *reason != Lost::No) => Ok(Changed::Conflict),
                None => Err(Error::of(OPERATION, &error)),
            };
        }
        Ok(Changed::Committed)
    }
}
