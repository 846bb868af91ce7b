"""Pushes of the fake: signed like the vendor's, on a line that loses, doubles and shuffles them by a seed."""

import asyncio
import hashlib
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import httpx

from tests.fake_jiandaoyun.company import Json

PATIENCE = 2.0
RETRIES = 5
SWITCHED_OFF_AFTER = 100


@dataclass(frozen=True)
class Push:
    """One signed delivery."""

    query: str
    headers: dict[str, str]
    body: bytes


def signed(secret: str, body: bytes, at: datetime, nonce: str) -> Push:
    timestamp = str(int(at.timestamp()))
    signature = hashlib.sha1(
        b":".join((nonce.encode(), body, secret.encode(), timestamp.encode()))
    ).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-JDY-Signature": signature,
        "X-JDY-DeliverId": str(uuid4()),
    }
    return Push(f"timestamp={timestamp}&nonce={nonce}", headers, body)


Send = Callable[[Push], Awaitable[bool]]
"""Whether a 2xx came within the time."""


def over_http(http: httpx.AsyncClient, url: str) -> Send:
    """To a webhook address."""

    async def send(push: Push) -> bool:
        try:
            target = f"{url}{'&' if '?' in url else '?'}{push.query}"
            answer = await http.post(target, content=push.body, headers=push.headers, timeout=PATIENCE)
        except httpx.HTTPError:
            return False
        return answer.is_success

    return send


@dataclass
class FakePushes:
    """Takes events as they happen and sends them later, with the losses of its line."""

    secret: str
    dropped: float = 0.0
    """Share of the pushes that never leave: as a batch edit, or a push given up after its retries."""
    doubled: float = 0.0
    shuffled: bool = False
    seed: int = 0
    retry_seconds: float = 0.05
    waiting: list[Push] = field(default_factory=list)
    failures: int = 0
    """In a row; too many switch the push off."""
    sent: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def take(self, op: str, at: int, data: Json) -> None:
        body = json.dumps({"op": op, "opTime": at, "data": data}, ensure_ascii=False, separators=(",", ":"))
        nonce = f"{self._random.getrandbits(24):06x}"
        push = signed(self.secret, body.encode(), datetime.now(UTC), nonce)
        if self._random.random() < self.dropped:
            return
        self.waiting.append(push)
        if self._random.random() < self.doubled:
            self.waiting.append(push)

    @property
    def is_off(self) -> bool:
        return self.failures >= SWITCHED_OFF_AFTER

    async def send_all(self, send: Send) -> None:
        """Everything that waits, in order unless the line shuffles."""
        while self.waiting:
            going, self.waiting = self.waiting, []
            if self.shuffled:
                self._random.shuffle(going)
            for push in going:
                await self._send(send, push)

    async def _send(self, send: Send, push: Push) -> None:
        for _ in range(1 + RETRIES):
            if self.is_off:
                return
            if await send(push):
                self.failures, self.sent = 0, self.sent + 1
                return
            self.failures += 1
            await asyncio.sleep(self.retry_seconds)
