//! An embedded DynamoDB with one table, in memory, in which the vendor's policy is in force.

use std::error::Error;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use domain::QuoteNumber;
use dynoxide::{Database, server};
use runtime::{Clock, Policies, Vendor};
use serde_json::{Value, json};
use store::{Store, keys::Key};
use tokio::{net::TcpListener, task::JoinSet};

use crate::VENDOR;

/// The table's name.
pub(crate) const NAME: &str = "sellthrough";

/// A table that is served while this value lives.
pub(crate) struct Table {
    endpoint: String,
    database: Database,
    _serving: JoinSet<()>,
}

impl Table {
    /// Makes the table as the store has it and serves it on a free loopback port.
    pub(crate) async fn serve() -> Result<Self, Box<dyn Error>> {
        let database = Database::memory()?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let mut serving = JoinSet::new();
        serving.spawn(server::serve_on(listener, database.clone()));

        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("local"))
            .credentials_provider(Credentials::new("local", "local", None, None, "local"))
            .endpoint_url(&endpoint);
        let store = Store::new(aws_sdk_dynamodb::Client::from_conf(config.build()), NAME);
        store.create_table().await?;
        // The engine searches all records of a stream at each write: whoever wrote later would look slower.
        let without = json!({ "TableName": NAME, "StreamSpecification": { "StreamEnabled": false } });
        database.update_table(serde_json::from_value(without)?)?;
        // What the first request of a deployment does once is not what a start does.
        Policies::new(&Vendor::open(VENDOR)?, store, Clock::system())?.take_folder().await?;
        Ok(Self { endpoint, database, _serving: serving })
    }

    /// What `AWS_ENDPOINT_URL_DYNAMODB` is set to.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A quote's item, as a stream record would have it.
    pub(crate) fn quote(&self, number: &QuoteNumber) -> Result<Value, Box<dyn Error>> {
        let Key { partition, sort } = Key::quote(number);
        let get = json!({ "TableName": NAME, "Key": { "pk": { "S": partition }, "sk": { "S": sort } } });
        let got = serde_json::to_value(self.database.get_item(serde_json::from_value(get)?)?)?;
        got.get("Item").cloned().ok_or_else(|| format!("{number} is not in the table").into())
    }
}
