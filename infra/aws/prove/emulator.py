"""Starts ministack with two additions: it evaluates `dynamodb:LeadingKeys`, which it otherwise leaves out, and it notes what
every role asked for, so that permissions which nobody needs are found."""

import json
import os

import ministack.core.iam_actions as actions
import ministack.core.iam_evaluator as evaluator
from ministack.app import main


class KeyedArn(str):
    """A table's ARN, with the partition keys that one part of a transaction touches."""

    partitions: list[str]


def partitions(request: dict) -> list[str]:
    """The partition keys that a request names."""
    if "RequestItems" in request:
        tables = request["RequestItems"].values()
        return [key["pk"]["S"] for table in tables for key in table.get("Keys", [])]
    if "KeyConditionExpression" in request:
        return [request["ExpressionAttributeValues"][":pk"]["S"]]
    item = request.get("Item") or request.get("Key")
    return [item["pk"]["S"]] if item else []


def read(body: bytes) -> dict:
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}


context_of = actions.dynamodb_service_context
checks_of = actions.dynamodb_transaction_checks
enforce = evaluator.enforce
record = open(os.environ["PROVE_RECORD"], "a", buffering=1)


def with_leading_keys(body: bytes) -> dict:
    context = context_of(body)
    if keys := partitions(read(body)):
        context["dynamodb:LeadingKeys"] = keys
    return context


def with_keyed_parts(action: str, body: bytes, region: str, account: str) -> list:
    checks = checks_of(action, body, region, account)
    parts = [part for item in read(body).get("TransactItems", []) for part in item.values()] if checks else []
    keyed = []
    for (part_action, arn), part in zip(checks, parts, strict=True):
        arn = KeyedArn(arn)
        arn.partitions = partitions(part)
        keyed.append((part_action, arn))
    return keyed


def noted(access_key, action, service, region, resource_arn="*", service_context=None):
    context = dict(service_context or {})
    if isinstance(resource_arn, KeyedArn):
        context["dynamodb:LeadingKeys"] = resource_arn.partitions
    answer = enforce(access_key, action, service, region, resource_arn=resource_arn, service_context=context)
    from ministack.core.responses import get_account_id

    principal = evaluator.resolve_principal(access_key or "", get_account_id(), None)
    line = {
        "principal": getattr(principal, "arn", None),
        "action": action,
        "resource": resource_arn,
        "keys": context.get("dynamodb:LeadingKeys", []),
        "allowed": answer is None,
    }
    record.write(json.dumps(line) + "\n")
    return answer


actions.dynamodb_service_context = with_leading_keys
actions.dynamodb_transaction_checks = with_keyed_parts
evaluator.enforce = noted
main()
