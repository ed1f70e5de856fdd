"""Exports all data of a stack to a folder, in text formats that any program can read.

`quote.jsonl`, `license.jsonl`, `audit.jsonl` and so on have one item per line, by kind. `licenses/` has every licence file that
was issued, and `license-keys.json` has the public keys that verify them."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

from boto3.dynamodb.types import TypeDeserializer
from deployed import Stack

plain = TypeDeserializer().deserialize


def number(value: Decimal) -> int | str:
    """Numbers in the table are integers. Any other number becomes a string, to keep all its digits."""
    return int(value) if value == value.to_integral_value() else str(value)


def read(item: dict) -> dict:
    """An item as a dictionary, with the aggregate in `body` parsed from JSON."""
    attributes = {name: plain(value) for name, value in item.items()}
    if "body" in attributes:
        attributes["body"] = json.loads(attributes["body"])
    return attributes


def license_files(item: dict) -> dict[str, str]:
    """The licence file in force, named by its SEN, and each earlier file, named by SEN and time of issue. Their texts are in the
    attribute `files`, in this order; an item that was stored before that attribute existed has them in its body."""
    entitlement, texts = item["body"], iter(json.loads(item.get("files", "[]")))
    issues = [(entitlement["sen"], entitlement)]
    issues += [(f"{entitlement['sen']}-{issue['issued_at'].replace(':', '')}", issue) for issue in entitlement.get("earlier", [])]
    # Subscriptions and imported entitlements have no file.
    return {name: issue["file"].get("text") or next(texts) for name, issue in issues if issue.get("file")}


def export(stack: Stack, folder: Path) -> Counter:
    counted, files = Counter(), {}
    (folder / "licenses").mkdir()
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["TableName"], ConsistentRead=True)
    try:
        for item in (read(item) for page in pages for item in page["Items"]):
            kind = item.get("kind", "other")
            if kind not in files:
                files[kind] = open(folder / f"{kind}.jsonl", "w", encoding="utf-8")
            files[kind].write(json.dumps(item, ensure_ascii=False, sort_keys=True, default=number) + "\n")
            counted[kind] += 1
            if kind == "license":
                for name, text in license_files(item).items():
                    (folder / "licenses" / f"{name}.lic").write_text(text, encoding="utf-8")
                    counted["licence files"] += 1
    finally:
        for file in files.values():
            file.close()
    # The keys are read last: a key that was published during the scan may have signed a licence that the scan found.
    published = stack.client("dynamodb").query(
        TableName=stack.outputs["TableName"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "KEYS"}},
        ConsistentRead=True,
    )
    keys = [json.loads(item["jwk"]["S"]) for item in published["Items"]]
    (folder / "license-keys.json").write_text(json.dumps({"keys": keys}), encoding="utf-8")
    return counted


def main() -> int:
    parser = argparse.ArgumentParser(prog="infra/aws/export", description="Exports all data of a deployed stack to a folder.")
    parser.add_argument("stack", help="the name of the stack, such as sellthrough")
    parser.add_argument("folder", type=Path, help="a folder that does not exist yet; it will contain people's names and addresses")
    arguments = parser.parse_args()
    # The folder has another name until the export is complete, and only the current user may read it.
    unfinished = arguments.folder.with_name(f"{arguments.folder.name}.unfinished")
    if arguments.folder.exists() or unfinished.exists():
        parser.error(f"{arguments.folder} or {unfinished} exists: name another folder, or remove it")
    unfinished.mkdir(mode=0o700)
    counted = export(Stack(arguments.stack), unfinished)
    unfinished.rename(arguments.folder)
    for what, times in sorted(counted.items()):
        print(f"{times:8} {what}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
