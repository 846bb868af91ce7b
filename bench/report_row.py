"""What a report costs: processor time of the process that sets it, for a report of ten pages and more."""

import asyncio
import resource
from collections.abc import Sequence
from dataclasses import dataclass

from activities.report.press import press
from bench.harness import Budget, Figures, Line, Result, Spread
from bench.processes import BenchFailed
from bench.stage import Stage
from service.reports.case_report import case_record, case_report
from service.texts import Language
from tests.report_cases import completed

_PAGES = 10
_SECOND = 1.0


@dataclass(frozen=True)
class Set:
    """One report as it was set."""

    pages: int
    seconds: float
    """Of processor time, with the start of the process."""


def measure(stage: Stage, rounds: int) -> Result:
    """Raises BenchFailed."""
    done = {language: [asyncio.run(_set(language)) for _ in range(rounds)] for language in Language}
    pages = min(found.pages for each in done.values() for found in each)
    if pages < _PAGES:
        raise BenchFailed(f"the report has {pages} pages; {_PAGES} are to be measured")
    return Result(tuple(map(_line, done, done.values())), (_figures(done),))


async def _set(language: Language) -> Set:
    file = completed(steps=18, documents=24)
    before = _cpu()
    pdf = await press(case_report(file, language), file.events[-1].at, case_record(file))
    return Set(pdf.count(b"/Type /Page\n") + pdf.count(b"/Type/Page/"), _cpu() - before)


def _cpu() -> float:
    """Of children that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _line(language: Language, done: Sequence[Set]) -> Line:
    seconds = [found.seconds / _SECOND for found in done]
    return Line(f"report of {done[0].pages} pages, {language}: CPU against one second",
                Spread.of(seconds), Budget(1.0, is_floor=False))  # fmt: skip


def _figures(done: dict[Language, list[Set]]) -> Figures:
    lines = tuple(
        (language, str(found[0].pages), Spread.of([one.seconds * 1000 for one in found]).text(0))
        for language, found in done.items()
    )
    return Figures("Report", ("language", "pages", "CPU, ms"), lines)
