"""Reads with many cases on record against the same with few: they must cost the same (design §16)."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from bench import filled
from bench.harness import Budget, Figures, Line, Result, Spread
from bench.processes import BenchFailed
from bench.stage import Stage
from service.migrate import upgrade
from service.temporal_server import free_port

FEW, MANY = 1_000, 100_000
_CALLS, _WARM = 200, 20
_LIMIT_MS = 50.0

READS: Mapping[str, tuple[str, str]] = {
    "newest cases": ("clerk", "/requests"),
    "a case": ("clerk", "/requests/UC-2026-000500"),
    "one state": ("clerk", "/requests?state=completed"),
    "several states": ("clerk", "/requests?state=approving&state=rejected&state=correcting"),
    "an applicant's open cases": ("clerk", "/requests?applicant=clerk7&state=approving&ledger=demo"),
    "waiting for finance": ("clerk", "/requests?waiting_for=finance"),
    "words in every case": ("clerk", "/requests?q=盘点"),
    "words in no case": ("clerk", "/requests?q=红字冲减"),
    "my open tasks": ("finance", "/tasks?mine=true&state=open"),
    "all my tasks": ("finance", "/tasks?mine=true"),
    "my tasks, and I have none": ("auditor", "/tasks?mine=true"),
    "tasks of a kind there is none of": ("clerk", "/tasks?kind=attention"),
}
"""What is read, by whom and where: `board` pages are made of these."""


@dataclass(frozen=True)
class Block:
    """Milliseconds of each call of one read in one round, with few cases and with many."""

    few: Sequence[float]
    many: Sequence[float]


def measure(stage: Stage, rounds: int) -> Result:
    """Raises BenchFailed."""
    with _serving(stage, FEW) as few, _serving(stage, MANY) as many:
        blocks = asyncio.run(_rounds(few, many, rounds))
    return Result(tuple(_lines(blocks)), (_figures(blocks),))


@contextmanager
def _serving(stage: Stage, number: int) -> Iterator[str]:
    """The product's API on a register with so many cases; its address."""
    url, port = f"sqlite+aiosqlite:///{stage.folder / f'filled-{number}.sqlite'}", free_port()
    upgrade(url)
    asyncio.run(filled.fill(url, number))
    env = {
        "UNCLOSE_HOST": "127.0.0.1",
        "UNCLOSE_PORT": str(port),
        "UNCLOSE_DATABASE_URL": url,
        "UNCLOSE_RATE_LIMITS": "off",
    }
    address = f"http://127.0.0.1:{port}"
    with stage.run(f"api-{number}", "service.cli", "api", env=env) as api:
        api.await_ready(lambda: answers(address))
        yield f"{address}/api/v1"


def answers(address: str) -> bool:
    """Whether the API there serves."""
    try:
        return httpx.get(f"{address}/healthz", timeout=1).is_success
    except httpx.TransportError:
        return False


async def _rounds(few: str, many: str, rounds: int) -> Mapping[str, Sequence[Block]]:
    blocks: dict[str, list[Block]] = {name: [] for name in READS}
    async with httpx.AsyncClient(timeout=30) as http:
        for who, path in READS.values():
            await _block(http, who, (few + path, many + path), _WARM)
        for _ in range(rounds):
            for name, (who, path) in READS.items():
                blocks[name].append(await _block(http, who, (few + path, many + path), _CALLS))
    return blocks


async def _block(http: httpx.AsyncClient, who: str, urls: tuple[str, str], calls: int) -> Block:
    """Call by call in turns, so that whatever else runs here meets both alike."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(calls):
        for url, found in zip(urls, seconds, strict=True):
            began = time.perf_counter()
            answer = await http.get(url, headers={"Authorization": f"Bearer demo-{who}"})
            found.append((time.perf_counter() - began) * 1000)
            if not answer.is_success:
                raise BenchFailed(f"{url} answered {answer.status_code}: {answer.text}")
    return Block(*seconds)


def percentile(milliseconds: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    ordered = sorted(milliseconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _lines(blocks: Mapping[str, Sequence[Block]]) -> Iterator[Line]:
    what = f"reads: {{}}, {{}} with {MANY:,} cases against {FEW:,}"
    for name, found in blocks.items():
        for share, budget in ((0.5, None), (0.95, Budget(1.2, is_floor=False))):
            few, many = ([percentile(side, share) for side in sides] for sides in _sides(found))
            yield Line(what.format(name, f"p{share * 100:.0f}"), Spread.ratio(many, few), budget)
    slowest = [max(percentile(found[n].many, 0.95) for found in blocks.values()) for n in _all(blocks)]
    yield Line(
        f"reads: slowest p95 with {MANY:,} cases, against {_LIMIT_MS:.0f} ms",
        Spread.of([milliseconds / _LIMIT_MS for milliseconds in slowest]),
        Budget(1.0, is_floor=False),
    )


def _sides(found: Sequence[Block]) -> tuple[list[Sequence[float]], list[Sequence[float]]]:
    return [block.few for block in found], [block.many for block in found]


def _all(blocks: Mapping[str, Sequence[Block]]) -> range:
    return range(len(next(iter(blocks.values()))))


def _figures(blocks: Mapping[str, Sequence[Block]]) -> Figures:
    lines = [
        (
            name,
            *(
                Spread.of([percentile(side, share) for side in sides]).text(1)
                for sides in _sides(found)
                for share in (0.5, 0.95)
            ),
        )
        for name, found in blocks.items()
    ]
    headings = ("read", *(f"{n:,} cases, p{share}, ms" for n in (FEW, MANY) for share in (50, 95)))
    return Figures(f"Reads: {_CALLS} calls each, one at a time", headings, tuple(lines))
