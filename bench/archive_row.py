"""Searches over archived cases in both databases, against the budget of every read (design §16)."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx

from bench import archive_fill, reads_row
from bench.backup_row import postgresql_server
from bench.harness import Budget, Figures, Line, Result, Spread
from bench.processes import BenchFailed, Process
from bench.stage import Stage
from service.temporal_server import free_port

CASES = 5_000
_CALLS, _WARM = 40, 5
_LIMIT_MS = 50.0

SEARCHES: Mapping[str, str] = {
    "a word in every case": "盘点",
    "another name of the act": "反記帳",
    "a single character": "盘",
    "common characters, and nowhere": "盘货仓点",
    "a period, in no case": "2025年5月",
    "characters in every report": "反结账审计报告",
    "two words": "数量 clerk7",
    "how a word begins": "quant",
    "a document": "IN-2026-004711",
    "how numbers begin": "UC-2026-00",
    "words and one person": "盘点&person=clerk7",
    "no words, one end": "&outcome=rejected",
}
"""What is looked for; the first part is `q`."""


@dataclass(frozen=True)
class _Served:
    """The product's API on an archive in one kind of database."""

    database: str
    url: str
    process: Process


@dataclass(frozen=True)
class _Block:
    """Milliseconds of each call of one search in one round, and the API's processor time for one of them."""

    calls: Sequence[float]
    cpu: float


Blocks = Mapping[tuple[str, str], Sequence[_Block]]
"""By database and search: one for each round."""


def measure(stage: Stage, rounds: int) -> Result:
    """Raises BenchFailed."""
    with ExitStack() as stack:
        server, _ = stack.enter_context(postgresql_server(stage.folder))
        urls = {
            "SQLite": f"sqlite+aiosqlite:///{stage.folder / 'archived.sqlite'}",
            "PostgreSQL": server.replace("postgresql://", "postgresql+asyncpg://"),
        }
        archive_fill.fill(urls["SQLite"], [urls["PostgreSQL"]], CASES)
        served = [stack.enter_context(_serving(stage, name, url)) for name, url in urls.items()]
        found = asyncio.run(_rounds(served, rounds))
    return Result(tuple(_lines(found)), tuple(_figures(found, each.database) for each in served))


@contextmanager
def _serving(stage: Stage, database: str, url: str) -> Iterator[_Served]:
    port = free_port()
    env = {
        "UNCLOSE_HOST": "127.0.0.1",
        "UNCLOSE_PORT": str(port),
        "UNCLOSE_DATABASE_URL": url,
        "UNCLOSE_RATE_LIMITS": "off",
    }
    address = f"http://127.0.0.1:{port}"
    with stage.run(f"api-archive-{database}", "service.cli", "api", env=env) as api:
        api.await_ready(lambda: reads_row.answers(address))
        yield _Served(database, f"{address}/api/v1/archive", api)


async def _rounds(served: Sequence[_Served], rounds: int) -> Blocks:
    found: dict[tuple[str, str], list[_Block]] = {(s.database, name): [] for s in served for name in SEARCHES}
    async with httpx.AsyncClient(timeout=30, headers={"Authorization": "Bearer demo-auditor"}) as http:
        for each in served:
            await _each_finds(http, each)
        for _ in range(rounds):
            for name, said in SEARCHES.items():
                for each in served:
                    found[each.database, name].append(await _block(http, each, said, _CALLS))
    return found


async def _each_finds(http: httpx.AsyncClient, served: _Served) -> None:
    """Once round, so that everything is warm; what must be found is."""
    for said in SEARCHES.values():
        await _block(http, served, said, _WARM)
    answer = (await http.get(f"{served.url}?q={SEARCHES['a document']}")).json()
    if len(answer["items"]) != 1 or answer["pending"]:
        raise BenchFailed(f"the archive in {served.database} is not what it should be")


async def _block(http: httpx.AsyncClient, served: _Served, said: str, calls: int) -> _Block:
    spent, before = [], served.process.cpu
    for _ in range(calls):
        began = time.perf_counter()
        answer = await http.get(f"{served.url}?q={said}".replace("q=&", ""))
        spent.append((time.perf_counter() - began) * 1000)
        if not answer.is_success:
            raise BenchFailed(f"{said} answered {answer.status_code}: {answer.text}")
    return _Block(spent, (served.process.cpu - before) / calls * 1000)


def _lines(found: Blocks) -> Iterator[Line]:
    for database in dict.fromkeys(database for database, _ in found):
        mine = [blocks for (of, _), blocks in found.items() if of == database]
        rounds = list(zip(*mine, strict=True))
        every = [[spent for block in blocks for spent in block.calls] for blocks in rounds]
        slowest = [max(_p95(block.calls) for block in blocks) for blocks in rounds]
        for what, spent, budget in (
            ("p50", [reads_row.percentile(each, 0.5) for each in every], None),
            ("p95", [_p95(each) for each in every], Budget(1.0, is_floor=False)),
            ("p95 of the slowest", slowest, None),
        ):
            yield Line(
                f"archive in {database}: search {what} over {CASES:,} cases, against {_LIMIT_MS:.0f} ms",
                Spread.of([milliseconds / _LIMIT_MS for milliseconds in spent]),
                budget,
            )


def _p95(milliseconds: Sequence[float]) -> float:
    return reads_row.percentile(milliseconds, 0.95)


def _figures(found: Blocks, database: str) -> Figures:
    lines = [
        (
            name,
            *(Spread.of([reads_row.percentile(b.calls, s) for b in blocks]).text(1) for s in (0.5, 0.95)),
            Spread.of([block.cpu for block in blocks]).text(1),
        )
        for (of, name), blocks in found.items()
        if of == database
    ]
    headings = ("search", "p50, ms", "p95, ms", "CPU of the API, ms")
    return Figures(f"Archive in {database}: {_CALLS} calls each, one at a time", headings, tuple(lines))
