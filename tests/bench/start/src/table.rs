//! An embedded DynamoDB with one table, in memory, in which the vendor's policy is in force.

use std::{error::Error, fs, time::Instant};

use aws_sdk_dynamodb::config::{Credentials, Region, SharedCredentialsProvider};
use domain::QuoteNumber;
use dynoxide::{Database, server};
use runtime::{Clock, Policies, Vendor};
use serde_json::{Value, json};
use store::{Store, keys::Key};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    figures,
    vendor::{QUOTE, VENDOR},
};

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

        let credentials = SharedCredentialsProvider::new(Credentials::new("local", "local", None, None, "local"));
        let config = runtime::aws::builder()?.region(Region::new("local")).endpoint_url(&endpoint);
        let config = config.credentials_provider(credentials).build();
        let store = Store::new(aws_sdk_dynamodb::Client::new(&config), NAME);
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

    /// How long the engine takes for what `bare` writes, asked with as little as can be: a request of fixed bytes over a
    /// connection that is open. The median of so many, in nanoseconds.
    pub(crate) async fn alone(&self, times: u32) -> Result<u64, Box<dyn Error>> {
        let address = self.endpoint.strip_prefix("http://").ok_or("an endpoint without a scheme")?;
        let mut connection = TcpStream::connect(address).await?;
        connection.set_nodelay(true)?;
        let body = fs::read_to_string(QUOTE)?;
        let mut taken = Vec::new();
        for turn in 0..times {
            let text = |text: &str| json!({ "S": text });
            let item = json!({
                "pk": text(&format!("ALONE#{turn}")), "sk": text("ALONE"), "owed": text("letters"),
                "owed_since": text("2026-11-22T10:00:00Z"), "currency": text("USD"), "body": text(&body),
            });
            let put = json!({ "TableName": NAME, "Item": item }).to_string();
            let request = format!(
                "POST / HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/x-amz-json-1.0\r\n\
                 x-amz-target: DynamoDB_20120810.PutItem\r\nx-amz-date: 20261122T000000Z\r\ncontent-length: {}\r\n\
                 authorization: AWS4-HMAC-SHA256 Credential=example/20261122/local/dynamodb/aws4_request, \
                 SignedHeaders=host, Signature=00\r\n\r\n{put}",
                put.len()
            );
            let mut answer = [0; 4096];
            let asked = Instant::now();
            connection.write_all(request.as_bytes()).await?;
            let length = connection.read(&mut answer).await?;
            taken.push(u64::try_from(asked.elapsed().as_nanos())?);
            if !answer.starts_with(b"HTTP/1.1 200 ") {
                return Err(format!("the engine answered {}", String::from_utf8_lossy(&answer[..length])).into());
            }
        }
        Ok(figures::median(taken))
    }

    /// A quote's item, as a stream record would have it.
    pub(crate) fn quote(&self, number: &QuoteNumber) -> Result<Value, Box<dyn Error>> {
        let Key { partition, sort } = Key::quote(number);
        let get = json!({ "TableName": NAME, "Key": { "pk": { "S": partition }, "sk": { "S": sort } } });
        let got = serde_json::to_value(self.database.get_item(serde_json::from_value(get)?)?)?;
        got.get("Item").cloned().ok_or_else(|| format!("{number} is not in the table").into())
    }
}
