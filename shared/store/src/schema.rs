//! The table, as DynamoDB is told to make it where no template does.

use std::time::Duration;

use aws_sdk_dynamodb::{
    client::Waiters,
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification, StreamViewType,
        TimeToLiveDescription, TimeToLiveSpecification, TimeToLiveStatus,
    },
};

use crate::{
    Error, Store,
    keys::{PARTITION, SORT},
    limits::EXPIRES,
};

/// AWS takes some seconds to make a table.
const PATIENCE: Duration = Duration::from_secs(60);

impl Store {
    /// Makes the table with its stream, unless it is there, waits until it can be used, and lets what expires expire.
    pub async fn create_table(&self) -> Result<(), Error> {
        const OPERATION: &str = "CreateTable";
        let invalid =
            |error: aws_sdk_dynamodb::error::BuildError| Error::Unavailable { operation: OPERATION, reason: error.to_string() };
        let mut create = self.client.create_table().table_name(&self.table).billing_mode(BillingMode::PayPerRequest);
        for (name, role) in [(PARTITION, KeyType::Hash), (SORT, KeyType::Range)] {
            let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
            let element = KeySchemaElement::builder().attribute_name(name).key_type(role).build();
            create = create.attribute_definitions(attribute.map_err(invalid)?).key_schema(element.map_err(invalid)?);
        }
        let stream =
            StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages).build();
        let created = create.stream_specification(stream.map_err(invalid)?).send().await;
        use aws_sdk_dynamodb::operation::create_table::CreateTableError::ResourceInUseException;
        match created {
            Ok(_) => {}
            Err(error) if matches!(error.as_service_error(), Some(ResourceInUseException(_))) => {}
            Err(error) => return Err(Error::of(OPERATION, &error)),
        }
        let usable = self.client.wait_until_table_exists().table_name(&self.table).wait(PATIENCE).await;
        usable.map_err(|_| Error::Unavailable { operation: OPERATION, reason: "the table is still not active".to_owned() })?;
        self.let_expire().await
    }

    /// DynamoDB refuses to be told twice, so it is asked first.
    async fn let_expire(&self) -> Result<(), Error> {
        const OPERATION: &str = "UpdateTimeToLive";
        let told = self.client.describe_time_to_live().table_name(&self.table).send().await;
        let told = told.map_err(|error| Error::of("DescribeTimeToLive", &error))?;
        let status = told.time_to_live_description().and_then(TimeToLiveDescription::time_to_live_status);
        if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
            return Ok(());
        }
        let wish = TimeToLiveSpecification::builder().enabled(true).attribute_name(EXPIRES).build();
        let wish = wish.map_err(|error| Error::Unavailable { operation: OPERATION, reason: error.to_string() })?;
        let update = self.client.update_time_to_live().table_name(&self.table).time_to_live_specification(wish);
        update.send().await.map(drop).map_err(|error| Error::of(OPERATION, &error))
    }
}
