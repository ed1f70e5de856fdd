//! What every use of the policies needs: the store, the clock, the vendor's folder and the cache.

use std::{collections::BTreeMap, sync::Arc};

use domain::{Policy, policy::Mistakes};
use store::{Store, keys::Key};
use tokio::sync::Mutex;

use super::cache::Cache;
use crate::{Clock, vendor::Vendor};

/// The policies of one vendor: the one in force, and earlier ones. A cheap handle: clones share one cache.
#[derive(Clone)]
pub struct Policies(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) folder: Publication,
    /// Whether the folder's policy is stored when no other is in force.
    pub(super) publishes: bool,
    pub(super) cache: Cache,
    /// Held while the table is read or written for the policy in force. Concurrent requests wait for one read instead of
    /// starting their own, and an older result never replaces a newer one.
    pub(super) lock: Mutex<()>,
}

/// A policy, with the files that it was read from.
pub(super) struct Publication {
    pub(super) policy: Arc<Policy>,
    pub(super) files: BTreeMap<String, String>,
    /// Whether its texts were checked when it was read.
    pub(super) checked: bool,
}

impl Publication {
    pub(super) fn version(&self) -> &str {
        &self.policy.version
    }

    /// Checks the texts, which a policy needs before it is used for the first time.
    ///
    /// # Errors
    ///
    /// Every mistake in the files. A retry finds the same mistakes: an operator must correct the folder.
    pub(super) fn check(&self) -> Result<(), store::Error> {
        if self.checked {
            return Ok(());
        }
        let corrupt = |mistakes: Mistakes| store::Error::Corrupt {
            key: Key::policy_files(self.version()),
            reason: format!("the vendor's folder has mistakes: {mistakes}"),
        };
        Policy::read(&self.files).map(drop).map_err(corrupt)
    }
}

impl Policies {
    /// Starts with the policy of the vendor's folder. The table is not read yet.
    ///
    /// The texts of the folder are not read yet, either: reading four languages takes longer than reading all the rest. A policy
    /// that was published has been checked. Before the folder's own policy is published or priced with for the first time, its
    /// texts are checked.
    ///
    /// # Errors
    ///
    /// Every mistake in the folder outside its texts.
    pub fn new(vendor: &Vendor, store: Store, clock: Clock) -> Result<Self, Mistakes> {
        Self::of(vendor, store, clock, true)
    }

    /// The same for a function that answers the internet and may not publish: while no policy is in force, it works with the
    /// folder's, which a function that may publish stores under the same version.
    ///
    /// # Errors
    ///
    /// Every mistake in the folder outside its texts.
    pub fn reading(vendor: &Vendor, store: Store, clock: Clock) -> Result<Self, Mistakes> {
        Self::of(vendor, store, clock, false)
    }

    fn of(vendor: &Vendor, store: Store, clock: Clock, publishes: bool) -> Result<Self, Mistakes> {
        let policy = Arc::new(vendor.policy_without_texts()?);
        let cache = Cache::new(policy.clone());
        let folder = Publication { policy, files: vendor.policy_files(), checked: false };
        Ok(Self(Arc::new(Shared { store, clock, folder, publishes, cache, lock: Mutex::default() })))
    }
}
