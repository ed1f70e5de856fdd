"""Checks a deployed stack from outside and reports everything that is wrong or incomplete. It changes nothing.

The expected values come from the stack's own template, so that they are those of the deployed version. Each finding says what
is wrong, where, and what to do. No finding contains a secret, because findings may be forwarded to support."""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import shlex
import socket
import sys
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from deployed import Resource, Stack


@dataclass(frozen=True)
class Finding:
    where: str
    what: str
    do: str
    """A sentence, a command, or a command in each line."""


Findings = Iterator[Finding]


# ── The stack ───────────────────────────────────────────────────────────────────────────────────────────────────────


def stack_is_whole(stack: Stack) -> Findings:
    status = stack.description["StackStatus"]
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
        yield Finding(
            stack.name,
            f"is in {status}: the last deployment failed or is still running",
            f"aws cloudformation describe-stack-events --stack-name {stack.name} "
            "--query \"StackEvents[?contains(ResourceStatus, 'FAILED')].[LogicalResourceId, ResourceStatusReason]\"",
        )
    if stack.description.get("DriftInformation", {}).get("StackDriftStatus") == "DRIFTED":
        yield Finding(stack.name, "was changed by hand after its deployment, according to CloudFormation's last drift check", as_deployed(stack))
    for resource in stack.resources.values():
        if not resource.status.endswith("_COMPLETE") or resource.status.startswith(("DELETE", "ROLLBACK")):
            yield Finding(resource.name, f"is in {resource.status}", "deploy again; the stack's events show what failed")


def as_deployed(stack: Stack) -> str:
    """The commands that restore everything to the state of the template."""
    same = " ".join(f"ParameterKey={name},UsePreviousValue=true" for name in stack.parameters)
    at = f"--stack-name {stack.name} --change-set-name as-deployed"
    return (
        f"aws cloudformation create-change-set {at} --deployment-mode REVERT_DRIFT --use-previous-template "
        f"--capabilities CAPABILITY_IAM --parameters {same}\n"
        f"aws cloudformation wait change-set-create-complete {at}\n"
        f"aws cloudformation execute-change-set {at}"
    )


# ── Functions and their event sources ───────────────────────────────────────────────────────────────────────────────


def configuration(stack: Stack, function: Resource) -> dict:
    return stack.client("lambda").get_function_configuration(FunctionName=function.id)


def log_of(stack: Stack, function: Resource) -> str:
    """The command that shows the log of a function."""
    group = stack.value(function.properties.get("LoggingConfig", {}).get("LogGroup")) or f"/aws/lambda/{function.id}"
    return f"aws logs tail {group} --since 1h"


def function(stack: Stack, function: Resource) -> Findings:
    found = configuration(stack, function)
    if found.get("State", "Active") != "Active":
        yield Finding(function.name, f"is {found['State']}: {found.get('StateReason', 'no reason is given')}", as_deployed(stack))
    if found.get("LastUpdateStatus", "Successful") != "Successful":
        reason = found.get("LastUpdateStatusReason") or "no reason is given"
        yield Finding(
            function.name,
            f"was not updated ({found['LastUpdateStatus']}: {reason})",
            "run the doctor again in a minute; if this remains, deploy again",
        )
    built_for = [stack.value(each) for each in function.properties.get("Architectures", ["x86_64"])]
    if found["Architectures"] != built_for:
        yield Finding(
            function.name,
            f"runs on {' '.join(found['Architectures'])}, but was deployed for {' '.join(map(str, built_for))}",
            "deploy again; set the parameter Architecture to the architecture that the packages were built for",
        )
    wanted = function.properties.get("Environment", {}).get("Variables", {})
    variables = found.get("Environment", {}).get("Variables", {})
    if missing := sorted(wanted.keys() - variables.keys()):
        yield Finding(function.name, f"lacks variables of its environment: {', '.join(missing)}", as_deployed(stack))
    # A value that only CloudFormation can compute is not compared.
    expected = {name: stack.value(value) for name, value in wanted.items()}
    changed = [name for name in sorted(variables.keys() & wanted.keys()) if expected[name] not in (None, variables[name])]
    if changed:
        yield Finding(function.name, f"has values that differ from the deployment: {', '.join(changed)}", as_deployed(stack))


def event_source(stack: Stack, mapping: Resource) -> Findings:
    found = stack.client("lambda").get_event_source_mapping(UUID=mapping.id)
    update = f"aws lambda update-event-source-mapping --uuid {mapping.id}"
    consumer = stack.resources[mapping.properties["FunctionName"]["Ref"]]
    if found["State"] not in ("Enabled", "Enabling"):
        yield Finding(mapping.name, f"is {found['State']}: {consumer.name} receives no changes", f"{update} --enabled")
    result = found.get("LastProcessingResult") or "No records processed"
    if not result.startswith(("OK", "No records processed")):
        yield Finding(mapping.name, f"{consumer.name} fails on the records that it receives ({result})", log_of(stack, consumer))
    patterns = [pattern["Pattern"] for pattern in mapping.properties.get("FilterCriteria", {}).get("Filters", [])]
    if sorted(each["Pattern"] for each in found.get("FilterCriteria", {}).get("Filters", [])) != sorted(patterns):
        criteria = json.dumps({"Filters": [{"Pattern": pattern} for pattern in patterns]})
        yield Finding(
            mapping.name,
            f"{consumer.name} receives other changes than deployed: its filters differ",
            f"{update} --filter-criteria {shlex.quote(criteria)}",
        )
    options = ("BisectBatchOnFunctionError", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "FunctionResponseTypes")
    if changed := [name for name in options if found.get(name) != stack.value(mapping.properties.get(name))]:
        yield Finding(mapping.name, f"has values that differ from the deployment: {', '.join(changed)}", as_deployed(stack))
    if not found.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"):
        yield Finding(mapping.name, "has no destination for records that are given up: such a change is lost", as_deployed(stack))
    for table in stack.of_type("AWS::DynamoDB::Table"):
        stream = stack.client("dynamodb").describe_table(TableName=table.id)["Table"].get("LatestStreamArn")
        if stream and found["EventSourceArn"] != stream:
            yield Finding(mapping.name, f"reads a stream that {table.name} no longer writes to", as_deployed(stack))


def schedule(stack: Stack, schedule: Resource) -> Findings:
    state = stack.client("scheduler").get_schedule(Name=schedule.id.rpartition("/")[2])["State"]
    if state != "ENABLED":
        yield Finding(schedule.name, "is disabled: its function is not invoked", as_deployed(stack))


def log_group(stack: Stack, group: Resource) -> Findings:
    found = stack.client("logs").describe_log_groups(logGroupNamePrefix=group.id)["logGroups"]
    days = stack.value(group.properties.get("RetentionInDays"))
    retain = f"aws logs put-retention-policy --log-group-name {group.id} --retention-in-days {days}"
    match [each for each in found if each["logGroupName"] == group.id]:
        case []:
            create = f"aws logs create-log-group --log-group-name {group.id}"
            yield Finding(group.name, "does not exist: log lines are lost", f"{create}\n{retain}")
        case [present] if days is not None and str(present.get("retentionInDays")) != str(days):
            kept = f"for {present['retentionInDays']} days" if "retentionInDays" in present else "indefinitely"
            yield Finding(group.name, f"is kept {kept} instead of {days} days", retain)


# ── Stored data ─────────────────────────────────────────────────────────────────────────────────────────────────────


def table(stack: Stack, table: Resource) -> Findings:
    tables = stack.client("dynamodb")
    found = tables.describe_table(TableName=table.id)["Table"]
    update = f"aws dynamodb update-table --table-name {table.id}"
    if found["TableStatus"] != "ACTIVE":
        yield Finding(table.name, f"is {found['TableStatus']}", "run the doctor again in a minute")
    stream = found.get("StreamSpecification", {})
    if not stream.get("StreamEnabled") or stream.get("StreamViewType") != "NEW_AND_OLD_IMAGES":
        yield Finding(
            table.name,
            "has no stream of old and new images: no licence is issued and no letter is sent",
            # The mappings read the old stream. Only a deployment connects them to the new one.
            f"{update} --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES\n{as_deployed(stack)}",
        )
    if not found.get("DeletionProtectionEnabled"):
        yield Finding(table.name, "has no deletion protection", f"{update} --deletion-protection-enabled")
    indexes = {index["IndexName"]: index.get("IndexStatus", "ACTIVE") for index in found.get("GlobalSecondaryIndexes", [])}
    for wanted in table.properties.get("GlobalSecondaryIndexes", []):
        status = indexes.get(wanted["IndexName"], "missing")
        if status != "ACTIVE":
            yield Finding(
                table.name,
                f"its index {wanted['IndexName']} is {status}",
                "run the doctor again in a minute; if this remains, deploy again",
            )
    attribute = table.properties.get("TimeToLiveSpecification", {}).get("AttributeName")
    lifetime = tables.describe_time_to_live(TableName=table.id)["TimeToLiveDescription"]
    if attribute and (lifetime["TimeToLiveStatus"] not in ("ENABLED", "ENABLING") or lifetime["AttributeName"] != attribute):
        yield Finding(
            table.name,
            f"does not delete expired items: its TTL on the attribute {attribute} is not enabled",
            f"aws dynamodb update-time-to-live --table-name {table.id} "
            f"--time-to-live-specification Enabled=true,AttributeName={attribute}",
        )
    backups = tables.describe_continuous_backups(TableName=table.id)["ContinuousBackupsDescription"]
    if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
        yield Finding(
            table.name,
            "has no point-in-time recovery: it cannot be restored or exported",
            f"aws dynamodb update-continuous-backups --table-name {table.id} "
            "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true",
        )


def failures(stack: Stack, bucket: Resource) -> Findings:
    pages = stack.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket.id)
    given_up = [each for page in pages for each in page.get("Contents", [])]
    if given_up:
        since = min(each["LastModified"] for each in given_up)
        yield Finding(
            bucket.name,
            f"has {len(given_up)} given-up batches of records since {since:%Y-%m-%d %H:%M} UTC",
            f"find the cause in the logs of Issuance, Notifications and Feedback and remove it; then\ninfra/aws/replay {stack.name}",
        )


# ── Keys and secrets ────────────────────────────────────────────────────────────────────────────────────────────────


def signing_key(stack: Stack, key: Resource) -> Findings:
    keys = stack.client("kms")
    found = keys.describe_key(KeyId=key.id)["KeyMetadata"]
    if found["KeyState"] == "PendingDeletion":
        when = f"{found['DeletionDate']:%Y-%m-%d}" if "DeletionDate" in found else "soon"
        cancel = f"aws kms cancel-key-deletion --key-id {key.id}\naws kms enable-key --key-id {key.id}"
        yield Finding(key.name, f"cannot sign and will be deleted permanently: {when}", cancel)
    elif found["KeyState"] != "Enabled":
        yield Finding(key.name, f"is {found['KeyState']}: no licence can be signed", f"aws kms enable-key --key-id {key.id}")
    if found["KeySpec"] != "ECC_NIST_EDWARDS25519":
        yield Finding(
            key.name, f"is of {found['KeySpec']}, which cannot sign licence files", "deploy this repository's template"
        )
        return
    # The last 32 bytes of an Ed25519 key's description (RFC 8410) are the key.
    public = keys.get_public_key(KeyId=key.id)["PublicKey"][-32:]
    answer = ask("GET", f"{stack.outputs['Url']}/.well-known/license-keys.json")
    if answer.status != 200:
        return  # `answers` reports it
    if base64.urlsafe_b64encode(public).rstrip(b"=").decode() not in {each.get("x") for each in answer.json().get("keys", [])}:
        starts = stack.resources["Issuance"].id
        yield Finding(
            key.name,
            "is not among the published keys: its licences cannot be verified",
            # Issuance publishes the key when it starts. Without these commands it starts when the first quote is paid.
            f'aws lambda update-function-configuration --function-name {starts} --description "started, $(date -u +%FT%TZ)"\n'
            f"aws lambda wait function-updated --function-name {starts}\n"
            f"aws lambda invoke --function-name {starts} --payload fileb://<(echo '{{\"Records\": []}}') /dev/stdout",
        )


def is_blank_or_padded(secret: str) -> str | None:
    if not secret.strip():
        return "is empty"
    return None if secret == secret.strip() else "begins or ends with white space"


def is_signing_secret(secret: str) -> str | None:
    no_payment = "is not a Stripe signing secret (whsec_…): no webhook verifies, and no payment is recorded"
    return None if secret.startswith("whsec_") else no_payment


def are_link_keys(secret: str) -> str | None:
    """Follows `LinkKeys::parse`."""
    ids = set()
    for place, pair in enumerate(secret.split(","), 1):
        id, colon, key = pair.strip().partition(":")
        if not colon or not (id.isascii() and id.isalnum()):
            return f"its key {place} is not written as id:secret, with an id of letters and digits"
        if id in ids:
            return f"its key {place} has the same id as an earlier key"
        if len(key) < 16:
            return f"its key {place} has a secret of fewer than 16 characters"
        ids.add(id)


# For the variable that a function reads a secret from: what is wrong with the secret, or `None`.
JUDGES: dict[str, Callable[[str], str | None]] = {"STRIPE_WEBHOOK_SECRET": is_signing_secret, "LINK_KEYS": are_link_keys}
REMEDIES = {
    "STRIPE_WEBHOOK_SECRET": "register {StripeWebhook} at Stripe, and store the signing secret of that endpoint:",
    "LINK_KEYS": "store valid keys: the current key first, the earlier keys unchanged:",
    "NUMBER_KEY": "store the number key used so far, because repeated requests find their quotes by it:",
}


def secrets(stack: Stack) -> Findings:
    """Checks each secret that a function's environment refers to, once per variable."""
    readers = defaultdict(list)
    for function in stack.of_type("AWS::Lambda::Function"):
        found = configuration(stack, function)
        written = function.properties.get("Environment", {}).get("Variables", {})
        for variable, arn in found.get("Environment", {}).get("Variables", {}).items():
            if variable.endswith("_FROM"):
                name = written.get(variable, {}).get("Fn::GetAtt", [arn])[0]
                readers[name, variable.removesuffix("_FROM"), arn].append(
                    (function, datetime.fromisoformat(found["LastModified"]))
                )
    for (name, variable, arn), functions in readers.items():
        yield from tried(name, secret(stack, name, variable, arn, functions))


def secret(stack: Stack, name: str, variable: str, arn: str, functions: list[tuple[Resource, datetime]]) -> Findings:
    kept = stack.client("secretsmanager").get_secret_value(SecretId=arn)
    text = kept.get("SecretString", "")
    update = "aws lambda update-function-configuration --function-name"
    restart = "\n".join(f'{update} {function.id} --description "new secret, $(date -u +%FT%TZ)"' for function, _ in functions)
    if wrong := is_blank_or_padded(text) or JUDGES.get(variable, lambda _: None)(text):
        put = f"aws secretsmanager put-secret-value --secret-id {arn} --secret-string SECRET"
        say = REMEDIES.get(variable, "store another secret:").format(**stack.outputs)
        yield Finding(name, wrong, f"{say}\n{put}\n{restart}")
    # A function reads its secrets when an instance starts. A change of its configuration starts new instances.
    elif before := [function.name for function, changed in functions if changed < kept["CreatedDate"]]:
        yield Finding(name, f"is newer than the last change of {', '.join(before)}, which may still use the previous secret", restart)


# ── Mail ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def sender(stack: Stack, identity: Resource) -> Findings:
    found = stack.client("sesv2").get_email_identity(EmailIdentity=identity.id)
    signing = found.get("DkimAttributes", {})
    if not found["VerifiedForSendingStatus"] or signing.get("Status") != "SUCCESS" or not signing.get("SigningEnabled"):
        problem = "is not verified: no letter is sent" if not found["VerifiedForSendingStatus"] else "does not sign letters with DKIM"
        records = [f"{token}._domainkey.{identity.id} CNAME {token}.dkim.amazonses.com" for token in signing.get("Tokens", [])]
        look = f"aws sesv2 get-email-identity --email-identity {identity.id} --query DkimAttributes"
        do = (
            "\n".join(["put these records into the domain's DNS, and wait until SES has found them:", *records])
            if records
            else look
        )
        yield Finding(identity.name, f"{identity.id} {problem} (DKIM: {signing.get('Status', 'unknown')})", do)
    settings = stack.value(identity.properties.get("ConfigurationSetAttributes", {}).get("ConfigurationSetName"))
    if settings and found.get("ConfigurationSetName") != settings:
        yield Finding(
            identity.name,
            "sends without its configuration set: bounces and complaints are not reported",
            f"aws sesv2 put-email-identity-configuration-set-attributes --email-identity {identity.id} "
            f"--configuration-set-name {settings}",
        )


def mail_settings(stack: Stack, settings: Resource) -> Findings:
    mail, name = stack.client("sesv2"), settings.id
    if not mail.get_configuration_set(ConfigurationSetName=name).get("SendingOptions", {}).get("SendingEnabled", True):
        enable = f"aws sesv2 put-configuration-set-sending-options --configuration-set-name {name} --sending-enabled"
        yield Finding(settings.name, "has sending disabled", enable)
    found = mail.get_configuration_set_event_destinations(ConfigurationSetName=name)["EventDestinations"]
    published = {kind for each in found if each["Enabled"] for kind in each["MatchingEventTypes"]}
    if missing := {"BOUNCE", "COMPLAINT"} - published:
        yield Finding(settings.name, f"does not publish {' and '.join(sorted(missing))} events", as_deployed(stack))


def mail_account(stack: Stack) -> Findings:
    found = stack.client("sesv2").get_account()
    if not found["ProductionAccessEnabled"]:
        yield Finding(
            "the account's mail",
            "is in the SES sandbox: letters reach only verified addresses",
            "aws sesv2 put-account-details --production-access-enabled --mail-type TRANSACTIONAL --website-url https://YOUR-SITE",
        )
    if not found["SendingEnabled"] or found.get("EnforcementStatus", "HEALTHY") != "HEALTHY":
        say = (
            f"has the SES enforcement status {found.get('EnforcementStatus', 'unknown')}, "
            f"and sending is {'on' if found['SendingEnabled'] else 'off'}"
        )
        yield Finding("the account's mail", say, "read the message of SES to the account's owner, and reply in the Support Center")


# ── Alarms and their subscribers ────────────────────────────────────────────────────────────────────────────────────


def topic(stack: Stack, topic: Resource) -> Findings:
    pages = stack.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic.id)
    subscriptions = [each for page in pages for each in page["Subscriptions"]]
    if any(each["SubscriptionArn"].startswith("arn:") for each in subscriptions):
        return
    if subscriptions:
        yield Finding(
            topic.name,
            "has no confirmed subscription",
            "follow the link in the e-mail “AWS Notification - Subscription Confirmation”",
        )
    else:
        subscribe = f"aws sns subscribe --topic-arn {topic.id} --protocol email --notification-endpoint YOUR-ADDRESS"
        yield Finding(topic.name, "has no subscription", f"deploy with the parameter AlarmEmail, or\n{subscribe}")


def subscription(stack: Stack, subscription: Resource) -> Findings:
    """Only those of functions: the topic of an address says whether a person has confirmed."""
    if subscription.properties.get("Protocol") != "lambda":
        return
    topic = stack.value(subscription.properties["TopicArn"])
    pages = stack.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    if not any(each["Protocol"] == "lambda" for page in pages for each in page["Subscriptions"]):
        yield Finding(subscription.name, "does not exist: bounces and complaints are not recorded", as_deployed(stack))


def alarms(stack: Stack) -> Findings:
    names = {resource.id: resource.name for resource in stack.of_type("AWS::CloudWatch::Alarm")}
    pages = (
        stack.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNames=list(names), AlarmTypes=["MetricAlarm"])
    )
    found = {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}
    for id, name in names.items():
        alarm = found.get(id)
        if not alarm:
            yield Finding(name, "does not exist", as_deployed(stack))
        elif alarm["StateValue"] == "ALARM":
            history = f"aws cloudwatch describe-alarm-history --alarm-name {id} --history-item-type StateUpdate --max-items 5"
            yield Finding(
                name, f"{alarm.get('AlarmDescription', 'is in alarm')} ({alarm.get('StateReason', 'no reason')})", history
            )
        if alarm and not alarm["ActionsEnabled"]:
            yield Finding(
                name,
                "notifies no topic: its actions are disabled",
                f"aws cloudwatch enable-alarm-actions --alarm-names {id}",
            )


# ── Checks from outside ─────────────────────────────────────────────────────────────────────────────────────────────


class Answer:
    """An HTTP response. Without a response, `status` is 0 and `body` has the reason."""

    def __init__(self, status: int, kind: str, body: bytes):
        self.status, self.kind, self.body = status, kind, body

    def json(self) -> dict:
        try:
            read = json.loads(self.body)
        except ValueError:
            return {}
        return read if isinstance(read, dict) else {}

    def __str__(self):
        return f"{self.status} {self.kind}" if self.status else self.body.decode(errors="replace")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is returned as the response, because the functions follow no redirects either."""

    def redirect_request(self, *_):
        return None


web = urllib.request.build_opener(NoRedirect)


def ask(method: str, url: str, body: bytes | None = None) -> Answer:
    if urlsplit(url).scheme not in ("https", "http"):
        return Answer(0, "", b"not an http or https address")
    request = urllib.request.Request(
        url, body, {"content-type": "application/json", "user-agent": "sellthrough-doctor"}, method=method
    )
    try:
        with web.open(request, timeout=30) as answer:
            return Answer(answer.status, answer.headers.get_content_type(), answer.read())
    except urllib.error.HTTPError as answer:
        return Answer(answer.code, answer.headers.get_content_type(), answer.read())
    except urllib.error.URLError as error:
        return Answer(0, "", str(error.reason).encode())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(0, "", (str(error) or type(error).__name__).encode())


# Requests for each function with an HTTP route, each with the response that only this function gives. None changes data.
QUESTIONS = [
    ("Quotes", "GET", "/v1/pricing", 200, "application/json"),
    ("Quotes", "GET", "/v1/quotes/Q-0000-00000", 404, "application/problem+json"),
    ("Documents", "GET", "/v1/quotes/Q-0000-00000/document.pdf", 404, "application/problem+json"),
    ("Payments", "POST", "/webhooks/stripe", 400, "application/problem+json"),
    ("Licenses", "GET", "/.well-known/license-keys.json", 200, "application/json"),
    ("Licenses", "GET", "/v1/licenses/SEN-00000-000000", 401, "application/problem+json"),
    ("Desk", "GET", "/v1/desk/policy", 401, "application/problem+json"),
]


def answers(stack: Stack) -> Findings:
    url = stack.outputs["Url"]
    for function, method, path, status, kind in QUESTIONS:
        answer = ask(method, url + path, b"{}" if method == "POST" else None)
        if (answer.status, answer.kind) == (status, kind):
            continue
        if not answer.status:
            target = stack.outputs.get("DomainTarget")
            point = f"; {urlsplit(url).hostname} must be a CNAME of {target} in your DNS" if target else ""
            yield Finding("Url", f"{url} cannot be reached: {answer}", f"try again from another network{point}")
            return
        log = log_of(stack, stack.resources[function])
        yield Finding(function, f"responds to {method} {path} with {answer} instead of {status} {kind}", log)


def domain(stack: Stack, domain: Resource) -> Findings:
    target = stack.outputs.get("DomainTarget", "")
    at, wanted = addresses(domain.id), addresses(target)
    if not at:
        yield Finding(domain.name, f"{domain.id} is not in DNS", f"{domain.id} CNAME {target}")
    elif wanted and not at & wanted:
        do = f"{domain.id} CNAME {target}\nignore this if the name points at your own proxy that forwards requests to this target"
        yield Finding(domain.name, f"{domain.id} does not point at {target}", do)


def addresses(host: str) -> set[str]:
    """The addresses that a name resolves to, and the names on the way."""
    try:
        name, aliases, found = socket.gethostbyname_ex(host)
    except OSError:
        return set()
    return {name, *aliases, *found}


def issuer(stack: Stack) -> Findings:
    url = stack.parameters["OidcIssuer"]
    where = f"{url.rstrip('/')}/.well-known/openid-configuration"
    answer = ask("GET", where)
    metadata = answer.json()
    if answer.status != 200 or not metadata:
        yield Finding(
            "OidcIssuer",
            f"{where} returns {answer}: sign-in fails",
            "deploy with the OidcIssuer that your provider documents",
        )
        return
    if metadata.get("issuer") != url:
        yield Finding(
            "OidcIssuer",
            f"{where} names the issuer {metadata.get('issuer')!r}: every token is refused",
            f"deploy with OidcIssuer={shlex.quote(str(metadata.get('issuer')))}",
        )
    keys = ask("GET", str(metadata.get("jwks_uri", "")))
    if keys.status != 200 or not keys.json().get("keys"):
        yield Finding(
            "OidcIssuer",
            f"its keys at {metadata.get('jwks_uri')} are not available ({keys}): sign-in fails",
            "ask the issuer's operator to publish the keys to the internet",
        )


def test_mode(stack: Stack) -> Findings:
    if stack.parameters.get("StripeAcceptTestMode") == "true":
        yield Finding("Payments", "accepts test-mode payments of Stripe as real payments", "deploy with StripeAcceptTestMode=false")


# ── All checks ──────────────────────────────────────────────────────────────────────────────────────────────────────

OF_THE_STACK = [stack_is_whole, secrets, mail_account, alarms, answers, issuer, test_mode]
OF_A_RESOURCE = {
    "AWS::ApiGatewayV2::DomainName": domain,
    "AWS::DynamoDB::Table": table,
    "AWS::KMS::Key": signing_key,
    "AWS::Lambda::EventSourceMapping": event_source,
    "AWS::Lambda::Function": function,
    "AWS::Logs::LogGroup": log_group,
    "AWS::S3::Bucket": failures,
    "AWS::SES::ConfigurationSet": mail_settings,
    "AWS::SES::EmailIdentity": sender,
    "AWS::SNS::Subscription": subscription,
    "AWS::SNS::Topic": topic,
    "AWS::Scheduler::Schedule": schedule,
}


def unseen(where: str, error: ClientError | BotoCoreError) -> Finding:
    """The finding for a part that could not be checked, or that does not exist."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    if "NotFound" in code or code.startswith("NoSuch"):
        say = "CloudTrail shows who removed it. A new deployment does not restore it; its data can be restored from backups only"
        return Finding(where, f"does not exist ({code})", say)
    asked = f"{error.operation_name} returned {code}" if isinstance(error, ClientError) else str(error)
    if "Denied" in code or "Unauthorized" in code:
        return Finding(
            where,
            f"could not be checked: {asked}",
            "grant these credentials the permission; infra/aws/operate/doctor.json has all that are needed",
        )
    return Finding(where, f"could not be checked: {asked}", "run the doctor again in a minute")


def tried(where: str, findings: Findings) -> Findings:
    """A check that fails becomes a finding, so that it does not hide the other findings."""
    try:
        yield from findings
    except (BotoCoreError, ClientError) as error:
        yield unseen(where, error)


def examine(stack: Stack) -> list[Finding]:
    """The findings of all checks."""
    checks = [(stack.name, check(stack)) for check in OF_THE_STACK]
    for resource in stack.resources.values():
        if resource.type in OF_A_RESOURCE and resource.id:
            checks.append((resource.name, OF_A_RESOURCE[resource.type](stack, resource)))
    return [finding for where, findings in checks for finding in tried(where, findings)]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="infra/aws/doctor", description="Reports what is wrong with a deployed stack. Changes nothing."
    )
    parser.add_argument("stack", help="the name of the stack, such as sellthrough")
    name = parser.parse_args().stack
    try:
        stack = Stack(name)
        # A stack that was never complete has no outputs, so the other checks cannot run.
        found = examine(stack) if "Url" in stack.outputs else list(tried(name, stack_is_whole(stack)))
    except (BotoCoreError, ClientError) as error:
        found = [Finding(name, str(error), "check the stack's name, and the region and the credentials of the environment")]
    for finding in found:
        do = "\n".join(f"    {line}" for line in finding.do.splitlines())
        print(f"{finding.where}: {finding.what}\n{do}\n")
    print(f"{len(found)} problems found" if found else "no problems found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
