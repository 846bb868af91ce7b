"""Whether a delivery comes from whom it says, unchanged and fresh: signatures over its raw bytes."""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from service.inbox.ports import Hook

_NONCE = re.compile(r"[0-9A-Za-z_-]{1,64}")
"""No colon: one could move the border between nonce and body without changing what is signed."""
_SECONDS = re.compile(r"[0-9]{1,12}")
_STANDARD_ID = re.compile(r"[^\s.]{1,120}")
"""No full stop, for the same reason."""


class Fault(StrEnum):
    """Why a delivery is refused as it comes."""

    MISSING = "missing"
    WRONG = "wrong"
    STALE = "stale"
    REPLAYED = "replayed"
    ALTERED = "altered"
    """It holds, and its id came before with other bytes."""


class SignatureFault(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True)
class Sealed:
    """A delivery whose signature holds."""

    delivery_id: str
    """The sender's."""
    seal: str
    """The same for a replay of the same bytes, whatever unsigned parts say."""


def jiandaoyun_signature(nonce: str, body: bytes, secret: str, timestamp: str) -> str:
    """SHA-1 over `nonce:body:secret:timestamp`, in hexadecimal. No HMAC: it is the sender's rule."""
    parts = (nonce.encode(), body, secret.encode(), timestamp.encode())
    return hashlib.sha1(b":".join(parts), usedforsecurity=False).hexdigest()


def verify_jiandaoyun(
    hook: Hook, headers: Mapping[str, str], query: Sequence[tuple[str, str]], body: bytes, now: datetime
) -> Sealed:
    """Raises SignatureFault."""
    given = headers.get("x-jdy-signature", "").lower()
    nonce, timestamp = _once(query, "nonce"), _once(query, "timestamp")
    if not given or nonce is None or timestamp is None:
        raise SignatureFault(Fault.MISSING)
    if not _NONCE.fullmatch(nonce) or not _SECONDS.fullmatch(timestamp):
        raise SignatureFault(Fault.WRONG)
    if not _any(
        hook.secrets, lambda secret: _equal(given, jiandaoyun_signature(nonce, body, secret, timestamp))
    ):
        raise SignatureFault(Fault.WRONG)
    _require_fresh(timestamp, hook, now)
    seal = hashlib.sha256(f"{given}:{nonce}:{timestamp}".encode()).hexdigest()
    return Sealed(plain(headers.get("x-jdy-deliverid") or f"signature:{given}"), seal)


def verify_standard(hook: Hook, headers: Mapping[str, str], body: bytes, now: datetime) -> Sealed:
    """Raises SignatureFault."""
    message, timestamp = headers.get("webhook-id"), headers.get("webhook-timestamp")
    if not message or not timestamp or not headers.get("webhook-signature"):
        raise SignatureFault(Fault.MISSING)
    if not _STANDARD_ID.fullmatch(message) or not _SECONDS.fullmatch(timestamp):
        raise SignatureFault(Fault.WRONG)
    _require_fresh(timestamp, hook, now)
    given = headers["webhook-signature"].split(" ")
    if not _any(hook.secrets, lambda secret: _holds(secret, message, timestamp, body, given)):
        raise SignatureFault(Fault.WRONG)
    return Sealed(plain(message), plain(message))


def plain(text: str) -> str:
    """A text of the sender's, fit for a column of names: itself, or its digest."""
    if 0 < len(text) <= 120 and text.isprintable():
        return text
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _once(query: Sequence[tuple[str, str]], name: str) -> str | None:
    """A parameter that is there exactly once: of two, sender and receiver could mean different ones."""
    found = [value for key, value in query if key == name]
    return found[0] if len(found) == 1 else None


def _any(secrets: Sequence[SecretStr], holds: Callable[[str], bool]) -> bool:
    """Every secret is tried, so that time does not tell which one it was."""
    found = [holds(secret.get_secret_value()) for secret in secrets]
    return any(found)


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _holds(secret: str, message: str, timestamp: str, body: bytes, given: Sequence[str]) -> bool:
    """The library signs, and does not verify: its own window of five minutes is not the hook's."""
    try:
        expected = Webhook(secret).sign(message, datetime.fromtimestamp(int(timestamp), UTC), body.decode())
    except ValueError:  # what is no text has no such signature
        return False
    return any(_equal(signature, expected) for signature in given)


def _require_fresh(timestamp: str, hook: Hook, now: datetime) -> None:
    if abs(now.timestamp() - int(timestamp)) > hook.window.total_seconds():
        raise SignatureFault(Fault.STALE)
