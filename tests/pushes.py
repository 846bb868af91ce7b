"""Pushes of the form 《库存反记帐申请》 as Jiandaoyun would send them, and how senders sign."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from standardwebhooks.webhooks import Webhook

from service.inbox.signatures import jiandaoyun_signature

FORM_SECRET = "unclose-test-secret"
STANDARD_SECRET = "whsec_" + base64.b64encode(b"twenty-four bytes or more").decode()

_BODIES = Path(__file__).parent / "data" / "pushes"


@dataclass(frozen=True)
class Push:
    """One push, with the time, the nonce and the signature that it was sent with."""

    body: bytes
    timestamp: str
    nonce: str
    signature: str

    @property
    def query(self) -> tuple[tuple[str, str], ...]:
        return ("timestamp", self.timestamp), ("nonce", self.nonce)

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(int(self.timestamp), UTC)

    def headers(self, delivery: str = "d1") -> dict[str, str]:
        return {"x-jdy-signature": self.signature, "x-jdy-deliverid": delivery}


def _worked(name: str, timestamp: str, nonce: str, signature: str) -> Push:
    return Push((_BODIES / f"{name}.json").read_bytes(), timestamp, nonce, signature)


SUBMITTED = _worked("s1", "1749636191", "7c1e9a", "7cc1445f8477403935778a57b5ecc573f70a0e73")
APPROVED_ONCE = _worked("s2", "1749640845", "b04d2f", "47ade6c02ac092478a0256d2ad065ad7efcc136b")
COMPLETED = _worked("s3", "1749645663", "e91a57", "69dacdf2c7839b11ef8cdc8cbc20b7518ccbef24")
DELETED = _worked("s4", "1749690900", "35fa0c", "102c72554d3306f5ecac2c33e3700a201e0f7a1d")
RESTRUCTURED = _worked("s5", "1749700000", "1d77be", "9e232709a85ed541977c7fed9a2058295792e6ee")
WORKED = (SUBMITTED, APPROVED_ONCE, COMPLETED, DELETED, RESTRUCTURED)
"""With `FORM_SECRET`, exactly as the reference has worked them out."""


def signed_push(body: bytes, secret: str = FORM_SECRET, at: datetime | None = None) -> Push:
    """A push of now, or of another time."""
    timestamp, nonce = str(int((at or datetime.now(UTC)).timestamp())), uuid4().hex[:6]
    return Push(body, timestamp, nonce, jiandaoyun_signature(nonce, body, secret, timestamp))


def a_push(op: str = "data_create", record: str = "6849a1f02c8b4e0007d3a5c1", at: int = 0) -> bytes:
    """The body of a small push about a record, of a moment in milliseconds."""
    data = {"appId": "68494f0a9c1e7d0008b2f301", "entryId": "68494f5b9c1e7d0008b2f3a7", "_id": record}
    return json.dumps({"op": op, "opTime": at, "data": data}, separators=(",", ":")).encode()


def standard_headers(
    body: bytes, message: str, secret: str = STANDARD_SECRET, at: datetime | None = None
) -> Mapping[str, str]:
    """What Standard Webhooks sends with a body."""
    now = at or datetime.now(UTC)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message, now.replace(microsecond=0), body.decode()),
    }
