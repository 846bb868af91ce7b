"""Time stamps (RFC 3161): that a checkpoint was there at a moment, on somebody else's word."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import httpx
from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from service.settings import PREFIX, Settings
from workflows.domain.errors import NotStamped

_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"
_TIMEOUT = httpx.Timeout(15.0)
_LARGEST = 100_000


class TimeStamps:
    """An authority, and the certificates that its own must lead to. Calls block; they run in threads."""

    def __init__(
        self,
        url: str,
        roots: Sequence[Certificate] = (),
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url, self._roots, self._transport = url, tuple(roots), transport

    def stamp(self, message: bytes) -> str:
        """The authority's answer about a message, in base64, checked. Raises NotStamped."""
        request = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).nonce().build()
        reply = self._ask(request.as_bytes())
        fault = why_not(reply, message, self._roots, request.nonce)
        if fault is not None:
            raise NotStamped(fault)
        return base64.b64encode(reply).decode()

    def _ask(self, query: bytes) -> bytes:
        headers = {"Content-Type": _QUERY, "Accept": _REPLY}
        try:
            with httpx.Client(timeout=_TIMEOUT, transport=self._transport) as http:
                answer = http.post(self.url, content=query, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotStamped(f"{type(error).__name__} {error}") from error
        if answer.status_code != httpx.codes.OK or len(answer.content) > _LARGEST:
            raise NotStamped(f"it answers {answer.status_code}, {len(answer.content)} bytes")
        return answer.content


def why_not(
    reply: bytes, message: bytes, roots: Sequence[Certificate] = (), nonce: int | None = None
) -> str | None:
    """What is wrong with an answer about a message; none if nothing is.

    Without roots only what the answer says is looked at, not who has signed it.
    """
    try:
        answer = decode_timestamp_response(reply)
        if answer.status not in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS):
            return f"status {answer.status}"
        if roots:
            return _verified(answer, message, roots, nonce)
        return _plain(answer, message, nonce)
    except (ValueError, VerificationError) as error:
        return str(error) or type(error).__name__


def _plain(answer: TimeStampResponse, message: bytes, nonce: int | None) -> str | None:
    said = answer.tst_info
    if said.message_imprint.message != hashlib.sha256(message).digest():
        return "it is about something else"
    return None if nonce is None or said.nonce == nonce else "it answers another question"


def _verified(
    answer: TimeStampResponse, message: bytes, roots: Sequence[Certificate], nonce: int | None
) -> str | None:
    builder = VerifierBuilder()
    for root in roots:
        builder = builder.add_root_certificate(root)
    if nonce is not None:
        builder = builder.nonce(nonce)
    return None if builder.build().verify_message(answer, message) else "it does not verify"


def load_roots(file: Path | None) -> tuple[Certificate, ...]:
    """The certificates in a PEM file; none if none is named. Raises NotStamped: it cannot be read."""
    if file is None:
        return ()
    try:
        return tuple(load_pem_x509_certificates(file.read_bytes()))
    except (OSError, ValueError) as error:
        raise NotStamped(f"{PREFIX}TIME_STAMP_ROOTS cannot be read ({error})") from error


def build_time_stamps(settings: Settings) -> TimeStamps | None:
    """None if no authority is configured. Raises NotStamped: its certificates cannot be read."""
    if settings.time_stamp_url is None:
        return None
    return TimeStamps(settings.time_stamp_url, load_roots(settings.time_stamp_roots))
