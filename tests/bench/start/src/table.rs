//! An embedded DynamoDB with one table, in memory, in which the vendor's policy is in force.

use std::{error::Error, net::SocketAddr};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use dynoxide::{Database, server};
use runtime::{Clock, Policies, Vendor};
use serde_json::json;
use store::Store;
use tokio::{net::TcpListener, task::JoinSet};

use crate::VENDOR;

/// The table's name.
pub(crate) const NAME: &str = "sellthrough";

/// A table that is served while this value lives. Every process gets one of its own: the engine searches all stream
/// records at each write, so that whoever wrote later into a shared one would look slower.
pub(crate) struct Table {
    endpoint: String,
    _serving: JoinSet<()>,
}

impl Table {
    /// Makes the table as the store has it and serves it on a free loopback port.
    pub(crate) async fn serve() -> Result<Self, Box<dyn Error>> {
        let database = Database::memory()?;
        database.create_table(serde_json::from_value(json!({
            "TableName": NAME,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                { "AttributeName": "pk", "AttributeType": "S" },
                { "AttributeName": "sk", "AttributeType": "S" },
            ],
            "KeySchema": [
                { "AttributeName": "pk", "KeyType": "HASH" },
                { "AttributeName": "sk", "KeyType": "RANGE" },
            ],
            "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
        }))?)?;
        // The engine's own first write is not what is timed.
        let item = json!({ "pk": { "S": "WARM" }, "sk": { "S": "WARM" } });
        database.put_item(serde_json::from_value(json!({ "TableName": NAME, "Item": item }))?)?;

        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address: SocketAddr = listener.local_addr()?;
        let mut serving = JoinSet::new();
        serving.spawn(server::serve_on(listener, database));
        let endpoint = format!("http://{address}");
        // What the first request of a deployment does once is not what a start does.
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("local"))
            .credentials_provider(Credentials::new("local", "local", None, None, "local"))
            .endpoint_url(&endpoint);
        let store = Store::new(aws_sdk_dynamodb::Client::from_conf(config.build()), NAME);
        Policies::new(&Vendor::open(VENDOR)?, store, Clock::system())?.take_folder().await?;
        Ok(Self { endpoint, _serving: serving })
    }

    /// What `AWS_ENDPOINT_URL_DYNAMODB` is set to.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }
}
