// The yardstick in Node.js: parses a JSON body, keeps it as one item that waits in the table's index, and answers 201, as
// `bare` does.
import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";

const client = new DynamoDBClient({});
const text = (value) => ({ S: typeof value === "string" ? value : "" });

export async function handler(event, id) {
  const body = JSON.parse(event.body);
  const Item = {
    pk: { S: `NODE#${id}` },
    sk: { S: "NODE" },
    owed: { S: "letters" },
    owed_since: { S: "2026-11-22T10:00:00Z" },
    currency: text(body.currency),
    body: { S: JSON.stringify(body) },
  };
  await client.send(new PutItemCommand({ TableName: process.env.TABLE_NAME, Item }));
  return { statusCode: 201, headers: { "content-type": "application/json" }, body: JSON.stringify({ id }) };
}
