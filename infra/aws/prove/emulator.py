"""Starts ministack with corrections, so that it checks permissions like AWS where it is more lenient or stricter:

* `dynamodb:LeadingKeys` is evaluated, for each part of a transaction by itself;
* `dynamodb:Attributes` and `dynamodb:Select` are evaluated for a batch of reads;
* `kms:SigningAlgorithm`, `kms:MessageType` and `ses:FromAddress` are evaluated;
* raw mail is checked against the identity of its sender's domain and against its configuration set, not against `*`;
* `aws:PrincipalArn` of a role's session is the role's ARN, not the session's;
* `aws:SecureTransport` is true: requests that are plain HTTP on one machine use TLS on AWS;
* `aws:SourceAccount` is this account, for which its services assume roles;
* reading one event source mapping is `lambda:GetEventSourceMapping`, and not `lambda:ListEventSourceMappings`.

Every request of every role is recorded, so that unused permissions are found."""

import base64
import email
import email.utils
import json
import os
import urllib.parse

import ministack.core.iam_actions as actions
import ministack.core.iam_evaluator as evaluator
from ministack.app import main


class KeyedArn(str):
    """A table's ARN, with the partition keys that one part of a transaction touches."""

    partitions: list[str]


class ArnWithContext(str):
    """The resource of a request, with the values of the service's condition keys."""

    context: dict[str, str]
    second: str | None = None
    """Another resource of the same request, which the role must be allowed as well."""


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


def sender(body: bytes) -> tuple[str | None, str | None]:
    """The sender's address of a raw message and its configuration set; `None` for any other request."""
    form = urllib.parse.parse_qs(body.decode(errors="replace"))
    if form.get("Action") != ["SendRawEmail"]:
        return None, None
    message = email.message_from_bytes(base64.b64decode(form["RawMessage.Data"][0]))
    return email.utils.parseaddr(message["From"])[1], form.get("ConfigurationSetName", [None])[0]


resource_of = actions.extract_resource_arn
context_of = actions.dynamodb_service_context
checks_of = actions.dynamodb_transaction_checks
enforce = evaluator.enforce
condition_key = evaluator._resolve_condition_key
lambda_action = actions._lambda_action
record = open(os.environ["PROVE_RECORD"], "a", buffering=1)


def projected(reads) -> dict:
    """The condition keys about the attributes of a batch of reads."""
    names = [
        read.get("ExpressionAttributeNames", {}).get(name.strip(), name.strip())
        for read in reads
        for name in read.get("ProjectionExpression", "").split(",")
    ]
    if "" in names:
        return {"dynamodb:Select": "ALL_ATTRIBUTES"}
    return {"dynamodb:Select": "SPECIFIC_ATTRIBUTES", "dynamodb:Attributes": names}


def with_leading_keys(body: bytes) -> dict:
    context = context_of(body)
    if tables := read(body).get("RequestItems"):
        context |= projected(tables.values())
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
    if second := getattr(resource_arn, "second", None):
        other = ArnWithContext(second)
        other.context = resource_arn.context
        if answer := noted(access_key, action, service, region, other, service_context):
            return answer
    context = dict(service_context or {})
    if isinstance(resource_arn, KeyedArn):
        context["dynamodb:LeadingKeys"] = resource_arn.partitions
    if isinstance(resource_arn, ArnWithContext):
        context |= resource_arn.context
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


def with_identity(service, method, path, headers, body, query, region, account):
    address, settings = sender(body) if service == "ses" else (None, None)
    if address:
        arn = ArnWithContext(f"arn:aws:ses:{region}:{account}:identity/{address.rpartition('@')[2]}")
        arn.context = {"ses:FromAddress": address}
        arn.second = settings and f"arn:aws:ses:{region}:{account}:configuration-set/{settings}"
        return arn
    arn = resource_of(service, method, path, headers, body, query, region, account)
    if service == "kms":
        asked = read(body)
        arn = ArnWithContext(arn)
        arn.context = {f"kms:{name}": asked[name] for name in ("SigningAlgorithm", "MessageType") if name in asked}
    return arn


def with_one_mapping(method: str, path: str) -> str | None:
    if method == "GET" and "/event-source-mappings/" in path and not path.endswith("/"):
        return "GetEventSourceMapping"
    return lambda_action(method, path)


def as_on_aws(key: str, context):
    if key.lower() == "aws:securetransport":
        return "true"
    value = condition_key(key, context)
    if key.lower() == "aws:sourceaccount" and not value:
        return "000000000000"
    if key.lower() == "aws:principalarn" and ":assumed-role/" in value:
        account, role = value.split(":")[4], value.split("/")[1]
        return f"arn:aws:iam::{account}:role/{role}"
    return value


evaluator._resolve_condition_key = as_on_aws
actions._lambda_action = with_one_mapping
actions.extract_resource_arn = with_identity
actions.dynamodb_service_context = with_leading_keys
actions.dynamodb_transaction_checks = with_keyed_parts
evaluator.enforce = noted
main()
