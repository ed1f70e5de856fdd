"""Gives functions again the records of the stream that were given up.

What a quote is owed is decided from the quote as it is stored, so that this may be done at any time, and twice."""

from __future__ import annotations

import argparse
import json
import sys

from deployed import Stack


def refusal(stack: Stack, batch: dict) -> str | None:
    """Why a batch is not taken; none when it was."""
    answer = stack.client("lambda").invoke(FunctionName=batch["requestContext"]["functionArn"], Payload=batch["payload"].encode())
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
        batch = json.loads(storage.get_object(Bucket=bucket, Key=key)["Body"].read())
        if why := refusal(stack, batch):
            kept += 1
            print(f"{key}: {why}; the function's log says more, and the batch is kept")
        else:
            storage.delete_object(Bucket=bucket, Key=key)
            print(f"{key}: taken")
    print(f"{len(keys) - kept} of {len(keys)} batches were taken")
    return 1 if kept else 0


if __name__ == "__main__":
    sys.exit(main())
