//! The yardstick: what a function on Lambda costs before it has any rules. It parses a JSON body, writes one small item
//! and answers 201, with the same SDK and the same profile as the functions that are held against it, and no logging.

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
    let text = |value: &Value| AttributeValue::S(value.as_str().unwrap_or_default().to_owned());
    let put = client.put_item().table_name(table);
    let put = put.item("pk", AttributeValue::S(format!("BARE#{id}"))).item("sk", AttributeValue::S("BARE".to_owned()));
    put.item("currency", text(&body["currency"])).item("company", text(&body["customer"]["company"])).send().await?;
    let created = json!({ "id": id }).to_string();
    Ok(Response::builder().status(201).header("content-type", "application/json").body(created.into())?)
}
