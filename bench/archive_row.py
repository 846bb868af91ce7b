"""Searches over archived cases, against the budget of every read (design §16)."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import httpx
from sqlalchemy import Connection

from bench import filled, reads_row
from bench.harness import Budget, Figures, Line, Result, Spread
from bench.processes import BenchFailed
from bench.stage import Stage
from service.archiving import Archivist
from service.database import open_database
from service.migrate import upgrade
from service.register import receive, record
from service.temporal_server import free_port
from workflows.domain.case import CaseChange, CaseEvent, EventKind
from workflows.domain.digest import Json
from workflows.domain.request import CaseState

CASES = 5_000
_CALLS, _WARM = 40, 5
_LIMIT_MS = 50.0
_AT_ONCE = 500

SEARCHES: Mapping[str, str] = {
    "a word in every case": "盘点",
    "another name of the act": "反記帳",
    "a single character": "盘",
    "common characters, and nowhere": "盘货仓点",
    "two words": "数量 clerk7",
    "how a word begins": "quant",
    "a document": "IN-2026-004711",
    "words and one person": "盘点&person=clerk7",
    "no words, one end": "&outcome=rejected",
}
"""What is looked for; the first part is `q`."""


def measure(stage: Stage, rounds: int) -> Result:
    """Raises BenchFailed."""
    with _serving(stage) as address:
        found = asyncio.run(_rounds(address, rounds))
    return Result(tuple(_lines(found)), (_figures(found),))


@contextmanager
def _serving(stage: Stage) -> Iterator[str]:
    url, port = f"sqlite+aiosqlite:///{stage.folder / 'archived.sqlite'}", free_port()
    upgrade(url)
    asyncio.run(_fill(url))
    env = {
        "UNCLOSE_HOST": "127.0.0.1",
        "UNCLOSE_PORT": str(port),
        "UNCLOSE_DATABASE_URL": url,
        "UNCLOSE_RATE_LIMITS": "off",
    }
    address = f"http://127.0.0.1:{port}"
    with stage.run("api-archive", "service.cli", "api", env=env) as api:
        api.await_ready(lambda: reads_row.answers(address))
        yield f"{address}/api/v1/archive"


async def _fill(url: str) -> None:
    """Cases as a register has them, told by their events, and indexed by the product's own archivist."""
    database = open_database(url)
    for first in range(0, CASES, _AT_ONCE):
        await database.write(partial(_end_some, numbers=range(first, first + _AT_ONCE)))
    await Archivist(database).catch_up()
    await database.aclose()


def _end_some(connection: Connection, numbers: range) -> None:
    for n in numbers:
        wish = replace(
            filled.a_request(n, CASES), reason=f"三月盘点遗漏，申请反结账；quantity of IN-2026-{n:06d}"
        )
        end = (CaseState.COMPLETED, CaseState.REJECTED)[n % 2]
        told = tuple(
            CaseEvent(seq, wish.accepted_at, "finance", None, EventKind.COMMENTED, {"comment": text})
            for seq, text in enumerate((f"数量与盘点表 {n} 一致", "请财务复核后处理"), start=1)
        )
        changed: Json = [
            {"number": f"CHG-{n:06d}-{k}", "what": "数量", "after": str(k * n)} for k in range(20)
        ]
        receive(connection, wish)
        record(connection, CaseChange(wish.id, end, told, parts={"memo": changed}))


async def _rounds(address: str, rounds: int) -> Mapping[str, Sequence[Sequence[float]]]:
    """By search: the milliseconds of each call in each round."""
    found: dict[str, list[list[float]]] = {name: [] for name in SEARCHES}
    async with httpx.AsyncClient(timeout=30, headers={"Authorization": "Bearer demo-auditor"}) as http:
        for said in SEARCHES.values():
            await _block(http, f"{address}?q={said}", _WARM)
        for _ in range(rounds):
            for name, said in SEARCHES.items():
                found[name].append(await _block(http, f"{address}?q={said}", _CALLS))
    return found


async def _block(http: httpx.AsyncClient, url: str, calls: int) -> list[float]:
    spent = []
    for _ in range(calls):
        began = time.perf_counter()
        answer = await http.get(url.replace("q=&", ""))
        spent.append((time.perf_counter() - began) * 1000)
        if not answer.is_success:
            raise BenchFailed(f"{url} answered {answer.status_code}: {answer.text}")
    return spent


def _lines(found: Mapping[str, Sequence[Sequence[float]]]) -> Iterator[Line]:
    rounds = range(len(next(iter(found.values()))))
    every = [[spent for blocks in found.values() for spent in blocks[n]] for n in rounds]
    yield Line(
        f"archive: search p95 over {CASES:,} cases, against {_LIMIT_MS:.0f} ms",
        Spread.of([reads_row.percentile(spent, 0.95) / _LIMIT_MS for spent in every]),
        Budget(1.0, is_floor=False),
    )


def _figures(found: Mapping[str, Sequence[Sequence[float]]]) -> Figures:
    lines = [
        (
            name,
            *(Spread.of([reads_row.percentile(b, share) for b in blocks]).text(1) for share in (0.5, 0.95)),
        )
        for name, blocks in found.items()
    ]
    headings = ("search", "p50, ms", "p95, ms")
    return Figures(f"Archive: {_CALLS} calls each, one at a time", headings, tuple(lines))
