//! One function without the rest of the system: on a table of a test's own, with a clock that stands still.

use std::path::Path;

use axum::Router;
use jiff::Timestamp;
use local::engine::{self, Engine};
use quotes::Quotes;
use runtime::{Clock, Configuration, clock::MovableClock};
use store::Store;
use tempfile::TempDir;

/// An engine with one table, in a directory of its own, and a clock: what a function runs on.
pub struct Bench {
    /// The table.
    pub store: Store,
    /// The clock that the function reads.
    pub clock: MovableClock,
    engine: Engine,
    data: TempDir,
}

impl Bench {
    /// An empty table, with the clock standing at `now`.
    pub async fn new(now: Timestamp) -> Self {
        Self::in_directory(tempfile::tempdir().expect("a temporary directory"), now).await
    }

    /// The table that an engine left in `data`, or an empty one.
    async fn in_directory(data: TempDir, now: Timestamp) -> Self {
        let engine = Engine::start(data.path()).await.expect("the engine starts");
        let store = Store::new(engine::client(engine.endpoint()).expect("a client"), "tests");
        store.create_table().await.expect("the table");
        Self { store, clock: MovableClock::at(now), engine, data }
    }

    /// Ends the engine in good order, and starts another one on the same table.
    pub async fn restarted(self) -> Self {
        let now = self.clock.clock().now();
        self.engine.shutdown().await.expect("the engine ends");
        Self::in_directory(self.data, now).await
    }

    /// The URL of the engine.
    pub fn endpoint(&self) -> &str {
        self.engine.endpoint()
    }

    /// The directory of the engine, in which a function can keep files.
    pub fn data(&self) -> &Path {
        self.data.path()
    }
}

/// The settings of every function but those that sign, send or receive payments, for the vendor whose folder is `vendor`.
pub fn settings(vendor: &Path) -> Configuration {
    Configuration::from_pairs([
        ("VENDOR_DIR", vendor.to_str().expect("a UTF-8 path")),
        ("PUBLIC_URL", "https://api.vendor.example"),
        ("PAYMENT_URL", "https://pay.vendor.example"),
        ("LINK_KEYS", "k1:0123456789abcdef"),
        ("NUMBER_KEY", "a key of the tests"),
        ("OIDC_ISSUER", "https://issuer.example"),
        ("OIDC_AUDIENCE", "sellthrough"),
    ])
}

/// The routes of `quotes`, as they are served on AWS.
pub fn quoting(vendor: &Path, store: Store, clock: Clock) -> Router {
    quotes::routes(Quotes::start(&settings(vendor), store, clock).expect("the settings are complete"))
}
