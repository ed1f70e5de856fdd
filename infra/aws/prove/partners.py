"""Local stand-ins for the vendor's partners: the issuer of tokens, Stripe, the recipients of mail, DNS."""

import base64
import email
import email.policy
import hashlib
import hmac
import http.client
import http.server
import json
import threading
import time
from urllib.parse import urlsplit

import jwt
from aiosmtpd.controller import Controller
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from stack import free_port

AUDIENCE = "sellthrough"


class Issuer:
    """An OpenID Connect issuer."""

    # The issuer's name in its metadata, if it differs from its address.
    alias: str | None = None

    def __init__(self):
        self.key = Ed25519PrivateKey.generate()
        public = base64.urlsafe_b64encode(self.key.public_key().public_bytes_raw()).rstrip(b"=").decode()
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": public, "kid": "1", "use": "sig", "alg": "EdDSA"}
        issuer = self

        class Published(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                metadata = {"issuer": issuer.alias or issuer.url, "jwks_uri": f"{issuer.url}/jwks", "response_types_supported": ["code"]}
                answer = {"/.well-known/openid-configuration": metadata, "/jwks": {"keys": [jwk]}}.get(self.path)
                body = json.dumps(answer).encode()
                self.send_response(200 if answer else 404)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Published)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, address: str, organization: str | None = None, groups: list[str] = []) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": hashlib.sha256(address.encode()).hexdigest(),
            "email": address,
            "email_verified": True,
            "groups": groups,
            "iat": now,
            "exp": now + 600,
        }
        if organization:
            claims["organization"] = organization
        return jwt.encode(claims, self.key, algorithm="EdDSA", headers={"kid": "1"})


class Mailbox:
    """Every letter that the mail service received, as sent."""

    def __init__(self):
        self.letters: list[email.message.EmailMessage] = []
        self.port = free_port()
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port, ready_timeout=60)
        self.controller.start()

    async def handle_DATA(self, server, session, envelope):
        self.letters.append(email.message_from_bytes(envelope.original_content, policy=email.policy.default))
        return "250 OK"

    def to(self, address: str) -> list[email.message.EmailMessage]:
        return [letter for letter in list(self.letters) if address in letter["To"]]


class Net:
    """A proxy that reaches the host names of the emulated AWS. On AWS, DNS resolves these names."""

    def __init__(self, endpoint: str):
        class Passed(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                where = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                through = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=60)
                through.request(self.command, where.path, body, dict(self.headers))
                answer = through.getresponse()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                        self.send_header(name, value)
                content = answer.read()
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Passed)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def stripe_signature(secret: str, body: bytes) -> str:
    """The `Stripe-Signature` header, as https://docs.stripe.com/webhooks/signature describes it."""
    at = int(time.time())
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


def stripe_event(kind: str, intent: str, details: dict) -> bytes:
    event = {
        "id": f"evt_{kind}_{intent}",
        "object": "event",
        "api_version": "2026-01-28",
        "type": kind,
        "livemode": False,
        "created": int(time.time()),
        "data": {"object": details},
    }
    return json.dumps(event).encode()
