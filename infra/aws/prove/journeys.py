"""The journeys: whole stories over HTTP, with the requests of buyers, Stripe and the vendor's staff."""

import base64
import copy
import io
import json
import time
import urllib.error
import urllib.request

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from partners import Issuer, Mailbox, stripe_event, stripe_signature
from pypdf import PdfReader
from stack import FUNCTIONS, PACKAGES, Stack

EXAMPLE = json.loads((PACKAGES / "quotes/vendor/examples/quote.json").read_text())
RESELLER, CUSTOMER, AGGREGATOR = "Example Reseller GmbH", "Example Customer Inc.", "Public Sector Aggregator"
RITA, TINA = "rita@reseller.example", "tina@customer.example"
WEBHOOK_SECRET = "whsec_only_for_the_proof"


class Answer:
    def __init__(self, status: int, headers, body: bytes):
        self.status, self.headers, self.body = status, headers, body

    def expect(self, *statuses: int):
        assert self.status in statuses, f"{self.status}, not {statuses}: {self.body[:2000].decode(errors='replace')}"
        return self.json() if "json" in self.headers.get("content-type", "") else self.body

    def json(self):
        return json.loads(self.body)


class World:
    """The deployed stack, and the stand-ins for everything around it."""

    def __init__(self, stack: Stack, issuer: Issuer, mailbox: Mailbox):
        self.stack, self.cloud, self.issuer, self.mailbox = stack, stack.cloud, issuer, mailbox
        self.host = f"{stack.names['Api']}.execute-api.localhost:{self.cloud.port}"
        self.open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def ask(self, method: str, path: str, body=None, token=None, headers={}) -> Answer:
        path = path.removeprefix(self.stack.outputs["Url"])
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        request = urllib.request.Request(self.cloud.endpoint + path, data, method=method, headers={"host": self.host, **headers})
        if data is not None and not request.has_header("Content-type"):
            request.add_header("content-type", "application/json")
        if token:
            request.add_header("authorization", f"Bearer {token}")
        try:
            with self.open(request, timeout=60) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as answer:
            return Answer(answer.code, answer.headers, answer.read())

    def desk(self, method: str, path: str, body=None, headers={}) -> Answer:
        staff = self.issuer.token("dana@vendor.example", groups=["vendor-staff"])
        return self.ask(method, f"/v1/desk/{path}", body, staff, headers)

    def notify(self, event: bytes) -> Answer:
        signed = {"stripe-signature": stripe_signature(WEBHOOK_SECRET, event)}
        return self.ask("POST", "/webhooks/stripe", event, headers=signed)

    def pay(self, quote: dict) -> Answer:
        intent = f"pi_{quote['number'].replace('-', '')}"
        details = {
            "id": intent,
            "object": "payment_intent",
            "metadata": {"quote_number": quote["number"], "quote_revision": str(quote["revision"])},
            "amount": quote["total"],
            "amount_received": quote["total"],
            "currency": quote["currency"].lower(),
            "payment_method_types": ["card"],
        }
        return self.notify(stripe_event("payment_intent.succeeded", intent, details))

    def refund(self, quote: dict, total: int) -> Answer:
        """A refund as Stripe reports it. The event does not name the quote."""
        intent = f"pi_{quote['number'].replace('-', '')}"
        details = {
            "id": f"ch_{intent}",
            "object": "charge",
            "metadata": {},
            "payment_intent": intent,
            "amount": quote["total"],
            "amount_refunded": total,
            "currency": quote["currency"].lower(),
        }
        return self.notify(stripe_event("charge.refunded", intent, details))

    def reports(self, message: dict | str):
        """Publishes a message to the topic, as SES does."""
        text = message if isinstance(message, str) else json.dumps(message)
        self.cloud.client("sns").publish(TopicArn=self.stack.outputs["MailTroubleTopic"], Message=text)

    def cold(self, names: list[str] = FUNCTIONS):
        """Restarts functions, as a deployment does: their caches are empty."""
        functions = self.cloud.client("lambda")
        for name in names:
            functions.update_function_code(FunctionName=self.stack.names[name], **self.stack.packages[name])

    def round(self) -> dict:
        """Invokes Deadlines with the role of the schedule."""
        functions = self.cloud.client("lambda", self.stack.role_credentials("DeadlinesClockRole"))
        answer = functions.invoke(FunctionName=self.stack.names["Deadlines"])
        response = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, response
        return response

    def quote(self, order: dict, organization=None) -> dict:
        token = organization and self.issuer.token(RITA, organization)
        return self.ask("POST", "/v1/quotes", order, token).expect(201)

    def see(self, quote: dict) -> dict:
        return self.ask("GET", quote["links"]["self"]).expect(200)

    def delivered(self, quote: dict) -> dict:
        return until(lambda: (seen := self.see(quote)).get("invoice") and seen, f"{quote['number']} is delivered")

    def letter(self, address: str, subject: str):
        """The first letter to this address whose subject contains this text. It arrives within a minute."""
        found = lambda: next((letter for letter in self.mailbox.to(address) if subject in letter["Subject"]), None)
        return until(found, f"a letter to {address} about {subject}")


def until(done, what: str, seconds: float = 60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := done():
            return found
        time.sleep(0.25)
    raise AssertionError(f"not reached within {seconds} s: {what}")


def order(*lines: dict, **changes) -> dict:
    return {**copy.deepcopy(EXAMPLE), "lines": list(lines), **changes}


def new(product: str, users: int, months: int | None = 12) -> dict:
    return {"kind": "new", "product": product, "users": users, **({"term_months": months} if months else {})}


def is_pdf_of(body: bytes, text: str):
    pages = PdfReader(io.BytesIO(body)).pages
    assert text in "".join(page.extract_text() for page in pages), f"{text} is not in the document"


def sen(ten: str) -> str:
    """A SEN for something that another system has sold, by the rule in the desk's README."""
    alphabet = "23456789ABCDEFGHJKMNPQRTVWXYZ"
    weighed = sum(weight * alphabet.index(c) for weight, c in enumerate(reversed(ten), 2))
    eleven = ten + alphabet[-weighed % 29]
    return f"SEN-{eleven[:5]}-{eleven[5:]}"


def the_first_letter_publishes_the_policy(world: World):
    """C10: Quotes works with the policy of its package and may not publish it. Notifications does, before its first letter. A start
    of Desk does, too, so the proof goes back to the time before one."""
    table, name = world.cloud.client("dynamodb"), world.stack.outputs["TableName"]
    items = table.scan(TableName=name)["Items"]
    for item in (item for item in items if item["pk"]["S"].startswith("POLICY")):
        table.delete_item(TableName=name, Key={"pk": item["pk"], "sk": item["sk"]})
    world.cold(["Quotes", "Notifications"])
    quote = world.quote(EXAMPLE)
    world.letter(RITA, quote["number"])
    in_force = table.get_item(TableName=name, Key={"pk": {"S": "POLICY"}, "sk": {"S": "CURRENT"}})
    assert "Item" in in_force, "a letter was sent without a policy in force"


def from_quote_to_licence(world: World):
    """A reseller buys for a customer, who verifies the licence offline."""
    again = {"idempotency-key": "the-first-order"}
    quote = world.ask("POST", "/v1/quotes", EXAMPLE, headers=again).expect(201)
    repeated = world.ask("POST", "/v1/quotes", EXAMPLE, headers=again)
    assert repeated.expect(201) == quote and repeated.headers["idempotency-replayed"] == "true"
    assert world.see(quote)["number"] == quote["number"]

    copy_of_it = world.letter(RITA, quote["number"])
    [attached] = list(copy_of_it.iter_attachments())
    assert attached.get_content_type() == "application/pdf"
    is_pdf_of(attached.get_content(), quote["number"])
    is_pdf_of(world.ask("GET", quote["links"]["document"]).expect(200), quote["number"])

    assert world.ask("POST", "/webhooks/stripe", b"{}", headers={"stripe-signature": "t=1,v1=00"}).status == 400
    assert world.pay(quote).expect(200)["outcome"] == "applied"
    assert world.pay(quote).expect(200)["outcome"] in ("applied", "already_processed")
    paid = world.delivered(quote)
    assert paid["status"] == "paid" and len(paid["licenses"]) == 2 and len(paid["subscriptions"]) == 1, paid
    is_pdf_of(world.ask("GET", quote["links"]["document"].replace("document.pdf", "invoice.pdf")).expect(200), paid["invoice"])

    number = paid["licenses"][0]["sen"]
    assert world.ask("GET", f"/v1/licenses/{number}").status == 401
    assert world.ask("GET", f"/v1/licenses/{number}", token=world.issuer.token("eve@elsewhere.example")).status == 404
    contact = world.issuer.token(TINA)
    world.ask("GET", f"/v1/licenses/{number}", token=contact).expect(200)
    revealed = world.ask("POST", f"/v1/licenses/{number}/reveal", token=contact).expect(200)
    published = world.ask("GET", "/.well-known/license-keys.json").expect(200)["keys"]
    [jwk] = [key for key in published if key["kid"] == revealed["key_id"]]
    stated = verified(revealed["license_file"], jwk)
    assert number in json.dumps(stated) and CUSTOMER in json.dumps(stated)

    in_kms = world.cloud.client("kms").get_public_key(KeyId=world.stack.outputs["LicenseKeyArn"])
    public = load_der_public_key(in_kms["PublicKey"])
    assert isinstance(public, Ed25519PublicKey) and public.public_bytes_raw() == unpadded(jwk["x"])

    letter = world.letter(TINA, "")
    assert number in letter.get_body(("plain",)).get_content() and "LICENSE FILE" not in letter.as_string()
    world.refund(quote, 100).expect(200)
    # When the whole payment is returned, its purchase is closed.
    world.refund(quote, quote["total"]).expect(200)
    until(lambda: "owed" not in stored(world, quote), "the delivered purchase is closed")


def verified(text: str, jwk: dict) -> dict:
    """The content of a licence file if the key has signed it: Keygen's published format, read without our code."""
    lines = text.strip().splitlines()
    assert lines[0] == "-----BEGIN LICENSE FILE-----" and lines[-1] == "-----END LICENSE FILE-----"
    file = json.loads(base64.b64decode("".join(lines[1:-1])))
    assert file["alg"] == "base64+ed25519"
    key = Ed25519PublicKey.from_public_bytes(unpadded(jwk["x"]))
    key.verify(base64.b64decode(file["sig"]), f"license/{file['enc']}".encode())
    return json.loads(base64.b64decode(file["enc"]))


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def what_the_desk_does(world: World):
    """Staff import records, decide reviews and publish another policy; buyers then order by that policy."""
    held, agency = sen("4MRX7PQ2HV"), sen("4MRX7PQ2HW")
    since = {"from": "2024-01-01"}
    person = {"company": RESELLER, "contact": {"name": "Rita Seller", "email": RITA}}
    imported = {
        "product": "tracker-data-center",
        "tier": 500,
        "licensee": CUSTOMER,
        "technical_contact": {"name": "Tina Admin", "email": TINA},
        "purchaser": person,
        "purchased": "2024-01-01",
        "end": "2027-06-01",
    }
    records = {
        f"partners/{RESELLER.replace(' ', '%20')}": {
            "name": RESELLER,
            "memberships": [{"programme": "corporate_reseller", **since}],
        },
        f"partners/{AGGREGATOR.replace(' ', '%20')}": {"name": AGGREGATOR, "memberships": [{"programme": "aggregator", **since}]},
        "evidence/EV-1": {
            "segment": "government",
            "organization": CUSTOMER,
            "registration_number": "0",
            "country": "US",
            "domains": ["customer.example"],
            "document": "archive/1",
            "expires": "2030-01-01",
        },
        "certificates/RC-1": {
            "kind": "resale",
            "organization": RESELLER,
            "country": "US",
            "region": "US-NY",
            "number": "NY-0042",
            "document": "archive/2",
            "from": "2026-01-01",
            "expires": "2030-01-01",
        },
        f"entitlements/{held}": imported,
        f"entitlements/{agency}": {
            **imported,
            "product": "tracker-government-cloud",
            "licensee": "Another Agency",
            "purchaser": {**person, "organization": AGGREGATOR},
        },
        "sites/acme.cloud.example": {
            "organization": CUSTOMER,
            "contacts": [{"role": "admin", "name": "Ada Admin", "email": "ada@customer.example"}],
            "entitlements": [held],
        },
    }
    for path, record in records.items():
        world.desk("PUT", path, record).expect(201)
        world.desk("GET", path).expect(200)
        assert world.desk("GET", f"audit/{path}").expect(200)["entries"], path
    # The number is corrected: evidence is found by its present number only.
    world.desk("PUT", "evidence/EV-1", {**records["evidence/EV-1"], "registration_number": "1"}).expect(200)
    line = json.dumps({"sen": sen("4MRX7PQ2HX"), **imported}).encode()
    world.desk("POST", "entitlements", line, {"content-type": "application/jsonl"}).expect(200)

    # Another policy: from now on the packaged policy no longer counts.
    first = world.desk("GET", "policy").expect(200)["version"]
    files = world.desk("GET", f"policy/{first}").expect(200)["files"]
    files["vendor.toml"] = files["vendor.toml"].replace('support_url = "https://vendor', 'support_url = "https://help.vendor')
    files["vendor.toml"] = files["vendor.toml"].replace("USD = 1000000000", "USD = 100000000")
    second = world.desk("PUT", "policy", {"files": files}).expect(200)["version"]
    assert second != first
    world.cold()

    quote = world.quote(EXAMPLE)
    assert quote["policy_version"] == second
    is_pdf_of(world.ask("GET", quote["links"]["document"]).expect(200), quote["number"])
    world.ask("GET", "/v1/pricing").expect(200)
    world.ask("GET", "/v1/payment-methods").expect(200)
    world.ask("GET", "/v1/terms").expect(200)
    world.ask("GET", "/openapi.yaml").expect(200)
    world.ask("GET", "/docs").expect(200)

    # Existing entitlements, and orders that build on them.
    asked = {"sen": held, "email": TINA, "currency": "USD"}
    world.ask("POST", "/v1/entitlements/lookup", asked).expect(200)
    asked = {"site": "acme.cloud.example", "email": "ada@customer.example", "currency": "USD"}
    world.ask("POST", "/v1/entitlements/lookup", asked).expect(200)
    world.ask("POST", "/v1/quotes/preview", order(new("tracker-cloud", 200), tax={"certificate": "RC-1"})).expect(200)

    renewal = world.quote(order({"kind": "renewal", "sen": held, "term_months": 12}), RESELLER)
    assert renewal["channel_status"] != quote["channel_status"], "the reseller is enrolled"
    changed = order({"kind": "renewal", "sen": held, "term_months": 24})
    revised = world.ask("POST", renewal["links"]["revise"], changed, world.issuer.token(RITA, RESELLER))
    renewal = revised.expect(201)
    world.pay(renewal).expect(200)
    assert world.delivered(renewal)["licenses"][0]["sen"] == held

    # A government subscription. A customer can have only one.
    # B16: the buyer does not know the reference of the evidence, and states what a register says.
    claim = {"segment": "government", "registration_number": "1", "country": "US"}
    seller = {**EXAMPLE["reseller"], "company": AGGREGATOR}
    wanted = order(new("tracker-government-cloud", 500), segments=[claim], reseller=seller)
    government = world.quote(wanted, AGGREGATOR)
    assert government["status"] == "issued", government["review_reasons"]
    world.pay(government).expect(200)
    world.delivered(government)
    named = {**wanted, "segments": [{**claim, "evidence": "EV-1"}]}
    again = world.ask("POST", "/v1/quotes", named, world.issuer.token(RITA, AGGREGATOR))
    assert "subscription_exists" in json.dumps(again.expect(422))

    claim = {"segment": "government", "country": "US", "document": "mine.pdf"}
    large = world.quote(order(*[new("tracker-data-center", 500, 36) for _ in range(20)], segments=[claim]))
    assert large["status"] == "in_review", large["total"]
    until(lambda: large["number"] in waiting(world), "the quote is listed for review")
    decision = {"reason": "Looked at.", "revision": large["revision"], "evidence": ["EV-1"]}
    world.desk("POST", f"quotes/{large['number']}/approve", decision).expect(200)
    issued = world.see(large)
    assert issued["status"] == "issued" and issued["net"] < large["net"], "the discount's evidence is verified now"
    until(lambda: large["number"] not in waiting(world), "a decided quote is no longer listed for review")


def a_payment_that_a_person_decides(world: World):
    """Money that names no quote is listed for staff until one of them closes it."""
    quote = world.quote(order(new("tracker-server", 20, None)))
    unknown = {**quote, "number": quote["number"][:-1] + ("2" if quote["number"][-1] != "2" else "3")}
    assert world.pay(unknown).expect(200)["outcome"] == "unapplied"
    name = f"stripe:pi_{unknown['number'].replace('-', '')}"
    until(lambda: name in [payment["payment"] for payment in world.desk("GET", "payments").expect(200)["payments"]], "it is listed")
    shown = world.desk("GET", f"payments/{name}").expect(200)
    closing = {"reason": "Refunded at the provider.", "version": shown["version"]}
    assert world.desk("POST", f"payments/{name}/close", closing).expect(200)["closed"]["reason"] == closing["reason"]
    assert world.desk("GET", f"audit/payments/{name}").expect(200)["entries"]


def bounced(address: str, id: str) -> dict:
    """An event of SES: a letter to this address has come back."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {
        "eventType": "Bounce",
        "mail": {"timestamp": now, "messageId": f"letter-{id}", "destination": [address]},
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "NoEmail",
            "bouncedRecipients": [{"emailAddress": address, "diagnosticCode": "smtp; 550 5.1.1 user unknown"}],
            "timestamp": now,
            "feedbackId": id,
        },
    }


def suppressed(world: World, address: str) -> dict | None:
    """The suppressed mailbox with this address, as the desk lists it."""
    listed = world.desk("GET", "suppressions?limit=200").expect(200)["suppressions"]
    return next((mailbox for mailbox in listed if mailbox["address"] == address), None)


def a_letter_that_comes_back(world: World):
    """C3: a bounce suppresses the mailbox. The next letter is withheld and listed, and is sent when staff lift that, also when the
    stream record of the lift is lost."""
    gone = "gone@reseller.example"
    wanted = order(new("tracker-server", 20, None))
    wanted["reseller"]["contact"]["email"] = gone
    first = world.quote(wanted)
    world.letter(gone, first["number"])
    world.reports("Successfully validated SNS topic for Amazon SES event publishing.")
    world.reports(bounced(gone, "came-back"))
    until(lambda: suppressed(world, gone), "the mailbox is suppressed")

    second = world.quote(wanted)
    letters = f"quotes/{second['number']}/letters"
    states = lambda: [letter["state"] for letter in world.desk("GET", letters).expect(200)["letters"]]
    until(lambda: states() == ["withheld"], "the letter is withheld")
    mailbox = suppressed(world, gone)
    assert [letter["quote"] for letter in mailbox["withheld"]] == [second["number"]], mailbox
    assert "550 5.1.1" in mailbox["reports"][0]["diagnostic"], mailbox

    functions, mapping = world.cloud.client("lambda"), world.stack.names["NotificationsEvents"]
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    time.sleep(1)
    path = f"suppressions/{mailbox['mailbox']}"
    lift = {"reason": "The mailbox exists again.", "version": mailbox["version"]}
    assert "since" not in world.desk("POST", f"{path}/lift", lift).expect(200)
    made_old(world, {"pk": {"S": f"MAILBOX#{mailbox['mailbox']}"}, "sk": {"S": "MAILBOX"}})
    assert world.round()["reminded"] >= 1
    functions.update_event_source_mapping(UUID=mapping, Enabled=True)
    world.letter(gone, second["number"])
    until(lambda: states() == ["sent"], "the letter is recorded as sent")
    until(lambda: not world.desk("GET", path).expect(200)["withheld"], "no letter is withheld")
    assert world.desk("GET", f"audit/{path}").expect(200)["entries"][0]["reason"] == lift["reason"]


def waiting(world: World) -> list[str]:
    """The numbers of the quotes that wait for a review."""
    return [quote["number"] for quote in world.desk("GET", "reviews").expect(200)["quotes"]]


def a_policy_that_cannot_be_read(world: World):
    """A rolled-back program cannot read a policy that a newer program has published. It uses the policy of its folder."""
    table = world.stack.outputs["TableName"]
    items = world.cloud.client("dynamodb")
    quote = world.quote(EXAMPLE)
    world.letter(RITA, quote["number"])
    place = {"pk": {"S": f"POLICY#{quote['policy_version']}"}, "sk": {"S": "PART#0001"}}
    readable = items.get_item(TableName=table, Key=place)["Item"]
    items.put_item(TableName=table, Item={**readable, "text": {"S": '{"vendor.toml": "of another time"}'}, "parts": {"N": "1"}})
    world.cold()
    is_pdf_of(world.ask("GET", quote["links"]["document"]).expect(200), quote["number"])
    assert world.quote(EXAMPLE)["policy_version"] != quote["policy_version"]
    world.pay(quote).expect(200)
    invoice = world.delivered(quote)["invoice"]
    until(lambda: any(invoice in letter.as_string() for letter in world.mailbox.to(RITA)), f"a letter with {invoice}")
    items.put_item(TableName=table, Item=readable)
    world.cold()


def a_lost_record(world: World):
    """A quote was paid while the key was disabled, and its stream record is lost. Deadlines retries it, and it is delivered."""
    keys, key = world.cloud.client("kms"), world.stack.names["LicenseKey"]
    quote = world.quote(order(new("tracker-server", 20, None)))
    keys.disable_key(KeyId=key)
    for record in (lambda: world.pay(quote).expect(200), lambda: grown_old(world, quote)):
        before = signatures_asked(world)
        record()
        until(lambda: signatures_asked(world) > before, "issuance fails to sign")
    time.sleep(1)
    keys.enable_key(KeyId=key)
    assert "invoice" not in world.see(quote), "the quote was delivered although its record is lost"
    assert world.round()["reminded"] == 1
    world.delivered(quote)
    until(lambda: world.round()["oldest_owed_seconds"] == 0, "no work is pending")


def signatures_asked(world: World) -> int:
    return sum(line["action"] == "kms:Sign" for line in world.cloud.asked())


def grown_old(world: World, quote: dict):
    """Makes the pending work of a quote appear older."""
    made_old(world, stored_at(quote))


def made_old(world: World, key: dict, hours: int = 2):
    """Makes the pending work of an item appear older."""
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600 * hours))
    world.cloud.client("dynamodb").update_item(
        TableName=world.stack.outputs["TableName"],
        Key=key,
        UpdateExpression="SET owed_since = :since",
        ConditionExpression="attribute_exists(owed)",
        ExpressionAttributeValues={":since": {"S": since}},
    )


def stored_at(quote: dict) -> dict:
    """A quote's key in the table."""
    return {"pk": {"S": f"QUOTE#{quote['number'].removeprefix('Q-').replace('-', '')}"}, "sk": {"S": "QUOTE"}}


def stored(world: World, quote: dict) -> dict:
    """The stored item of a quote."""
    table = world.stack.outputs["TableName"]
    return world.cloud.client("dynamodb").get_item(TableName=table, Key=stored_at(quote))["Item"]
