"""Invokes functions again with the stream records, and with the messages of SES, that were given up.

Pending work is decided from the current state of the quote, and letters by what was already sent. So a replay is safe to repeat,
and no letter requests payment for a quote that has been paid or revised."""

from __future__ import annotations

import argparse
import json
import sys

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from deployed import Stack


def as_it_stands(stack: Stack, record: dict) -> dict:
    """A stream record with the item's current state."""
    change = record["dynamodb"]
    found = stack.client("dynamodb").get_item(
        TableName=stack.outputs["TableName"], Key=change["Keys"], ConsistentRead=True
    )
    return {**record, "dynamodb": {**change, "NewImage": found["Item"]}} if "Item" in found else record


def refusal(stack: Stack, batch: dict) -> str | None:
    """Why a batch failed; `None` if it succeeded."""
    function = batch["requestContext"]["functionArn"]
    if function.split(":function:")[-1].split(":")[0] not in {each.id for each in stack.of_type("AWS::Lambda::Function")}:
        return f"{function} is not a function of this stack"
    # A message of the topic, which Lambda has given up after its retries, is stored as it was.
    if "requestPayload" in batch:
        records = batch["requestPayload"]["Records"]
    else:
        records = [as_it_stands(stack, record) for record in json.loads(batch["payload"])["Records"]]
    # Exactly one attempt with a long timeout: a retry while the function still runs would send letters twice.
    once = Config(read_timeout=900, retries={"total_max_attempts": 1})
    functions = stack.session.client("lambda", config=once)
    answer = functions.invoke(FunctionName=function, Payload=json.dumps({"Records": records}).encode())
    response = json.loads(answer["Payload"].read() or b"{}") or {}
    if "FunctionError" in answer:
        return f"the function failed with {response.get('errorType', answer['FunctionError'])}; its log has the reason"
    failed = len(response.get("batchItemFailures", []))
    return f"{failed} of its records failed; the function's log has the reason" if failed else None


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="infra/aws/replay", description="Invokes the functions again with the records that were given up."
    )
    parser.add_argument("stack", help="the name of the stack, such as sellthrough")
    stack = Stack(parser.parse_args().stack)
    bucket, storage = stack.outputs["FailuresBucket"], stack.client("s3")
    pages = storage.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    kept = 0
    for key in sorted(keys):
        try:
            why = refusal(stack, json.loads(storage.get_object(Bucket=bucket, Key=key)["Body"].read()))
        except (BotoCoreError, ClientError, KeyError, ValueError) as error:
            why = f"{type(error).__name__}: {error}"
        if why:
            kept += 1
            print(f"{key}: {why}; the batch is kept")
        else:
            storage.delete_object(Bucket=bucket, Key=key)
            print(f"{key}: replayed")
    print(f"{len(keys) - kept} of {len(keys)} batches were replayed")
    return 1 if kept else 0


if __name__ == "__main__":
    sys.exit(main())
