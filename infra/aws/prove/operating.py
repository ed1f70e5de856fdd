"""What an operator does with a deployed stack, with the same commands: look at it, mend it, give again, take everything away.

Each command holds a role with the permissions that are written down for it, and with no other."""

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

# What is always wrong here, each with what the doctor says about it.
ALWAYS = {
    ("MailFrom", "does not sign its letters"),  # the emulator takes domains from a template without keys to sign with
    ("Payments", "takes payments of Stripe's test mode"),  # as the journeys pay
}
# What the emulator does not take from a template, and takes from the commands that the doctor gives.
UNTAKEN = {("Table", "does not drop what is over"), ("Table", "cannot be put back to an earlier point in time")}


class Operator:
    """Somebody with a shell."""

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
        """What somebody holds who may do what is written down for a command."""
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
        """One of our commands, with its permissions only."""
        done = self.shell(" ".join([str(AWS / command), self.world.stack.name, *arguments]), self.permitted(command))
        assert not done.stderr, done.stderr
        return done

    def secrets(self) -> list[str]:
        kept, names = self.cloud.client("secretsmanager"), self.world.stack.names
        ids = [names[name] for name in ("LinkKeys", "NumberKey", "StripeWebhookSecret")]
        return [kept.get_secret_value(SecretId=id)["SecretString"] for id in ids]

    def look(self) -> list[tuple[str, str, list[str]]]:
        """What the doctor finds: where, what, and what to do. It prints no secret."""
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
        """That these are found, and nothing else."""
        found, left = self.look(), set().union(*expected)
        unexpected = []
        for where, what, _ in found:
            known = next((each for each in left if each[0] == where and each[1] in what), None)
            left.discard(known) if known else unexpected.append(f"{where}: {what}")
        assert not left and not unexpected, f"not found: {left}\nnot expected: {unexpected}"
        return found

    def does_as_told(self, findings: list[tuple[str, str, list[str]]], secret: str | None = None):
        """Every command that the doctor gave, as it gave it, but for those that only AWS itself understands, or that put a
        secret nobody has said."""
        for where, _, do in findings:
            for command in do:
                unknown = re.search("change-set|logs tail|YOUR-|get-email-identity" + ("" if secret else "|SECRET$"), command)
                if command.startswith("aws ") and not unknown:
                    done = self.shell(command.removesuffix("SECRET") + secret if command.endswith("SECRET") else command)
                    assert done.returncode == 0, f"{where}: {command}\n{done.stderr}"
                    if "update-function-configuration" in command:
                        # AWS starts a function anew at any change; the emulator, not when only its description changes.
                        self.world.cold([name for name in FUNCTIONS if self.world.stack.names[name] in command])

    def replays(self, taken: int, of: int) -> str:
        done = self.does("replay")
        assert f"{taken} of {of} batches were taken" in done.stdout, done.stdout
        assert done.returncode == (0 if taken == of else 1)
        return done.stdout


def first_run(operator: Operator):
    """A new stack is made sound by what the doctor says, and by nothing else."""
    to_do = {
        ("StripeWebhookSecret", "is not a signing secret of Stripe's"),
        ("LicenseKey", "is not among the published keys"),
    }
    operator.does_as_told(operator.finds(ALWAYS, UNTAKEN, to_do), secret=journeys.WEBHOOK_SECRET)
    operator.finds(ALWAYS)


def looking(operator: Operator):
    """The doctor finds nothing on a sound stack, each of many faults on a broken one, and nothing after it was obeyed."""
    all_is_told(operator)
    operator.finds(ALWAYS)
    with contextlib.ExitStack() as mended:
        expected = {finding for broken in BREAKAGES for finding in broken(operator, mended)}
        findings = operator.finds(ALWAYS, expected)
        operator.does_as_told(findings)
        # What a command could mend is mended.
        left = {(where, what) for where, what, _ in operator.look()}
        by_command = ["IssuanceEvents", "NotificationsEvents", "ApiLog", "QuotesLog", "Table", "MailSettings"]
        assert not {where for where, _ in left} & set(by_command), left
    operator.does_as_told(operator.look())
    operator.finds(ALWAYS)


def all_is_told(operator: Operator):
    """What a consumer was told last has not failed. It may have when it was started anew, and is called so until the next."""
    world, functions = operator.world, operator.cloud.client("lambda")
    quote = world.quote(journeys.EXAMPLE)
    world.pay(quote).expect(200)
    world.delivered(quote)
    for mapping in ("IssuanceEvents", "NotificationsEvents"):
        id = world.stack.names[mapping]
        until(lambda: "OK" in functions.get_event_source_mapping(UUID=id)["LastProcessingResult"], f"{mapping} is told")


# ── What may go wrong. Each breaks one thing, notes how it is mended where no command does it, and says what must be found. ──


def client(operator: Operator, service: str):
    return operator.cloud.client(service)


def name(operator: Operator, resource: str) -> str:
    return operator.world.stack.names[resource]


def a_made_up_secret(operator, mended):
    secrets, arn = client(operator, "secretsmanager"), operator.world.stack.outputs["StripeWebhookSecretArn"]
    secrets.put_secret_value(SecretId=arn, SecretString="made-up-by-nobody")
    mended.callback(secrets.put_secret_value, SecretId=arn, SecretString=journeys.WEBHOOK_SECRET)
    yield "StripeWebhookSecret", "is not a signing secret of Stripe's"


def link_keys_that_are_none(operator, mended):
    secrets, id = client(operator, "secretsmanager"), name(operator, "LinkKeys")
    before = secrets.get_secret_value(SecretId=id)["SecretString"]
    secrets.put_secret_value(SecretId=id, SecretString=f"{before},made-up")
    mended.callback(secrets.put_secret_value, SecretId=id, SecretString=before)
    yield "LinkKeys", "its key 2 is not written as id:secret"


def a_number_key_with_a_line_break(operator, mended):
    secrets, id = client(operator, "secretsmanager"), name(operator, "NumberKey")
    before = secrets.get_secret_value(SecretId=id)["SecretString"]
    secrets.put_secret_value(SecretId=id, SecretString=f"{before}\n")
    mended.callback(secrets.put_secret_value, SecretId=id, SecretString=before)
    yield "NumberKey", "begins or ends with white space"


def a_disabled_consumer(operator, mended):
    client(operator, "lambda").update_event_source_mapping(UUID=name(operator, "IssuanceEvents"), Enabled=False)
    yield "IssuanceEvents", "Issuance is told of no change"


def another_filter(operator, mended):
    everything = {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]}
    client(operator, "lambda").update_event_source_mapping(UUID=name(operator, "NotificationsEvents"), FilterCriteria=everything)
    yield "NotificationsEvents", "its filters differ"


def a_variable_that_is_gone(operator, mended):
    functions, id = client(operator, "lambda"), name(operator, "Desk")
    before = functions.get_function_configuration(FunctionName=id)["Environment"]
    without = {key: value for key, value in before["Variables"].items() if key != "STAFF_GROUP"}
    functions.update_function_configuration(FunctionName=id, Environment={"Variables": without})
    mended.callback(functions.update_function_configuration, FunctionName=id, Environment=before)
    yield "Desk", "lacks variables of its environment: STAFF_GROUP"


def a_variable_that_was_changed(operator, mended):
    functions, id = client(operator, "lambda"), name(operator, "Licenses")
    before = functions.get_function_configuration(FunctionName=id)["Environment"]
    changed = {**before["Variables"], "OIDC_AUDIENCE": "another"}
    functions.update_function_configuration(FunctionName=id, Environment={"Variables": changed})
    mended.callback(functions.update_function_configuration, FunctionName=id, Environment=before)
    yield "Licenses", "has other values than were deployed, in OIDC_AUDIENCE"


def a_log_that_was_deleted(operator, mended):
    client(operator, "logs").delete_log_group(logGroupName=name(operator, "ApiLog"))
    yield "ApiLog", "is gone"


def a_log_without_an_end(operator, mended):
    client(operator, "logs").delete_retention_policy(logGroupName=name(operator, "QuotesLog"))
    yield "QuotesLog", "is kept for ever"


def an_unprotected_table(operator, mended):
    client(operator, "dynamodb").update_table(TableName=name(operator, "Table"), DeletionProtectionEnabled=False)
    yield "Table", "is not protected from being deleted"


def a_disabled_key(operator, mended):
    client(operator, "kms").disable_key(KeyId=name(operator, "LicenseKey"))
    yield "LicenseKey", "is Disabled: no licence can be signed"


def records_that_were_given_up(operator, mended):
    give_up(operator, operator.world.quote(journeys.EXAMPLE))
    mended.callback(lambda: operator.replays(1, of=1))
    yield "Failures", "holds what was given up, 1 times"


def the_sandbox(operator, mended):
    account = {"MailType": "TRANSACTIONAL", "WebsiteURL": "https://vendor.example"}
    client(operator, "sesv2").put_account_details(**account, ProductionAccessEnabled=False)
    mended.callback(client(operator, "sesv2").put_account_details, **account, ProductionAccessEnabled=True)
    yield "the account's mail", "is in SES's sandbox"


def mail_that_is_switched_off(operator, mended):
    mail, settings = client(operator, "sesv2"), name(operator, "MailSettings")
    mail.put_configuration_set_sending_options(ConfigurationSetName=settings, SendingEnabled=False)
    yield "MailSettings", "sends nothing"


def nobody_who_hears(operator, mended):
    topics, topic = client(operator, "sns"), name(operator, "Alarms")
    [subscription] = topics.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    topics.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    mended.callback(topics.subscribe, TopicArn=topic, Protocol="email", Endpoint=subscription["Endpoint"])
    yield "Alarms", "nobody hears of it"


def an_alarm(operator, mended):
    watch, alarm = client(operator, "cloudwatch"), name(operator, "IssuanceLate")
    watch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="the threshold was crossed")
    mended.callback(watch.set_alarm_state, AlarmName=alarm, StateValue="OK", StateReason="over")
    yield "IssuanceLate", "Paid quotes wait for their licences (the threshold was crossed)"


def an_alarm_that_is_gone(operator, mended):
    watch, alarm = client(operator, "cloudwatch"), name(operator, "MailBounces")
    [before] = watch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    watch.delete_alarms(AlarmNames=[alarm])
    kept = ("AlarmName", "Namespace", "MetricName", "Statistic", "Period", "EvaluationPeriods", "ComparisonOperator", "Threshold")
    mended.callback(watch.put_metric_alarm, **{key: before[key] for key in kept})
    yield "MailBounces", "is gone"


def an_issuer_under_another_name(operator, mended):
    operator.world.issuer.alias = f"{operator.world.issuer.url}/"
    mended.callback(setattr, operator.world.issuer, "alias", None)
    yield "OidcIssuer", "and every token is refused"


def a_route_that_is_gone(operator, mended):
    http, api = client(operator, "apigatewayv2"), name(operator, "Api")
    [route] = [each for each in http.get_routes(ApiId=api)["Items"] if each["RouteKey"] == "POST /webhooks/stripe"]
    http.delete_route(ApiId=api, RouteId=route["RouteId"])
    mended.callback(http.create_route, ApiId=api, RouteKey=route["RouteKey"], Target=route["Target"])
    yield "Payments", "answers POST /webhooks/stripe with 404 application/json"


def a_key_that_is_not_published(operator, mended):
    items, table = client(operator, "dynamodb"), name(operator, "Table")
    query = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "KEYS"}}}
    [key] = items.query(TableName=table, **query)["Items"]
    items.delete_item(TableName=table, Key={"pk": key["pk"], "sk": key["sk"]})
    yield "LicenseKey", "is not among the published keys"


def a_clock_that_is_stopped(operator, mended):
    clock, id = client(operator, "scheduler"), name(operator, "DeadlinesClock")
    before = clock.get_schedule(Name=id)
    kept = {key: before[key] for key in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")}
    clock.update_schedule(**kept, State="DISABLED")
    mended.callback(clock.update_schedule, **kept, State="ENABLED")
    yield "DeadlinesClock", "nothing happens at its time"


BREAKAGES = [
    records_that_were_given_up,  # mended last, when everything else is
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
    nobody_who_hears,
    an_alarm,
    an_alarm_that_is_gone,
    an_issuer_under_another_name,
    a_route_that_is_gone,
    a_key_that_is_not_published,
    a_clock_that_is_stopped,
]


# ── Giving again, and leaving ───────────────────────────────────────────────────────────────────────────────────────


def give_up(operator: Operator, quote: dict, by: str = "Issuance", function: str | None = None):
    """Puts a quote's last change into the bucket, as Lambda does with what a function was given in vain."""
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


def giving_again(operator: Operator):
    """A licence whose record was given up is issued when the record is given again; a batch that fails again is kept."""
    world, mapping = operator.world, operator.world.stack.names["IssuanceEvents"]
    functions, keys = world.cloud.client("lambda"), world.cloud.client("kms")
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    quote = world.quote(journeys.EXAMPLE)
    world.pay(quote).expect(200)
    give_up(operator, quote)
    time.sleep(2)
    assert "invoice" not in world.see(quote), "nobody was told of the payment"
    licence_key = world.stack.names["LicenseKey"]
    keys.disable_key(KeyId=licence_key)
    assert "1 of its records failed" in operator.replays(0, of=1)
    keys.enable_key(KeyId=licence_key)
    operator.replays(1, of=1)
    assert len(world.delivered(quote)["licenses"]) == 2
    operator.replays(0, of=0)
    functions.update_event_source_mapping(UUID=mapping, Enabled=True)


def giving_again_late(operator: Operator):
    """A letter that comes so late tells how the quote stands: nobody is asked for what is paid. No other function is called."""
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
    told = [letter["Subject"] for letter in world.mailbox.to(RITA) if quote["number"] in letter.as_string()]
    assert not [subject for subject in told if subject.startswith("Your quote")], told
    functions.update_event_source_mapping(UUID=mapping, Enabled=True)

    give_up(operator, quote, function="arn:aws:lambda:eu-central-1:123456789012:function:another")
    assert "is none of the stack's functions" in operator.replays(0, of=1)
    world.cloud.client("s3").delete_object(Bucket=world.stack.outputs["FailuresBucket"], Key=given_up_at(operator, quote))


def exported(operator: Operator) -> tuple[list, Path]:
    """An export, and what the table held all the while: the stream may still be catching up with what was done before."""
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
    raise AssertionError("the table never stood still for as long as an export takes")


def leaving(operator: Operator):
    """Everything that is kept is written down, and every licence in it verifies without us."""
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
    """Each command needed every permission that is written down for it, and no other."""
    asked = [line for line in operator.cloud.asked() if ":assumed-role/operator-" in (line["principal"] or "")]
    denied = [line for line in asked if not line["allowed"]]
    assert not denied, denied
    for command in ("doctor", "export", "replay"):
        used = {line["action"] for line in asked if f"/operator-{command}/" in line["principal"]}
        policy = json.loads((AWS / f"operate/{command}.json").read_text())
        actions = [statement["Action"] for statement in policy["Statement"]]
        held = {action for each in actions for action in (each if isinstance(each, list) else [each])}
        assert used == held, f"{command}: held in vain {held - used}, or used and not written down {used - held}"
