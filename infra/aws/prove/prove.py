"""Deploys the template with the packages of a folder on an emulated AWS, runs the journeys, tests the roles, and runs the
operator's commands."""

import signal
import sys
import tempfile
import time
from pathlib import Path

import journeys
import operating
import roles
from journeys import World
from partners import AUDIENCE, Issuer, Mailbox
from stack import Cloud, Stack


def main():
    # A terminated proof stops the emulator as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    with tempfile.TemporaryDirectory(prefix="sellthrough-prove-") as folder:
        issuer, mailbox = Issuer(), Mailbox()
        cloud = Cloud(Path(folder), mailbox.port)
        try:
            prove(cloud, issuer, mailbox)
        except BaseException:
            print(cloud.log.read_text()[-12_000:], file=sys.stderr)
            raise
        finally:
            cloud.stop()
            mailbox.controller.stop()


def prove(cloud: Cloud, issuer: Issuer, mailbox: Mailbox):
    parameters = {
        "Architecture": "x86_64",
        "PaymentUrl": "https://vendor.example/pay",
        "OidcIssuer": issuer.url,
        "OidcAudience": AUDIENCE,
        "MailIdentity": "vendor.example",
        "StripeAcceptTestMode": "true",
        "AlarmEmail": "ops@vendor.example",
    }
    stack = step("the stack is created", Stack, cloud, "sellthrough", parameters)
    # Neither a template nor the doctor can do this: AWS grants a new account production access for mail on request.
    cloud.client("sesv2").put_account_details(
        MailType="TRANSACTIONAL", WebsiteURL="https://vendor.example", ProductionAccessEnabled=True
    )
    world = World(stack, issuer, mailbox)
    operator = operating.Operator(world)
    step("the first run", operating.first_run, operator)
    step("the first letter publishes the policy", journeys.the_first_letter_publishes_the_policy, world)
    step("from quote to licence", journeys.from_quote_to_licence, world)
    step("what the desk does", journeys.what_the_desk_does, world)
    step("a payment that a person decides", journeys.a_payment_that_a_person_decides, world)
    step("a letter that comes back", journeys.a_letter_that_comes_back, world)
    step("a policy that cannot be read", journeys.a_policy_that_cannot_be_read, world)
    step("a quote whose stream record is lost", journeys.a_lost_record, world)
    step("every permission was needed, and none was missing", roles.all_needed, world)
    step("a role reaches its own keys of the table only", roles.each_keeps_to_its_keys, world)
    step("only issuance signs", roles.only_issuance_signs, world)
    step("letters leave from the vendor's addresses only", roles.only_the_vendor_s_addresses_send, world)
    step("an operator finds what is wrong and fixes it", operating.checking, operator)
    step("given-up records are replayed", operating.replaying, operator)
    step("a given-up message about a letter is replayed", operating.replaying_a_message, operator)
    step("a late replay states the current state", operating.replaying_late, operator)
    step("all data can be exported", operating.exporting, operator)
    step("operators need exactly the permissions of their policies", operating.nothing_else_was_allowed, operator)
    step("without a permission its journey fails", roles.each_removal_is_noticed, world)
    print("proven")


def step(what: str, does, *arguments):
    start = time.monotonic()
    result = does(*arguments)
    print(f"{what} ({time.monotonic() - start:.1f} s)", flush=True)
    return result


if __name__ == "__main__":
    main()
