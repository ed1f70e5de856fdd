"""Gives functions again the records of the stream that were given up.

What a quote is owed is decided from the quote as it stands now, and what letters it is sent by what was sent, so that this may
be done twice, and no letter asks for what has been paid or revised since."""

from __future__ import annotations

import argparse
import json
import sys

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from deployed import Stack


def as_it_stands(stack: Stack, record: dict) -> dict:
    """A record of the stream, with the item as the table has it now."""
    change = record["dynamodb"]
    found = stack.client("dynamodb").get_item(
        TableName=stack.outputs["TableName"], Key=change["Keys"], ConsistentRead=True
    )
    return {**record, "dynamodb": {**change, "NewImage": found["Item"]}} if "Item" in found else record


def refusal(stack: Stack, batch: dict) -> str | None:
    """Why a batch is not taken; none when it was."""
    function = batch["requestContext"]["functionArn"]
    if function.split(":function:")[-1].split(":")[0] not in {each.id for each in stack.of_type("AWS::Lambda::Function")}:
        return f"{function} is none of the stack's functions"
    records = [as_it_stands(stack, record) for record in json.loads(batch["payload"])["Records"]]
    # Asked once, and waited for: asked again while it still runs, it would send letters twice.
    patient = Config(read_timeout=900, retries={"total_max_attempts": 1})
    functions = stack.session.client("lambda", config=patient)
    answer = functions.invoke(FunctionName=function, Payload=json.dumps({"Records": records}).encode())
    said = json.loads(answer["Payload"].read() or b"{}") or {}
    if "FunctionError" in answer:
        return f"the function ended with {said.get('errorType', answer['FunctionError'])}, and its log says why"
    failed = len(said.get("batchItemFailures", []))
    return f"{failed} of its records failed, and the function's log says why" if failed else None


def main() -> int:
    parser = argparse.ArgumentParser(prog="infra/aws/replay", description="Gives the functions again what was given up.")
    parser.add_argument("stack", help="its name, such as sellthrough")
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
            print(f"{key}: taken")
    print(f"{len(keys) - kept} of {len(keys)} batches were taken")
    return 1 if kept else 0


if __name__ == "__main__":
    sys.exit(main())
