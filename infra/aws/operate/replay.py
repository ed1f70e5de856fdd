"""Gives functions again the records of the stream that were given up.

What a quote is owed is decided from the quote as it is stored, and what letters it is sent by what was sent, so that this may be
done twice. A letter that comes so late tells how the quote stood when its record was made."""

from __future__ import annotations

import argparse
import json
import sys

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from deployed import Stack


def refusal(stack: Stack, batch: dict) -> str | None:
    """Why a batch is not taken; none when it was."""
    # Asked once, and waited for: asked again while it still runs, it would send letters twice.
    patient = Config(read_timeout=900, retries={"total_max_attempts": 1})
    functions = stack.session.client("lambda", config=patient)
    answer = functions.invoke(FunctionName=batch["requestContext"]["functionArn"], Payload=batch["payload"].encode())
    said = json.loads(answer["Payload"].read() or b"{}") or {}
    if "FunctionError" in answer:
        return f"the function ended with {said.get('errorType', answer['FunctionError'])}"
    failed = len(said.get("batchItemFailures", []))
    return f"{failed} of its records failed" if failed else None


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
            print(f"{key}: {why}; the function's log says more, and the batch is kept")
        else:
            storage.delete_object(Bucket=bucket, Key=key)
            print(f"{key}: taken")
    print(f"{len(keys) - kept} of {len(keys)} batches were taken")
    return 1 if kept else 0


if __name__ == "__main__":
    sys.exit(main())
