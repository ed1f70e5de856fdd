"""The whole story by the client of `openapi-python-client`."""

import datetime
import json
import os
import time
import urllib.parse
import urllib.request

from sellthrough_client import AuthenticatedClient, Client
from sellthrough_client.api.desk import approve_quote, get_audit, get_policy, get_policy_files, list_reviews, put_entitlement
from sellthrough_client.api.desk import put_partner, put_policy
from sellthrough_client.api.licences import get_license, get_license_keys, reveal_license
from sellthrough_client.api.published import get_terms
from sellthrough_client.api.quotes import create_quote, get_quote, get_quote_document, look_up_entitlements
from sellthrough_client.models import Approval, EntitlementRecord, Lookup, Order, PartnerRecord, PolicyCheck, PolicyRecord, Problem

URL = os.environ["SELLTHROUGH_URL"]
api = Client(base_url=URL)


def signed_in(**identity) -> AuthenticatedClient:
    """The client of a person with this identity."""
    body = json.dumps(identity).encode()
    request = urllib.request.Request(f"{URL}/local/tokens", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return AuthenticatedClient(base_url=URL, token=json.load(answer)["access_token"])


def ok(response, status=200):
    """The value of a response, which must have this status."""
    assert response.status_code == status, (response.status_code, response.content)
    return response.parsed


def until(find):
    """The first value that is found, tried ten times a second."""
    deadline = time.monotonic() + 30
    while (found := find()) is None:
        assert time.monotonic() < deadline, "it did not happen within half a minute"
        time.sleep(0.1)
    return found


def secret_of(link: str) -> str:
    return urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["secret"][0]


# The texts to accept.
terms = ok(get_terms.sync_detailed(client=api))
accept = {str(one.text.value): one.version for one in terms.texts}
with open(os.environ["SELLTHROUGH_ORDER"]) as file:
    example = json.load(file) | {"accept": accept, "po_number": None}


def order(**changes) -> Order:
    return Order.from_dict(example | changes)


# A refusal lists what would be accepted, as data.
refused = ok(create_quote.sync_detailed(client=api, body=order(currency="XAF")), 422)
assert isinstance(refused, Problem) and refused.code == "currency_not_offered", refused
assert "USD" in refused.errors[0].allowed, refused

# A quote, paid and delivered.
quote = ok(create_quote.sync_detailed(client=api, body=order(), idempotency_key="python-1"), 201)
secret = secret_of(quote.links.self_)
pdf = get_quote_document.sync_detailed(quote.number, client=api, secret=secret)
assert pdf.status_code == 200 and pdf.content.startswith(b"%PDF"), pdf.status_code
urllib.request.urlopen(urllib.request.Request(quote.links.pay, b"outcome=paid")).close()


def delivered():
    now = ok(get_quote.sync_detailed(quote.number, client=api, secret=secret))
    return now if now.invoice else None


paid = until(delivered)
assert paid.status == "paid" and [entry.event.value for entry in paid.history] == ["issued", "paid", "delivered"], paid

# The technical contact reads the key.
tina = signed_in(email="tina@customer.example")
sen = paid.licenses[0].sen
assert ok(get_license.sync_detailed(sen, client=tina)).tier == 500
revealed = ok(reveal_license.sync_detailed(sen, client=tina))
keys = ok(get_license_keys.sync_detailed(client=api))
assert revealed.key_id in [key.kid for key in keys.keys]

# Staff enrol the reseller, and import what another system has sold.
staff = signed_in(email="dana@vendor.example", groups=["vendor-staff"])
membership = {"programme": "partner", "tier": "gold", "from": "2026-01-01"}
partner = PartnerRecord.from_dict({"name": "Example Reseller GmbH", "memberships": [membership]})
assert ok(put_partner.sync_detailed("example-reseller", client=staff, body=partner), 201).version == 1
imported = "SEN-4MRX7-PQ2HVW"
record = EntitlementRecord.from_dict({
    "product": "tracker-data-center", "tier": 500, "licensee": "Example Customer Inc.", "purchased": "2026-01-01",
    "end": str(datetime.date.today() + datetime.timedelta(days=60)),
    "technical_contact": {"name": "Tina Admin", "email": "tina@customer.example"},
    "purchaser": {
        "company": "Example Reseller GmbH", "organization": "example-reseller",
        "contact": {"name": "Rita Seller", "email": "rita@reseller.example"},
    },
})
ok(put_entitlement.sync_detailed(imported, client=staff, body=record), 201)

# The partner looks the licence up, and renews it with a discount.
rita = signed_in(email="rita@reseller.example", organization="example-reseller")
asked = Lookup(email="tina@customer.example", currency="USD", sen=imported)
found = ok(look_up_entitlements.sync_detailed(client=rita, body=asked))
target = next(target for target in found.entitlements[0].targets if target.kind == "renewal" and target.available)
renewal = order(lines=[{"kind": "renewal", "sen": imported, "term_months": 12}])
assert ok(create_quote.sync_detailed(client=rita, body=renewal), 201).net == target.amount

# An order that staff review: found page by page, and approved.
noted = ok(create_quote.sync_detailed(client=api, body=order(notes="Please make it a co-term.")), 201)
assert noted.status == "in_review"


def waiting():
    page = ok(list_reviews.sync_detailed(client=staff, limit=1))
    return page.quotes[0] if page.quotes else None


first = until(waiting)
assert first.number == noted.number
decision = Approval(reason="Looked at.", revision=first.revision)
ok(approve_quote.sync_detailed(noted.number, client=staff, body=decision))
audit = ok(get_audit.sync_detailed("entitlements", imported, client=staff, limit=1))
assert audit.entries[0].action == "record"

# A policy is checked before it is published.
version = ok(get_policy.sync_detailed(client=staff)).version
files = ok(get_policy_files.sync_detailed(version, client=staff)).files.to_dict()
files["vendor.toml"] = files["vendor.toml"].replace("validity_days = 30", "validity_days = 45")
check = ok(put_policy.sync_detailed(client=staff, body=PolicyRecord.from_dict({"files": files}), check=True))
assert isinstance(check, PolicyCheck) and len(check.changes) == 1, check
print("openapi-python-client: the whole story")
