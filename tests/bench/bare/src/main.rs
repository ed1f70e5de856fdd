//! The yardstick: what a function on Lambda costs before it has any rules. It parses a JSON body, keeps it as one item that
//! waits in the table's index, as a new quote does, and answers 201, with the same SDK and the same profile as the functions
//! that are held against it, and no logging.

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use lambda_http::{Body, Error, Request, RequestExt, Response, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::disallowed_methods, reason = "the yardstick shares nothing with the functions, their configuration least of all")]
async fn main() -> Result<(), Error> {
    let client = Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    let table = std::env::var("TABLE_NAME")?;
    lambda_http::run(service_fn(|request| put(&client, &table, request))).await
}

async fn put(client: &Client, table: &str, request: Request) -> Result<Response<Body>, Error> {
    let body: Value = serde_json::from_slice(request.body())?;
    let id = request.lambda_context().request_id;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = client.put_item().table_name(table).item("pk", text(&format!("BARE#{id}"))).item("sk", text("BARE"));
    let put = put.item("owed", text("letters")).item("owed_since", text("2026-11-22T10:00:00Z"));
    put.item("currency", text(body["currency"].as_str().unwrap_or_default()))
        .item("body", text(&body.to_string()))
        .send()
        .await?;
    let created = json!({ "id": id }).to_string();
    Ok(Response::builder().status(201).header("content-type", "application/json").body(created.into())?)
}
