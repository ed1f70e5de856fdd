//! The table, as DynamoDB is told to make it. On AWS the template says the same; a journey checks that both agree.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification, StreamViewType,
};

use crate::{
    Error, Store,
    keys::{PARTITION, SORT},
};

impl Store {
    /// Makes the table with its stream, unless it is there.
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
            Ok(_) => Ok(()),
            Err(error) if matches!(error.as_service_error(), Some(ResourceInUseException(_))) => Ok(()),
            Err(error) => Err(Error::of(OPERATION, &error)),
        }
    }
}
