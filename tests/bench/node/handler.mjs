// The yardstick in Node.js: parses a JSON body, writes one small item and answers 201, as `bare` does.
import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";

const client = new DynamoDBClient({});
const text = (value) => ({ S: typeof value === "string" ? value : "" });

export async function handler(event, id) {
  const body = JSON.parse(event.body);
  const Item = {
    pk: { S: `NODE#${id}` },
    sk: { S: "NODE" },
    currency: text(body.currency),
    company: text(body.customer?.company),
  };
  await client.send(new PutItemCommand({ TableName: process.env.TABLE_NAME, Item }));
  return { statusCode: 201, headers: { "content-type": "application/json" }, body: JSON.stringify({ id }) };
}
