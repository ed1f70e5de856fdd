"""Tests that the roles have the permissions that are needed, and no others."""

import itertools
import json
from fnmatch import fnmatchcase

import journeys
from botocore.exceptions import ClientError
from journeys import RITA, World, new, order, until

# Actions of the Lambda service with a function's role. The emulator performs them without a permission check.
BY_LAMBDA = {
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "s3:ListBucket",
    "s3:PutObject",
}


class Grant:
    """One permission of a role: an action on a resource, restricted to a pattern of partition keys if there is one."""

    def __init__(self, role: str, policy: str, action: str, resource: str, keys: str | None):
        self.role, self.policy, self.action, self.resource, self.keys = role, policy, action, resource, keys

    def covers(self, asked: dict) -> bool:
        keyed = self.keys is None or any(fnmatchcase(key, self.keys) for key in asked["keys"])
        return asked["action"] == self.action and fnmatchcase(asked["resource"], self.resource) and keyed

    def __str__(self):
        return f"{self.role}: {self.action} on {self.resource} {self.keys or ''}"


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


def roles(world: World) -> dict[str, str]:
    """The roles of the stack, by their name in the template."""
    return {name: physical for name, physical in world.stack.names.items() if name.endswith("Role")}


def policies(world: World, role: str) -> dict[str, dict]:
    """A role's current policies."""
    iam = world.cloud.client("iam")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}


def grants(world: World) -> list[Grant]:
    found = []
    for role, physical in roles(world).items():
        for policy, document in policies(world, physical).items():
            for statement in document["Statement"]:
                assert statement["Effect"] == "Allow", statement
                keys = statement.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", [None])
                for action in listed(statement["Action"]):
                    assert "*" not in action, f"{role} has the wildcard {action}"
                    found += [Grant(role, policy, action, arn, key) for arn in listed(statement["Resource"]) for key in listed(keys)]
    return found


def asked_by(world: World) -> dict[str, list[dict]]:
    """The requests of each role so far."""
    by_name = {physical: name for name, physical in roles(world).items()}
    asked = {name: [] for name in by_name.values()}
    for line in world.cloud.asked():
        _, _, session = (line["principal"] or "").partition(":assumed-role/")
        if role := by_name.get(session.partition("/")[0]):
            asked[role].append(line)
    return asked


def all_needed(world: World):
    """No request was denied, and no permission is unused."""
    asked = asked_by(world)
    denied = [(role, line) for role, lines in asked.items() for line in lines if not line["allowed"]]
    assert not denied, f"the journeys were denied: {denied}"
    idle = []
    for grant in grants(world):
        if grant.action not in BY_LAMBDA and not any(grant.covers(line) for line in asked[grant.role]):
            idle.append(str(grant))
    assert not idle, "unused permissions:\n" + "\n".join(idle)


def each_keeps_to_its_keys(world: World):
    """A role that may read items of one kind reads no others, alone or in a transaction with its own."""
    table = world.stack.outputs["TableName"]
    # C10: a function that answers the internet publishes no policy.
    policy = {"pk": {"S": "POLICY"}, "sk": {"S": "CURRENT"}}
    quotes = world.cloud.client("dynamodb", world.stack.role_credentials("QuotesRole"))
    own, foreign = [{"pk": {"S": partition}, "sk": {"S": "x"}} for partition in ("QUOTE#x", "LICENSE#x")]
    quotes.get_item(TableName=table, Key=own)
    put = [{"Put": {"TableName": table, "Item": item}} for item in (own, foreign)]
    batch = {"Keys": [foreign], "ProjectionExpression": "pk, sk, kind, version, body"}
    quotes.batch_get_item(RequestItems={table: batch})
    for denied in (
        # C10: an order needs no licence key.
        lambda: quotes.batch_get_item(RequestItems={table: {"Keys": [foreign]}}),
        lambda: quotes.batch_get_item(RequestItems={table: {**batch, "ProjectionExpression": "pk, files"}}),
        lambda: quotes.get_item(TableName=table, Key=foreign),
        lambda: quotes.put_item(TableName=table, Item=foreign),
        lambda: quotes.put_item(TableName=table, Item=policy),
        lambda: quotes.transact_write_items(TransactItems=put),
        lambda: quotes.delete_item(TableName=table, Key=own),
        lambda: quotes.scan(TableName=table),
    ):
        refused(denied, "quotes reached a key outside its permissions")


def refused(does, otherwise: str):
    try:
        does()
    except ClientError as error:
        assert "AccessDenied" in error.response["Error"]["Code"], error
    else:
        raise AssertionError(otherwise)


def only_issuance_signs(world: World):
    """Only issuance can sign with the licence key: no other role can, and no administrator of the account."""
    key = world.stack.outputs["LicenseKeyArn"]
    iam = world.cloud.client("iam")
    iam.create_user(UserName="administrator")
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="administrator", PolicyName="everything", PolicyDocument=json.dumps(everything))
    administrator = iam.create_access_key(UserName="administrator")["AccessKey"]
    others = {name: world.stack.role_credentials(name) for name in roles(world)}
    issuance = others.pop("IssuanceRole")
    others["administrator"] = administrator
    world.cloud.client("kms", administrator).describe_key(KeyId=key)

    def sign(credentials, kind="RAW", algorithm="ED25519_SHA_512"):
        with_it = world.cloud.client("kms", credentials)
        return with_it.sign(KeyId=key, Message=b"x" * 64, MessageType=kind, SigningAlgorithm=algorithm)

    sign(issuance)
    # C10: nothing but whole messages, by the one algorithm that verifiers know.
    refused(lambda: sign(issuance, "DIGEST"), "issuance signed a digest")
    refused(lambda: sign(issuance, "DIGEST", "ED25519_PH_SHA_512"), "issuance signed by another algorithm")
    for name, credentials in others.items():
        refused(lambda: sign(credentials), f"{name} signed with the licence key")


def only_the_vendor_s_addresses_send(world: World):
    """C10: Notifications sends from the vendor's domain, and from no address of another one. C3: through the two configuration sets of
    the stack, whose bounces and complaints are recorded, and through no other one."""
    mail = world.cloud.client("ses", world.stack.role_credentials("NotificationsRole"))

    def send(address, **settings):
        raw = f"From: {address}\r\nTo: tina@customer.example\r\nSubject: x\r\n\r\nx".encode()
        return mail.send_raw_email(RawMessage={"Data": raw}, **settings)

    refused(lambda: send("sales@vendor.example", ConfigurationSetName="another"), "a letter was sent through another set")

    for address in ("billing@elsewhere.example", "billing@sub.vendor.example.evil.example"):
        refused(lambda: send(address), f"a letter was sent from {address}")


class Without:
    """A role without an action, for a while."""

    def __init__(self, world: World, role: str, action: str):
        self.iam, self.role = world.cloud.client("iam"), roles(world)[role]
        self.before = policies(world, self.role)
        self.action = action

    def put(self, documents: dict[str, dict]):
        for name, document in documents.items():
            if document["Statement"]:
                self.iam.put_role_policy(RoleName=self.role, PolicyName=name, PolicyDocument=json.dumps(document))
            else:
                self.iam.delete_role_policy(RoleName=self.role, PolicyName=name)

    def __enter__(self):
        def left(statement):
            actions = [action for action in listed(statement["Action"]) if action != self.action]
            return [{**statement, "Action": actions}] if actions else []

        after = {
            name: {**document, "Statement": [part for statement in document["Statement"] for part in left(statement)]}
            for name, document in self.before.items()
        }
        assert after != self.before, f"{self.role} does not have {self.action}"
        self.put(after)

    def __exit__(self, *_):
        self.put(self.before)


def each_removal_is_noticed(world: World):
    """Removes one permission at a time, and runs a part of a journey that must fail without it."""
    token = world.issuer.token(journeys.TINA)
    reseller = world.issuer.token(RITA, journeys.RESELLER)
    quote = world.quote(journeys.EXAMPLE)
    world.letter(RITA, quote["number"])
    paid = world.quote(journeys.EXAMPLE)
    world.pay(paid).expect(200)
    license = world.delivered(paid)["licenses"][0]["sen"]
    one_more = itertools.count(1)  # a repeated value would change nothing
    lookup = {"sen": license, "email": journeys.TINA, "currency": "USD"}

    def status(*request, **more):
        return lambda _: world.ask(*request, **more).status < 500

    # (role, action, whether only a restart shows the effect, what works within some seconds only with the permission)
    probes = [
        ("QuotesRole", "dynamodb:PutItem", False, status("POST", "/v1/quotes", journeys.EXAMPLE)),
        ("QuotesRole", "dynamodb:GetItem", False, status("GET", quote["links"]["self"])),
        ("QuotesRole", "dynamodb:UpdateItem", False, status("POST", "/v1/entitlements/lookup", lookup)),
        ("QuotesRole", "dynamodb:BatchGetItem", False, status("POST", "/v1/quotes", journeys.EXAMPLE, reseller)),
        ("QuotesRole", "dynamodb:Query", True, status("POST", "/v1/quotes", journeys.EXAMPLE)),
        ("QuotesRole", "secretsmanager:GetSecretValue", True, status("GET", quote["links"]["self"])),
        ("DocumentsRole", "dynamodb:GetItem", False, status("GET", quote["links"]["document"])),
        ("DocumentsRole", "dynamodb:Query", True, status("GET", quote["links"]["document"])),
        ("DocumentsRole", "secretsmanager:GetSecretValue", True, status("GET", quote["links"]["document"])),
        ("PaymentsRole", "dynamodb:BatchGetItem", False, lambda _: world.pay(paid).status < 500),
        ("PaymentsRole", "dynamodb:GetItem", False, lambda _: world.refund(paid, next(one_more)).status < 500),
        ("PaymentsRole", "dynamodb:PutItem", False, lambda _: world.refund(paid, next(one_more)).status < 500),
        ("PaymentsRole", "secretsmanager:GetSecretValue", True, lambda _: world.pay(paid).status < 500),
        ("LicensesRole", "dynamodb:GetItem", False, status("GET", f"/v1/licenses/{license}", token=token)),
        ("LicensesRole", "dynamodb:PutItem", False, status("POST", f"/v1/licenses/{license}/reveal", token=token)),
        ("LicensesRole", "dynamodb:Query", False, status("GET", "/.well-known/license-keys.json")),
        ("DeskRole", "dynamodb:GetItem", False, lambda _: world.desk("GET", "evidence/EV-1").status < 500),
        ("DeskRole", "dynamodb:PutItem", False, lambda _: world.desk("PUT", "partners/Example", enrolled(next(one_more))).status < 500),
        ("DeskRole", "dynamodb:DeleteItem", False, lambda _: world.desk("PUT", "evidence/EV-2", registered(next(one_more))).status < 500),
        ("DeskRole", "dynamodb:Query", False, lambda _: world.desk("GET", "audit/evidence/EV-1").status < 500),
        ("NotificationsRole", "ses:SendRawEmail", False, lambda seconds: is_sent(world, seconds)),
        ("NotificationsRole", "dynamodb:GetItem", False, lambda seconds: is_sent(world, seconds)),
        ("NotificationsRole", "dynamodb:BatchGetItem", False, lambda seconds: is_sent(world, seconds)),
        ("NotificationsRole", "dynamodb:PutItem", False, lambda seconds: is_recorded(world, seconds)),
        ("NotificationsRole", "dynamodb:UpdateItem", False, lambda seconds: is_recorded(world, seconds)),
        ("NotificationsRole", "secretsmanager:GetSecretValue", True, lambda seconds: is_sent(world, seconds)),
        ("FeedbackRole", "dynamodb:GetItem", False, lambda seconds: is_suppressed(world, next(one_more), seconds)),
        ("FeedbackRole", "dynamodb:PutItem", False, lambda seconds: is_suppressed(world, next(one_more), seconds)),
        ("FeedbackRole", "secretsmanager:GetSecretValue", True, lambda seconds: is_suppressed(world, next(one_more), seconds)),
        ("IssuanceRole", "kms:Sign", False, lambda seconds: is_delivered(world, seconds)),
        ("IssuanceRole", "kms:GetPublicKey", True, lambda seconds: is_delivered(world, seconds)),
        ("IssuanceRole", "dynamodb:GetItem", False, lambda seconds: is_delivered(world, seconds)),
        ("IssuanceRole", "dynamodb:PutItem", False, lambda seconds: is_delivered(world, seconds)),
        ("IssuanceRole", "dynamodb:UpdateItem", False, lambda seconds: is_delivered(world, seconds)),
        ("IssuanceRole", "dynamodb:Query", True, lambda seconds: is_delivered(world, seconds)),
        ("IssuanceRole", "secretsmanager:GetSecretValue", True, lambda seconds: is_delivered(world, seconds)),
        ("DeadlinesClockRole", "lambda:InvokeFunction", False, lambda _: is_done(world.round)),
        ("DeadlinesRole", "dynamodb:Query", False, lambda _: is_done(world.round)),
        ("DeadlinesRole", "dynamodb:UpdateItem", False, lambda _: is_retried(world)),
    ]
    unnoticed = []
    for role, action, restart, works in probes:
        assert works(60), f"{role} with {action}"
        with Without(world, role, action):
            if restart:
                world.cold()
            before = len(asked_by(world)[role])
            worked = works(8)
            # A restarted consumer may make the denied request only now.
            denied = comes(lambda: is_denied(world, role, action, before), 60)
            if worked or not denied:
                unnoticed.append(f"{role}: {action}")
        if restart:
            world.cold()
    assert not unnoticed, f"nothing failed without: {unnoticed}"


def is_denied(world: World, role: str, action: str, before: int) -> bool:
    return any(not line["allowed"] and line["action"] == action for line in asked_by(world)[role][before:])


def registered(number: int) -> dict:
    """Evidence with another number than before: the copy under the former number is removed."""
    record = {"segment": "government", "organization": "Example Agency", "country": "US", "document": "archive/2"}
    return {**record, "registration_number": str(number), "expires": "2030-01-01"}


def enrolled(name: int) -> dict:
    return {"name": f"Example {name}", "memberships": []}


def small_quote(world: World) -> dict:
    """A new quote. The request is signed in, because anonymous requests are limited per hour."""
    wanted = order(new("tracker-server", 20, None))
    return world.ask("POST", "/v1/quotes", wanted, world.issuer.token(RITA)).expect(201)


def is_sent(world: World, seconds: float) -> bool:
    """Whether a new quote's letter arrives within this time."""
    quote = small_quote(world)
    return comes(lambda: any(quote["number"] in letter["Subject"] for letter in world.mailbox.to(RITA)), seconds)


def is_suppressed(world: World, number: int, seconds: float) -> bool:
    """Whether a mailbox is suppressed within this time after a letter to it has come back."""
    address = f"gone-{number}@reseller.example"
    world.reports(journeys.bounced(address, f"gone-{number}"))
    return comes(lambda: journeys.suppressed(world, address), seconds)


def is_recorded(world: World, seconds: float) -> bool:
    """Whether a new quote has no pending letters within this time, because the sent letter is recorded."""
    quote = small_quote(world)
    return comes(lambda: "owed" not in journeys.stored(world, quote), seconds)


def is_delivered(world: World, seconds: float) -> bool:
    """Whether a paid quote is delivered within this time."""
    quote = small_quote(world)
    world.pay(quote).expect(200)
    return comes(lambda: world.see(quote).get("invoice"), seconds)


def is_done(does) -> bool:
    try:
        does()
    except (AssertionError, ClientError):
        return False
    return True


def is_retried(world: World) -> bool:
    """Whether a paid quote that has been undelivered for hours is retried."""
    keys, key = world.cloud.client("kms"), world.stack.names["LicenseKey"]
    quote = small_quote(world)
    keys.disable_key(KeyId=key)
    world.pay(quote).expect(200)
    journeys.grown_old(world, quote)
    done = is_done(world.round)
    keys.enable_key(KeyId=key)
    return done


def comes(done, seconds: float) -> bool:
    try:
        return bool(until(done, "", seconds))
    except AssertionError:
        return False
