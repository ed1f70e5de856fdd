"""What an operator does with a deployed stack, with the same commands: check it, fix it, replay records, export everything.

Each command runs with a role that has the permissions of its policy file, and no others."""

import contextlib
import json
import os
import re
import subprocess
import time
from pathlib import Path

import journeys
from journeys import CUSTOMER, RITA, World, until, verified
from partners import Net
from stack import FUNCTIONS, HERE, REGION

AWS = HERE.parent

# Findings that the doctor always reports here, each with a part of its text.
ALWAYS = {
    ("MailFrom", "does not sign letters with DKIM"),  # the emulator creates a template's mail domain without DKIM keys
    ("Payments", "accepts test-mode payments of Stripe"),  # the journeys pay in test mode
}
# What the emulator does not apply from a template. The commands that the doctor prints apply it.
NOT_APPLIED = {("Table", "does not delete expired items"), ("Table", "has no point-in-time recovery")}


class Operator:
    """A person with a shell."""

    def __init__(self, world: World):
        self.world, self.cloud = world, world.cloud
        self.net = Net(world.cloud.endpoint)
        # `sam` and `aws`
        self.tools = os.environ["DEPLOY_TOOLS"]

    def shell(self, command: str, credentials: dict | None = None) -> subprocess.CompletedProcess:
        keys = credentials or {"AccessKeyId": "administrator", "SecretAccessKey": "administrator", "SessionToken": ""}
        environment = {
            "PATH": f"{self.tools}:{os.environ['PATH']}",
            "HOME": str(self.cloud.record.parent),
            "AWS_ENDPOINT_URL": self.cloud.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
            **({"AWS_SESSION_TOKEN": keys["SessionToken"]} if keys["SessionToken"] else {}),
            "http_proxy": self.net.url,
            "no_proxy": "127.0.0.1",
            **{name: os.environ[name] for name in ("CARGO_TARGET_DIR",) if name in os.environ},
        }
        return subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=120)

    def permitted(self, command: str) -> dict:
        """Credentials with exactly the permissions of a command's policy file."""
        people, name = self.cloud.client("iam"), f"operator-{command}"
        trust = {
            "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
            "Version": "2012-10-17",
        }
        if name not in {role["RoleName"] for role in people.list_roles()["Roles"]}:
            people.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
            policy = (AWS / f"operate/{command}.json").read_text()
            people.put_role_policy(RoleName=name, PolicyName=command, PolicyDocument=policy)
        arn = people.get_role(RoleName=name)["Role"]["Arn"]
        return self.cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName=name)["Credentials"]

    def does(self, command: str, *arguments: str) -> subprocess.CompletedProcess:
        """Runs one of our commands with its permissions only."""
        done = self.shell(" ".join([str(AWS / command), self.world.stack.name, *arguments]), self.permitted(command))
        assert not done.stderr, done.stderr
        return done

    def secrets(self) -> list[str]:
        kept, names = self.cloud.client("secretsmanager"), self.world.stack.names
        ids = [names[name] for name in ("LinkKeys", "NumberKey", "StripeWebhookSecret")]
        return [kept.get_secret_value(SecretId=id)["SecretString"] for id in ids]

    def look(self) -> list[tuple[str, str, list[str]]]:
        """The doctor's findings: where, what, and what to do. The output contains no secret."""
        done = self.does("doctor")
        assert not [secret for secret in self.secrets() if secret.strip() in done.stdout], "a secret is printed"
        *found, summary = done.stdout.strip().split("\n\n")
        findings = []
        for each in found:
            said, *do = each.splitlines()
            where, what = said.split(": ", 1)
            assert do, f"nothing to do about {said}"
            findings.append((where, what, [line.strip() for line in do]))
        assert done.returncode == (1 if findings else 0) and summary, done
        return findings

    def finds(self, *expected: set[tuple[str, str]]) -> list[tuple[str, str, list[str]]]:
        """Asserts that the doctor finds exactly these."""
        found, left = self.look(), set().union(*expected)
        unexpected = []
        for where, what, _ in found:
            known = next((each for each in left if each[0] == where and each[1] in what), None)
            left.discard(known) if known else unexpected.append(f"{where}: {what}")
        assert not left and not unexpected, f"not found: {left}\nnot expected: {unexpected}"
        return found

    def follows(self, findings: list[tuple[str, str, list[str]]], secret: str | None = None):
        """Runs every command that the doctor printed, as printed. Skips commands that the emulator does not support, and those
        that store a secret if no secret is given."""
        for where, _, do in findings:
            for command in do:
                unknown = re.search("change-set|logs tail|YOUR-|get-email-identity" + ("" if secret else "|SECRET$"), command)
                if command.startswith("aws ") and not unknown:
                    done = self.shell(command.removesuffix("SECRET") + secret if command.endswith("SECRET") else command)
                    assert done.returncode == 0, f"{where}: {command}\n{done.stderr}"
                    if "update-function-configuration" in command:
                        # AWS restarts a function after any change; the emulator does not when only the description changes.
                        self.world.cold([name for name in FUNCTIONS if self.world.stack.names[name] in command])

    def replays(self, taken: int, of: int) -> str:
        done = self.does("replay")
        assert f"{taken} of {of} batches were replayed" in done.stdout, done.stdout
        assert done.returncode == (0 if taken == of else 1)
        return done.stdout


def first_run(operator: Operator):
    """The doctor's commands alone complete a new stack."""
    to_do = {
        ("StripeWebhookSecret", "is not a Stripe signing secret"),
        ("LicenseKey", "is not among the published keys"),
    }
    operator.follows(operator.finds(ALWAYS, NOT_APPLIED, to_do), secret=journeys.WEBHOOK_SECRET)
    operator.finds(ALWAYS)


def checking(operator: Operator):
    """The doctor finds nothing on a healthy stack, each of many faults on a broken one, and nothing after the fixes."""
    both_consumers_succeed(operator)
    operator.finds(ALWAYS)
    with contextlib.ExitStack() as repairs:
        expected = {finding for broken in BREAKAGES for finding in broken(operator, repairs)}
        findings = operator.finds(ALWAYS, expected)
        operator.follows(findings)
        # Everything that a printed command can fix is fixed.
        left = {(where, what) for where, what, _ in operator.look()}
        by_command = ["IssuanceEvents", "NotificationsEvents", "ApiLog", "QuotesLog", "Table", "MailSettings"]
        assert not {where for where, _ in left} & set(by_command), left
    operator.follows(operator.look())
    operator.finds(ALWAYS)


def both_consumers_succeed(operator: Operator):
    """Makes the last batch of both consumers succeed. A restart may have failed a batch, and the doctor reports the last one."""
    world, functions = operator.world, operator.cloud.client("lambda")
    quote = world.quote(journeys.EXAMPLE)
    world.pay(quote).expect(200)
    world.delivered(quote)
    for mapping in ("IssuanceEvents", "NotificationsEvents"):
        id = world.stack.names[mapping]
        until(lambda: "OK" in functions.get_event_source_mapping(UUID=id)["LastProcessingResult"], f"{mapping} has a successful batch")


# ── Breakages. Each breaks one thing, registers the repair if no command repairs it, and yields the expected finding. ──


def client(operator: Operator, service: str):
    return operator.cloud.client(service)


def name(operator: Operator, resource: str) -> str:
    return operator.world.stack.names[resource]


def a_made_up_secret(operator, repairs):
    secrets, arn = client(operator, "secretsmanager"), operator.world.stack.outputs["StripeWebhookSecretArn"]
    secrets.put_secret_value(SecretId=arn, SecretString="not-from-stripe")
    repairs.callback(secrets.put_secret_value, SecretId=arn, SecretString=journeys.WEBHOOK_SECRET)
    yield "StripeWebhookSecret", "is not a Stripe signing secret"


def link_keys_that_are_none(operator, repairs):
    secrets, id = client(operator, "secretsmanager"), name(operator, "LinkKeys")
    before = secrets.get_secret_value(SecretId=id)["SecretString"]
    secrets.put_secret_value(SecretId=id, SecretString=f"{before},made-up")
    repairs.callback(secrets.put_secret_value, SecretId=id, SecretString=before)
    yield "LinkKeys", "its key 2 is not written as id:secret"


def a_number_key_with_a_line_break(operator, repairs):
    secrets, id = client(operator, "secretsmanager"), name(operator, "NumberKey")
    before = secrets.get_secret_value(SecretId=id)["SecretString"]
    secrets.put_secret_value(SecretId=id, SecretString=f"{before}\n")
    repairs.callback(secrets.put_secret_value, SecretId=id, SecretString=before)
    yield "NumberKey", "begins or ends with white space"


def a_disabled_consumer(operator, repairs):
    client(operator, "lambda").update_event_source_mapping(UUID=name(operator, "IssuanceEvents"), Enabled=False)
    yield "IssuanceEvents", "Issuance receives no changes"


def another_filter(operator, repairs):
    everything = {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]}
    client(operator, "lambda").update_event_source_mapping(UUID=name(operator, "NotificationsEvents"), FilterCriteria=everything)
    yield "NotificationsEvents", "its filters differ"


def a_variable_that_is_gone(operator, repairs):
    functions, id = client(operator, "lambda"), name(operator, "Desk")
    before = functions.get_function_configuration(FunctionName=id)["Environment"]
    without = {key: value for key, value in before["Variables"].items() if key != "STAFF_GROUP"}
    functions.update_function_configuration(FunctionName=id, Environment={"Variables": without})
    repairs.callback(functions.update_function_configuration, FunctionName=id, Environment=before)
    yield "Desk", "lacks variables of its environment: STAFF_GROUP"


def a_variable_that_was_changed(operator, repairs):
    functions, id = client(operator, "lambda"), name(operator, "Licenses")
    before = functions.get_function_configuration(FunctionName=id)["Environment"]
    changed = {**before["Variables"], "OIDC_AUDIENCE": "another"}
    functions.update_function_configuration(FunctionName=id, Environment={"Variables": changed})
    repairs.callback(functions.update_function_configuration, FunctionName=id, Environment=before)
    yield "Licenses", "has values that differ from the deployment: OIDC_AUDIENCE"


def a_log_that_was_deleted(operator, repairs):
    client(operator, "logs").delete_log_group(logGroupName=name(operator, "ApiLog"))
    yield "ApiLog", "does not exist"


def a_log_without_an_end(operator, repairs):
    client(operator, "logs").delete_retention_policy(logGroupName=name(operator, "QuotesLog"))
    yield "QuotesLog", "is kept indefinitely"


def an_unprotected_table(operator, repairs):
    client(operator, "dynamodb").update_table(TableName=name(operator, "Table"), DeletionProtectionEnabled=False)
    yield "Table", "has no deletion protection"


def a_disabled_key(operator, repairs):
    client(operator, "kms").disable_key(KeyId=name(operator, "LicenseKey"))
    yield "LicenseKey", "is Disabled: no licence can be signed"


def records_that_were_given_up(operator, repairs):
    give_up(operator, operator.world.quote(journeys.EXAMPLE))
    repairs.callback(lambda: operator.replays(1, of=1))
    yield "Failures", "has 1 given-up batches of records"


def the_sandbox(operator, repairs):
    account = {"MailType": "TRANSACTIONAL", "WebsiteURL": "https://vendor.example"}
    client(operator, "sesv2").put_account_details(**account, ProductionAccessEnabled=False)
    repairs.callback(client(operator, "sesv2").put_account_details, **account, ProductionAccessEnabled=True)
    yield "the account's mail", "is in the SES sandbox"


def mail_that_is_switched_off(operator, repairs):
    mail, settings = client(operator, "sesv2"), name(operator, "MailSettings")
    mail.put_configuration_set_sending_options(ConfigurationSetName=settings, SendingEnabled=False)
    yield "MailSettings", "has sending disabled"


def a_topic_without_a_subscriber(operator, repairs):
    topics, topic = client(operator, "sns"), name(operator, "Alarms")
    [subscription] = topics.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    topics.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    repairs.callback(topics.subscribe, TopicArn=topic, Protocol="email", Endpoint=subscription["Endpoint"])
    yield "Alarms", "has no subscription"


def a_topic_that_the_function_does_not_receive(operator, repairs):
    topics, topic = client(operator, "sns"), operator.world.stack.outputs["MailTroubleTopic"]
    listed = topics.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    [subscription] = [each for each in listed if each["Protocol"] == "lambda"]
    topics.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    repairs.callback(topics.subscribe, TopicArn=topic, Protocol="lambda", Endpoint=subscription["Endpoint"])
    yield "MailTroubleToFeedback", "does not exist: bounces and complaints are not recorded"


def an_alarm(operator, repairs):
    watch, alarm = client(operator, "cloudwatch"), name(operator, "IssuanceLate")
    watch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="the threshold was crossed")
    repairs.callback(watch.set_alarm_state, AlarmName=alarm, StateValue="OK", StateReason="over")
    yield "IssuanceLate", "Paid quotes are waiting for their licences. The log of Issuance has the cause (the threshold was crossed)"


def an_alarm_that_is_gone(operator, repairs):
    watch, alarm = client(operator, "cloudwatch"), name(operator, "MailBounces")
    [before] = watch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    watch.delete_alarms(AlarmNames=[alarm])
    kept = ("AlarmName", "Namespace", "MetricName", "Statistic", "Period", "EvaluationPeriods", "ComparisonOperator", "Threshold")
    repairs.callback(watch.put_metric_alarm, **{key: before[key] for key in kept})
    yield "MailBounces", "does not exist"


def an_issuer_under_another_name(operator, repairs):
    operator.world.issuer.alias = f"{operator.world.issuer.url}/"
    repairs.callback(setattr, operator.world.issuer, "alias", None)
    yield "OidcIssuer", "every token is refused"


def a_route_that_is_gone(operator, repairs):
    http, api = client(operator, "apigatewayv2"), name(operator, "Api")
    [route] = [each for each in http.get_routes(ApiId=api)["Items"] if each["RouteKey"] == "POST /webhooks/stripe"]
    http.delete_route(ApiId=api, RouteId=route["RouteId"])
    repairs.callback(http.create_route, ApiId=api, RouteKey=route["RouteKey"], Target=route["Target"])
    yield "Payments", "responds to POST /webhooks/stripe with 404 application/json"


def a_key_that_is_not_published(operator, repairs):
    items, table = client(operator, "dynamodb"), name(operator, "Table")
    query = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "KEYS"}}}
    [key] = items.query(TableName=table, **query)["Items"]
    items.delete_item(TableName=table, Key={"pk": key["pk"], "sk": key["sk"]})
    yield "LicenseKey", "is not among the published keys"


def a_clock_that_is_stopped(operator, repairs):
    clock, id = client(operator, "scheduler"), name(operator, "DeadlinesClock")
    before = clock.get_schedule(Name=id)
    kept = {key: before[key] for key in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")}
    clock.update_schedule(**kept, State="DISABLED")
    repairs.callback(clock.update_schedule, **kept, State="ENABLED")
    yield "DeadlinesClock", "its function is not invoked"


BREAKAGES = [
    records_that_were_given_up,  # repaired last, after everything else
    a_made_up_secret,
    link_keys_that_are_none,
    a_number_key_with_a_line_break,
    a_disabled_consumer,
    another_filter,
    a_variable_that_is_gone,
    a_variable_that_was_changed,
    a_log_that_was_deleted,
    a_log_without_an_end,
    an_unprotected_table,
    a_disabled_key,
    the_sandbox,
    mail_that_is_switched_off,
    a_topic_without_a_subscriber,
    a_topic_that_the_function_does_not_receive,
    an_alarm,
    an_alarm_that_is_gone,
    an_issuer_under_another_name,
    a_route_that_is_gone,
    a_key_that_is_not_published,
    a_clock_that_is_stopped,
]


# ── Replay and export ───────────────────────────────────────────────────────────────────────────────────────────────


def give_up(operator: Operator, quote: dict, by: str = "Issuance", function: str | None = None):
    """Puts a quote's last change into the bucket, as Lambda does with a record that a function failed on."""
    world, item = operator.world, journeys.stored(operator.world, quote)
    change = {
        "ApproximateCreationDateTime": int(time.time()),
        "Keys": {key: item[key] for key in ("pk", "sk")},
        "NewImage": item,
        "SequenceNumber": "1",
        "SizeBytes": len(json.dumps(item)),
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    record = {"eventID": "1", "eventName": "MODIFY", "eventSource": "aws:dynamodb", "eventVersion": "1.1", "dynamodb": change}
    given = world.cloud.client("lambda").get_function_configuration(FunctionName=world.stack.names[by])["FunctionArn"]
    batch = {
        "requestContext": {"functionArn": function or given, "condition": "RetryAttemptsExhausted"},
        "version": "1.0",
        "payload": json.dumps({"Records": [{**record, "awsRegion": REGION}]}),
    }
    place = {"Bucket": world.stack.outputs["FailuresBucket"], "Key": given_up_at(operator, quote)}
    world.cloud.client("s3").put_object(**place, Body=json.dumps(batch))


def given_up_at(operator: Operator, quote: dict) -> str:
    return f"aws/lambda/{operator.world.stack.names['IssuanceEvents']}/shard/2026/11/22/{quote['number']}"


def replaying(operator: Operator):
    """A licence whose record was given up is issued when the record is replayed; a batch that fails again is kept."""
    world, mapping = operator.world, operator.world.stack.names["IssuanceEvents"]
    functions, keys = world.cloud.client("lambda"), world.cloud.client("kms")
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    quote = world.quote(journeys.EXAMPLE)
    world.pay(quote).expect(200)
    give_up(operator, quote)
    time.sleep(2)
    assert "invoice" not in world.see(quote), "issuance received the payment although its mapping is disabled"
    licence_key = world.stack.names["LicenseKey"]
    keys.disable_key(KeyId=licence_key)
    assert "1 of its records failed" in operator.replays(0, of=1)
    keys.enable_key(KeyId=licence_key)
    operator.replays(1, of=1)
    assert len(world.delivered(quote)["licenses"]) == 2
    operator.replays(0, of=0)
    functions.update_event_source_mapping(UUID=mapping, Enabled=True)


def replaying_a_message(operator: Operator):
    """A message of SES that was given up is recorded when it is replayed; one that is no event of SES is kept."""
    world, gone = operator.world, "given-up@reseller.example"
    place = {"Bucket": world.stack.outputs["FailuresBucket"], "Key": "aws/lambda/async/Feedback/2026/11/22/1"}

    def give_up_message(message: str):
        given = world.cloud.client("lambda").get_function_configuration(FunctionName=world.stack.names["Feedback"])["FunctionArn"]
        event = {"Records": [{"EventSource": "aws:sns", "Sns": {"MessageId": "1", "Message": message}}]}
        context = {"functionArn": f"{given}:$LATEST", "condition": "RetriesExhausted", "approximateInvokeCount": 3}
        failed = {"version": "1.0", "requestContext": context, "requestPayload": event, "responsePayload": None}
        world.cloud.client("s3").put_object(**place, Body=json.dumps(failed))

    give_up_message("no event of SES")
    assert "the function failed" in operator.replays(0, of=1)
    give_up_message(json.dumps(journeys.bounced(gone, "given-up")))
    operator.replays(1, of=1)
    assert journeys.suppressed(world, gone), "the report was not recorded"


def replaying_late(operator: Operator):
    """A late letter states the current state of the quote and requests no payment for a paid quote. No other function is called."""
    world, mapping = operator.world, operator.world.stack.names["NotificationsEvents"]
    functions = world.cloud.client("lambda")
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    time.sleep(1)
    quote = world.quote(journeys.EXAMPLE)
    give_up(operator, quote, by="Notifications")
    world.pay(quote).expect(200)
    world.delivered(quote)
    operator.replays(1, of=1)
    assert world.letter(RITA, f"Thank you: {quote['number']} is paid")
    subjects = [letter["Subject"] for letter in world.mailbox.to(RITA) if quote["number"] in letter.as_string()]
    assert not [subject for subject in subjects if subject.startswith("Your quote")], subjects
    functions.update_event_source_mapping(UUID=mapping, Enabled=True)

    give_up(operator, quote, function="arn:aws:lambda:eu-central-1:123456789012:function:another")
    assert "is not a function of this stack" in operator.replays(0, of=1)
    world.cloud.client("s3").delete_object(Bucket=world.stack.outputs["FailuresBucket"], Key=given_up_at(operator, quote))


def exported(operator: Operator) -> tuple[list, Path]:
    """An export, and the items that the table had during it. It is repeated while the stream's consumers still write."""
    pages = operator.world.cloud.client("dynamodb").get_paginator("scan")

    def held():
        found = [item for page in pages.paginate(TableName=operator.world.stack.outputs["TableName"]) for item in page["Items"]]
        return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))

    before = held()
    for attempt in range(10):
        folder = Path(operator.world.cloud.record.parent) / f"exported-{attempt}"
        done = operator.does("export", str(folder))
        assert done.returncode == 0, done.stdout
        after = held()
        if before == after:
            return after, folder
        before = after
    raise AssertionError("the table changed during every export")


def exporting(operator: Operator):
    """The export has every item, and every licence file in it verifies without our code."""
    world = operator.world
    items, folder = exported(operator)
    assert folder.stat().st_mode & 0o777 == 0o700
    lines = [json.loads(line) for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]
    written = {(line["pk"], line["sk"]): line for line in lines}
    assert len(lines) == len(items) == len(written)
    for item in items:
        line = written[item["pk"]["S"], item["sk"]["S"]]
        assert line.keys() == item.keys()
        assert "body" not in item or line["body"] == json.loads(item["body"]["S"])
    published = json.loads((folder / "license-keys.json").read_text())["keys"]
    signed = list((folder / "licenses").glob("*.lic"))
    issued = sum(
        len([each for each in [line["body"], *line["body"].get("earlier", [])] if each.get("file")])
        for line in lines
        if line.get("kind") == "license"
    )
    assert len(signed) == issued > 0
    for file in signed:
        [jwk] = published
        stated = json.dumps(verified(file.read_text(), jwk))
        assert file.name[:16] in stated and CUSTOMER in stated, stated
    assert "exists" in operator.shell(f"{AWS}/export {world.stack.name} {folder}", operator.permitted("export")).stderr


def nothing_else_was_allowed(operator: Operator):
    """Each command used every permission of its policy file, and no other."""
    asked = [line for line in operator.cloud.asked() if ":assumed-role/operator-" in (line["principal"] or "")]
    denied = [line for line in asked if not line["allowed"]]
    assert not denied, denied
    for command in ("doctor", "export", "replay"):
        used = {line["action"] for line in asked if f"/operator-{command}/" in line["principal"]}
        policy = json.loads((AWS / f"operate/{command}.json").read_text())
        actions = [statement["Action"] for statement in policy["Statement"]]
        held = {action for each in actions for action in (each if isinstance(each, list) else [each])}
        assert used == held, f"{command}: granted but unused {held - used}, or used but not granted {used - held}"
