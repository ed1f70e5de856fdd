//! What every use of the policies needs: the store, the clock, the vendor's folder and the cache.

use std::{collections::BTreeMap, sync::Arc};

use domain::{Policy, policy::Mistakes};
use store::Store;
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

/// A valid policy, with the files that it was read from.
pub(super) struct Publication {
    pub(super) policy: Arc<Policy>,
    pub(super) files: BTreeMap<String, String>,
}

impl Publication {
    pub(super) fn version(&self) -> &str {
        &self.policy.version
    }
}

impl Policies {
    /// Starts with the policy of the vendor's folder. The table is not read yet.
    ///
    /// # Errors
    ///
    /// Every mistake in the folder.
    pub fn new(vendor: &Vendor, store: Store, clock: Clock) -> Result<Self, Mistakes> {
        Self::of(vendor, store, clock, true)
    }

    /// The same for a function that answers the internet and may not publish: while no policy is in force, it works with the
    /// folder's, which a function that may publish stores under the same version.
    ///
    /// # Errors
    ///
    /// Every mistake in the folder.
    pub fn reading(vendor: &Vendor, store: Store, clock: Clock) -> Result<Self, Mistakes> {
        Self::of(vendor, store, clock, false)
    }

    fn of(vendor: &Vendor, store: Store, clock: Clock, publishes: bool) -> Result<Self, Mistakes> {
        let policy = Arc::new(vendor.policy()?);
        let cache = Cache::new(policy.clone());
        let folder = Publication { policy, files: vendor.policy_files() };
        Ok(Self(Arc::new(Shared { store, clock, folder, publishes, cache, lock: Mutex::default() })))
    }
}
