"""Webhooks acknowledged at two hundred a second, Temporal stopped and running; then each becomes its case."""

import asyncio
import json
import os
import re
import signal
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
from standardwebhooks.webhooks import Webhook

from bench.harness import Budget, Figures, Line, Result, Spread
from bench.load import PATIENCE, listens
from bench.processes import BenchFailed
from bench.stage import Stage
from service.temporal_server import free_port

STOPPED, RUNNING = "Temporal stopped", "Temporal running"
_RATE, _SECONDS = 200, 10
_ALLOWED_MS = 100.0
_CONNECTIONS = 50
_PER_CASE = 0.5
"""Seconds within which each delivery must have become its case, once they have stopped coming in."""
_SECRET = "whsec_" + "QUJD" * 8
_HOOKS = """
[hooks.bench]
kind = "generic"
secrets = ["file:bench.secret"]
account = "bench"
"""
_BODY = {
    "target_period": "2025-03",
    "modules": ["inventory"],
    "reason_code": "stocktake_omission",
    "reason": "三月盘点遗漏 B 仓两个货位",
    "on_behalf_of": "clerk",
}


_Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Sent:
    """One round: how long each delivery waited for its answer, and how long until all were cases."""

    waited: Sequence[float]
    drained: float

    def ms(self, share: float) -> float:
        ordered = sorted(self.waited)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


def measure(stage: Stage, rounds: int) -> Result:
    """Raises BenchFailed."""
    (stage.folder / "hooks.toml").write_text(_HOOKS, encoding="utf-8")
    (stage.folder / "bench.secret").write_text(_SECRET, encoding="utf-8")
    port = free_port()
    env = {"UNCLOSE_HOST": "127.0.0.1", "UNCLOSE_PORT": str(port)}
    found: dict[str, list[Sent]] = {STOPPED: [], RUNNING: []}
    with stage.worker(), stage.run("api", "service.cli", "api", env=env) as api:
        api.await_ready(lambda: listens(port))
        asyncio.run(_hire(port))
        for _ in range(rounds):
            for name, rounds_of in found.items():
                rounds_of.append(_round(stage, port, is_stopped=name == STOPPED))
    return Result(tuple(_line(name, sent) for name, sent in found.items()), (_figures(found),))


async def _hire(port: int) -> None:
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        entry = {"groups": [], "kind": "service"}
        url = f"http://127.0.0.1:{port}/api/v1/users/bench"
        answer = await client.put(url, json=entry, headers={"Authorization": "Bearer demo-admin"})
    if not answer.is_success:
        raise BenchFailed(f"no service account: {answer.text}")


def _round(stage: Stage, port: int, *, is_stopped: bool) -> Sent:
    before = _cases(stage.register)
    with _halted(stage.server.pid if is_stopped else None):
        waited = asyncio.run(_send(stage, port))
    began = time.monotonic()
    while (there := _cases(stage.register) - before) < len(waited):
        if time.monotonic() - began > _PER_CASE * len(waited):
            raise BenchFailed(f"{there} of {len(waited)} deliveries have become cases")
        time.sleep(0.5)
    return Sent(waited, time.monotonic() - began)


@contextmanager
def _halted(pid: int | None) -> Iterator[None]:
    """The server is there and answers nothing."""
    if pid is None:
        yield
        return
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _cases(register: Path) -> int:
    """How many deliveries have a case whose workflow has begun and put itself on record."""
    with closing(sqlite3.connect(f"file:{register}?mode=ro", uri=True)) as db:
        return int(db.execute(_BEGUN).fetchone()[0])


_BEGUN = "SELECT count(*) FROM inbox JOIN cases ON cases.id = inbox.case_id"


async def _send(stage: Stage, port: int) -> list[float]:
    """At a fixed rate, whatever the answers do: a slow one does not hold up the next. Raises BenchFailed."""
    calls = [_call(stage.ledgers[n % len(stage.ledgers)]) for n in range(_RATE * _SECONDS)]
    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(_CONNECTIONS)]
    free: asyncio.Queue[_Line] = asyncio.Queue()
    # Connections and caches are warm; one after the other, the first would be closed for idleness meanwhile.
    await asyncio.gather(*(_exchange(line, _call(stage.ledgers[0])) for line in lines))
    for line in lines:
        free.put_nowait(line)
    began, sent = time.perf_counter(), []
    for n, call in enumerate(calls):
        due = began + n / _RATE
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        sent.append(asyncio.create_task(_post(free, call, due)))
    waited = list(await asyncio.gather(*sent))
    for _, writer in lines:
        writer.close()
    return waited


def _call(ledger: str) -> bytes:
    """Signed and spelt out beforehand: the sender's work is not the receiver's."""
    message = uuid4().hex
    body = json.dumps({**_BODY, "ledger": ledger, "external_ref": message}).encode()
    now = datetime.now(UTC).replace(microsecond=0)
    head = (
        "POST /api/v1/webhooks/generic/bench HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nwebhook-id: {message}\r\n"
        f"webhook-timestamp: {int(now.timestamp())}\r\n"
        f"webhook-signature: {Webhook(_SECRET).sign(message, now, body.decode())}\r\n\r\n"
    )
    return head.encode() + body


async def _post(free: "asyncio.Queue[_Line]", call: bytes, due: float) -> float:
    """Seconds from when it was due to the answer. Raises BenchFailed."""
    line = await free.get()
    await _exchange(line, call)
    waited = time.perf_counter() - due
    free.put_nowait(line)
    return waited


async def _exchange(line: _Line, call: bytes) -> None:
    """By hand: a client made for all purposes takes twice the processor time of what it measures."""
    reader, writer = line
    writer.write(call)
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        answer = await reader.readexactly(int(length[1]) if length else 0)
    except EOFError as error:
        raise BenchFailed("the API closed a connection without an answer") from error
    if not head.startswith(b"HTTP/1.1 202"):
        raise BenchFailed(f"the hook answered {head.split(maxsplit=2)[1].decode()}: {answer.decode()}")


def _line(name: str, sent: Sequence[Sent]) -> Line:
    what = f"webhook acknowledged at {_RATE}/s, {name}: p99 against {_ALLOWED_MS:.0f} ms"
    return Line(
        what, Spread.of([round_.ms(0.99) / _ALLOWED_MS for round_ in sent]), Budget(1, is_floor=False)
    )


def _figures(found: Mapping[str, Sequence[Sent]]) -> Figures:
    lines = [
        (
            name,
            *(Spread.of([round_.ms(share) for round_ in sent]).text(0) for share in (0.5, 0.95, 0.99)),
            Spread.of([round_.drained for round_ in sent]).text(1),
        )
        for name, sent in found.items()
    ]
    title = f"Webhooks: {_RATE}/s for {_SECONDS} s"
    return Figures(
        title, ("subject", "p50, ms", "p95, ms", "p99, ms", "then all cases after, s"), tuple(lines)
    )
