"""The yardstick in Python: parses a JSON body, writes one small item and answers 201, as `bare` does."""

import json
import os

import boto3

client = boto3.client("dynamodb")
table = os.environ["TABLE_NAME"]


def text(value):
    return {"S": value if isinstance(value, str) else ""}


def handler(event, context):
    body = json.loads(event["body"])
    customer = body.get("customer") or {}
    item = {
        "pk": {"S": f"PYTHON#{context.aws_request_id}"},
        "sk": {"S": "PYTHON"},
        "currency": text(body.get("currency")),
        "company": text(customer.get("company")),
    }
    client.put_item(TableName=table, Item=item)
    answer = {"id": context.aws_request_id}
    return {"statusCode": 201, "headers": {"content-type": "application/json"}, "body": json.dumps(answer)}
