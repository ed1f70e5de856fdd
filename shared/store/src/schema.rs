//! Creation of the table in a deployment that has no CloudFormation template.

use std::time::Duration;

use aws_sdk_dynamodb::{
    client::Waiters,
    error::BuildError,
    types::{
        AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex, GlobalSecondaryIndexUpdate,
        KeySchemaElement, KeyType, Projection, ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
        TimeToLiveDescription, TimeToLiveSpecification, TimeToLiveStatus,
    },
    waiters::table_exists::WaitUntilTableExistsError,
};

use crate::{
    Error, Store,
    item::{NEXT_WORK, PENDING_SINCE, REVIEW, REVIEW_DUE},
    keys::{PARTITION, PENDING_INDEX, REVIEWS_INDEX, SORT},
    limits::EXPIRES,
};

/// How long to wait for a new table. AWS needs some seconds to create one.
const PATIENCE: Duration = Duration::from_secs(60);

/// The keys of the table.
const TABLE_KEYS: [(&str, KeyType); 2] = [(PARTITION, KeyType::Hash), (SORT, KeyType::Range)];
/// The indexes, each with its keys: of pending work, and of quotes in review.
const INDEXES: [(&str, [(&str, KeyType); 2]); 2] = [
    (PENDING_INDEX, [(NEXT_WORK, KeyType::Hash), (PENDING_SINCE, KeyType::Range)]),
    (REVIEWS_INDEX, [(REVIEW, KeyType::Hash), (REVIEW_DUE, KeyType::Range)]),
];

impl Store {
    /// Creates the table with its indexes and its stream, unless they exist, and enables Time to Live. Returns when the table is
    /// active.
    ///
    /// # Errors
    ///
    /// DynamoDB failed, or the table is not active after a minute. Retrying is safe.
    pub async fn create_table(&self) -> Result<(), Error> {
        const OPERATION: &str = "CreateTable";
        let keys = elements(TABLE_KEYS).map_err(invalid(OPERATION))?;
        let index = |(name, keys)| {
            let index = GlobalSecondaryIndex::builder().index_name(name).set_key_schema(Some(elements(keys)?));
            index.projection(keys_only()).build()
        };
        let indexes = INDEXES.into_iter().map(index).collect::<Result<Vec<_>, _>>();
        let stream =
            StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages).build();
        let created = self
            .client
            .create_table()
            .table_name(&self.table)
            .billing_mode(BillingMode::PayPerRequest)
            .set_attribute_definitions(Some(
                texts(TABLE_KEYS.into_iter().chain(INDEXES.into_iter().flat_map(|(_, keys)| keys)))
                    .map_err(invalid(OPERATION))?,
            ))
            .set_key_schema(Some(keys))
            .set_global_secondary_indexes(Some(indexes.map_err(invalid(OPERATION))?))
            .stream_specification(stream.map_err(invalid(OPERATION))?)
            .send()
            .await;
        use aws_sdk_dynamodb::operation::create_table::CreateTableError::ResourceInUseException;
        match created {
            Ok(_) => {}
            Err(error) if matches!(error.as_service_error(), Some(ResourceInUseException(_))) => {}
            Err(error) => return Err(Error::of(OPERATION, &error)),
        }
        let usable = self.client.wait_until_table_exists().table_name(&self.table).wait(PATIENCE).await;
        usable.map_err(|error| match error {
            WaitUntilTableExistsError::OperationFailed(failed) => Error::of("DescribeTable", failed.error()),
            _ => Error::Unavailable { operation: OPERATION, reason: "the table is not active after a minute".to_owned() },
        })?;
        let described = self.client.describe_table().table_name(&self.table).send().await;
        let described = described.map_err(|error| Error::of("DescribeTable", &error))?;
        let existing = described.table().map(|table| table.global_secondary_indexes()).unwrap_or_default();
        for (name, keys) in INDEXES {
            if !existing.iter().any(|index| index.index_name() == Some(name)) {
                self.add_index(name, keys).await?;
            }
        }
        self.enable_expiry().await
    }

    /// Adds an index to a table that was created without it.
    async fn add_index(&self, name: &str, keys: [(&'static str, KeyType); 2]) -> Result<(), Error> {
        const OPERATION: &str = "UpdateTable";
        let create = CreateGlobalSecondaryIndexAction::builder()
            .index_name(name)
            .set_key_schema(Some(elements(keys.clone()).map_err(invalid(OPERATION))?))
            .projection(keys_only())
            .build();
        let update = GlobalSecondaryIndexUpdate::builder().create(create.map_err(invalid(OPERATION))?).build();
        let update = self
            .client
            .update_table()
            .table_name(&self.table)
            .set_attribute_definitions(Some(texts(TABLE_KEYS.into_iter().chain(keys)).map_err(invalid(OPERATION))?))
            .global_secondary_index_updates(update);
        update.send().await.map(drop).map_err(|error| Error::of(OPERATION, &error))
    }

    /// Enables Time to Live. DynamoDB refuses to enable it twice, so the state is read first.
    async fn enable_expiry(&self) -> Result<(), Error> {
        const OPERATION: &str = "UpdateTimeToLive";
        let described = self.client.describe_time_to_live().table_name(&self.table).send().await;
        let described = described.map_err(|error| Error::of("DescribeTimeToLive", &error))?;
        let status = described.time_to_live_description().and_then(TimeToLiveDescription::time_to_live_status);
        if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
            return Ok(());
        }
        let enabled = TimeToLiveSpecification::builder().enabled(true).attribute_name(EXPIRES).build();
        let enabled = enabled.map_err(invalid(OPERATION))?;
        let update = self.client.update_time_to_live().table_name(&self.table).time_to_live_specification(enabled);
        update.send().await.map(drop).map_err(|error| Error::of(OPERATION, &error))
    }
}

/// The definitions of key attributes, which all have the type string.
fn texts(keys: impl IntoIterator<Item = (&'static str, KeyType)>) -> Result<Vec<AttributeDefinition>, BuildError> {
    let text = |(name, _)| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
    keys.into_iter().map(text).collect()
}

fn elements(keys: [(&'static str, KeyType); 2]) -> Result<Vec<KeySchemaElement>, BuildError> {
    keys.into_iter().map(|(name, role)| KeySchemaElement::builder().attribute_name(name).key_type(role).build()).collect()
}

fn keys_only() -> Projection {
    Projection::builder().projection_type(ProjectionType::KeysOnly).build()
}

fn invalid(operation: &'static str) -> impl Fn(BuildError) -> Error {
    move |error| Error::Unavailable { operation, reason: error.to_string() }
}
