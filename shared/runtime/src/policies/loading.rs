//! Reading policies: the one in force, and the one that a quote was priced with.

use std::{collections::BTreeMap, sync::Arc};

use domain::{Policy, wording::Wording};
use jiff::Timestamp;
use store::keys::Key;

use super::{
    cache::Reading,
    handle::{Policies, Shared},
    publishing::unless_denied,
};

impl Policies {
    /// The policy in force, as the table stated within the last minute and after the last publication by this process. If no policy
    /// is in force, the folder's is published.
    ///
    /// A program cannot always read the policy in force, because a newer program may have published it. This is logged, and
    /// the previous policy stays in use here. A function whose role may not write policies only reads them.
    ///
    /// # Errors
    ///
    /// DynamoDB failed, and retrying is safe; or no policy is in force and the texts of the folder have mistakes, which an operator
    /// must correct.
    pub async fn current(&self) -> Result<Arc<Policy>, store::Error> {
        let Shared { store, clock, cache, lock, .. } = &*self.0;
        let reading = || Reading::begin(clock.now(), store.publications());
        if let Some(policy) = cache.fresh(&reading()) {
            return Ok(policy);
        }
        let _lock = lock.lock().await;
        let reading = reading();
        if let Some(policy) = cache.fresh(&reading) {
            return Ok(policy);
        }
        let policy = match store.policy_in_force().await? {
            Some(in_force) => self.readable(&in_force.version).await?,
            None if !self.0.publishes => self.unpublished()?,
            None => self.publish_first(clock.now()).await?,
        };
        cache.adopt(policy.clone(), reading);
        Ok(policy)
    }

    /// The folder's policy, which was never published. Its texts are checked.
    fn unpublished(&self) -> Result<Arc<Policy>, store::Error> {
        self.0.folder.check()?;
        Ok(self.0.folder.policy.clone())
    }

    /// Publishes the folder's policy as the first one. If another process was faster, its policy is the result.
    async fn publish_first(&self, at: Timestamp) -> Result<Arc<Policy>, store::Error> {
        match self.put_first_in_force(at).await {
            Ok(in_force) => self.readable(&in_force.version).await,
            Err(error) => unless_denied(error).map(|()| self.0.folder.policy.clone()),
        }
    }

    /// A policy that was in force at some time, such as the one that a quote was priced with. `None` if it was never published.
    ///
    /// # Errors
    ///
    /// DynamoDB failed, and retrying is safe; or this program cannot read that policy, and an operator must look at it.
    pub async fn version(&self, version: &str) -> Result<Option<Arc<Policy>>, store::Error> {
        let Shared { store, folder, cache, .. } = &*self.0;
        if folder.version() == version {
            return Ok(Some(folder.policy.clone()));
        }
        if let Some(policy) = cache.version(version) {
            return Ok(Some(policy));
        }
        let Some(files) = store.policy_files(version).await? else { return Ok(None) };
        let policy = Arc::new(read(version, &files, &folder.policy.wording)?);
        cache.keep(&policy);
        Ok(Some(policy))
    }

    /// The policy that a quote was priced with. If that policy was never published, or this program can no longer read it,
    /// the policy in force.
    ///
    /// # Errors
    ///
    /// DynamoDB failed. Retrying is safe.
    pub async fn pinned(&self, version: &str) -> Result<Arc<Policy>, store::Error> {
        match self.version(version).await {
            Ok(Some(policy)) => Ok(policy),
            Ok(None) | Err(store::Error::Corrupt { .. }) => self.current().await,
            Err(unavailable) => Err(unavailable),
        }
    }

    /// The policy with this version, or the previous one if this program cannot read it.
    async fn readable(&self, version: &str) -> Result<Arc<Policy>, store::Error> {
        let why = match self.version(version).await {
            Ok(Some(policy)) => return Ok(policy),
            Ok(None) => "its files are not in the table".to_owned(),
            Err(store::Error::Corrupt { reason, .. }) => reason,
            Err(unavailable) => return Err(unavailable),
        };
        let Shared { store, folder, cache, .. } = &*self.0;
        let before = cache.current();
        tracing::error!(
            version,
            in_use = before.version,
            why,
            "the policy in force cannot be read: the previous policy stays in use here"
        );
        if before.version == folder.version() {
            // It may never have been in force, and quotes are about to be priced with it.
            folder.check()?;
            if self.0.publishes {
                store.keep_policy(folder.version(), &folder.files).await.or_else(unless_denied)?;
            }
        }
        Ok(before)
    }
}

/// Reads a policy from the table. Texts that were added after it was published come from the folder.
fn read(version: &str, files: &BTreeMap<String, String>, newer: &Wording) -> Result<Policy, store::Error> {
    let corrupt = |reason| store::Error::Corrupt { key: Key::policy_files(version), reason };
    let policy = Policy::read_published(files, Some(newer)).map_err(|mistakes| corrupt(mistakes.to_string()))?;
    if policy.version != version {
        return Err(corrupt(format!("its files are those of version {}", policy.version)));
    }
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_cannot_be_read_is_a_broken_item_and_not_an_outage() {
        let files = BTreeMap::from([("vendor.toml".to_owned(), "?".to_owned())]);
        let newer = Wording::new("en".to_owned(), BTreeMap::new());
        let error = read("0123456789abcdef", &files, &newer).expect_err("it is not TOML");
        assert!(matches!(&error, store::Error::Corrupt { key, .. } if key == "POLICY#0123456789abcdef"), "{error}");
    }
}
