"""Statistics of a simulated year against the same counted plainly from what was simulated."""

import asyncio
import csv
import io
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service.database import open_database
from service.migrate import upgrade
from service.refusals import SpanUnusable
from service.statistics import Span, StatisticsReader
from service.statistics_schemas import StatisticsOut
from service.statistics_views import HEADINGS, as_csv, statistics
from tests.people_world import Office, an_office, problem
from tests.postgres import Server
from tests.simulated_year import WAITING, Simulated, a_year, put_on_record
from workflows.domain.request import CaseState

ZONES = {"demo": ZoneInfo("Asia/Shanghai"), "south": ZoneInfo("America/New_York")}
CASES = 500
YEAR = [f"2025-{month:02d}" for month in range(1, 13)]


def month_of(case: Simulated) -> str:
    return case.accepted.astimezone(ZONES[case.ledger]).strftime("%Y-%m")


async def counted(url: str, ledger: str | None = None) -> StatisticsOut:
    await asyncio.to_thread(upgrade, url)
    database = open_database(url)
    await database.write(partial(put_on_record, year=list(a_year(CASES))))
    span = Span.of("2025-01", "2025-12")
    found = await StatisticsReader(database, ZONES).read(span, ledger)
    await database.aclose()
    return statistics(found, span, ledger)


def times(seconds: Sequence[int]) -> dict[str, Any]:
    return {
        "count": len(seconds),
        "median_seconds": pytest.approx(median(seconds)) if seconds else None,
        "p90_seconds": pytest.approx(quantiles(seconds, n=10, method="inclusive")[8])
        if len(seconds) > 1
        else pytest.approx(seconds[0])
        if seconds
        else None,
        "total_seconds": pytest.approx(sum(seconds)),
    }


def clock(year: Sequence[Simulated], first: str, last: str, before: int, target: int) -> dict[str, Any]:
    spent = [case.spent(first, last) for case in year]
    done = [(human, machine, whole) for human, machine, whole in spent if whole is not None]
    human, whole = sum(each[0] for each in done), sum(each[2] for each in done)
    return {
        **times([each[2] for each in done]),
        "human_share": pytest.approx(human / whole) if whole else None,
        "machine_share": pytest.approx(1 - human / whole) if whole else None,
        "within_target": sum(each[2] <= target * 3600 for each in done),
        "over_before": sum(each[2] >= before * 3600 for each in done),
    }


def month(name: str | None, year: Sequence[Simulated]) -> dict[str, Any]:
    return {
        "month": name,
        "cases": len(year),
        "a": clock(year, "received", "correcting", 48, 10),
        "b": clock(year, "correcting", "archiving", 120, 24),
    }


def shares(names: Sequence[str]) -> dict[str, tuple[int, Any]]:
    return {name: (n, pytest.approx(n / len(names))) for name, n in Counter(names).items()}


async def test_a_simulated_year_is_counted_as_it_was_on_both_databases(
    tmp_path: Path, postgres: Server
) -> None:
    with postgres.database() as name:
        there = await counted(postgres.url(name, "postgresql+asyncpg"))
    told = await counted(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}")
    assert told == there
    found, year = told.model_dump(mode="json"), [c for c in a_year(CASES) if month_of(c) in YEAR]
    assert 480 < len(year) < CASES, "some were accepted on a day that is another month there"

    ended = [case for case in year if case.states[-1] != "approving"]
    assert (found["cases"], found["ended"]) == (len(year), len(ended))
    assert (found["first_month"], found["last_month"], found["ledger"]) == ("2025-01", "2025-12", None)
    assert found["lines"] == {
        "a": {"before_hours": 48, "target_hours": 10},
        "b": {"before_hours": 5 * 24, "target_hours": 24},
    }
    on_the_line = [case.spent("received", "correcting")[2] for case in list(a_year(6))[3::2]]
    assert on_the_line == [10 * 3600, 48 * 3600]
    assert found["overall"] == month(None, year)
    assert found["months"] == [month(m, [c for c in year if month_of(c) == m]) for m in YEAR]
    assert {o["name"]: (o["count"], o["share"]) for o in found["outcomes"]} == shares(
        [case.states[-1] for case in ended]
    )
    assert {r["name"]: (r["count"], r["share"]) for r in found["reasons"]} == shares([c.reason for c in year])

    spent: dict[str, list[int]] = {}
    for case in year:
        # A state that was entered twice counts once for the case, with all its time.
        by_state = Counter[str]()
        for state, seconds in zip(case.states, case.seconds, strict=False):
            by_state[state] += seconds
        for state, seconds in by_state.items():
            spent.setdefault(state, []).append(seconds)
    whole = sum(map(sum, spent.values()))
    assert {stage["state"]: stage for stage in found["stages"]} == {
        state: {
            **times(seconds),
            "state": state,
            "is_human": state in WAITING,
            "share": pytest.approx(sum(seconds) / whole),
        }
        for state, seconds in spent.items()
    }

    order = list(CaseState)
    assert [stage["state"] for stage in found["stages"]] == sorted(
        spent, key=lambda s: order.index(CaseState(s))
    )

    refused = [case for case in year if case.states[-1] == "checks_failed"]
    lacking = sum(case.lacks_right for case in refused)
    assert found["refused"] == {
        "count": len(refused),
        "by_permission": lacking,
        "by_permission_share": pytest.approx(lacking / len(refused)),
    }


async def test_causes_and_bottlenecks_of_a_simulated_year_are_counted_as_they_were(tmp_path: Path) -> None:
    told = await counted(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}")
    found = told.model_dump(mode="json")
    every = sorted(a_year(CASES), key=lambda case: (case.accepted, case.id))
    year = [case for case in every if month_of(case) in YEAR]

    had, again = set[tuple[str, str]](), Counter[str]()
    for case in every:
        if case.cause:
            again[case.cause] += (case.ledger, case.cause) in had and case in year
            had.add((case.ledger, case.cause))
    named = shares([case.cause for case in year if case.cause])
    assert {c["name"]: (c["count"], c["share"], c["recurrences"]) for c in found["root_causes"]["items"]} == {
        cause: (*share, again[cause]) for cause, share in named.items()
    }
    done = [case for case in year if case.states[-1] in ("completed", "rolled_back")]
    assert found["root_causes"]["unnamed"] == sum(case.cause is None for case in done)

    waits = [wait for case in year for wait in case.waits]
    for listed, at in (("levels", 1), ("persons", 2)):
        expected = [wait for wait in waits if listed == "levels" or wait[2] != "unclose"]
        keys = {(wait[0], wait[at]) for wait in expected}
        plainly = {key: times([w[3] for w in expected if (w[0], w[at]) == key]) for key in keys}
        got = {(each.pop("kind"), each.pop("name")): each for each in found["bottlenecks"][listed]}
        assert got == plainly
        totals = [each["total_seconds"] for each in got.values()]
        assert totals == sorted(totals, reverse=True)

    south = (await counted(f"sqlite+aiosqlite:///{tmp_path / 'again.sqlite'}", "south")).overall
    there = [case for case in year if case.ledger == "south"]
    assert south.model_dump(mode="json") == month(None, there)


# --------------------------------------------------------------------------- over HTTP


@asynccontextmanager
async def opened(folder: Path, empty_register: Path) -> AsyncIterator[Office]:
    async with an_office(folder, empty_register) as office:
        year = list(a_year(40))
        for case in year:
            case.waits[:] = [(kind, name, "=1+1", s) for kind, name, _, s in case.waits]
        await office.database.write(partial(put_on_record, year=year))
        yield office


NAMES = ("first_month", "last_month", "ledger", "month", "name", "kind", "state")


def figures(told: Any) -> Iterator[str]:
    """Every figure of the document, as a spreadsheet's cell."""
    for name, value in told.items() if isinstance(told, dict) else enumerate(told):
        if isinstance(value, dict | list):
            yield from figures(value)
        elif name not in NAMES:
            yield "" if value is None else str(value)


async def test_statistics_come_as_a_document_and_as_lines_for_a_spreadsheet(
    tmp_path: Path, empty_register: Path
) -> None:
    async with opened(tmp_path, empty_register) as office:
        asked = "/statistics?from=2025-01&to=2025-12"
        told = StatisticsOut.model_validate((await office.as_("auditor", "GET", asked)).json())
        by_format = await office.as_("auditor", "GET", f"{asked}&format=csv")
        by_accept = await office.as_("auditor", "GET", asked, headers={"Accept": "text/csv"})

        assert by_format.text == by_accept.text == as_csv(told)
        assert by_format.headers["content-type"] == "text/csv; charset=utf-8"
        lines = list(csv.DictReader(io.StringIO(by_format.text.removeprefix("\ufeff"))))
        assert tuple(lines[0]) == HEADINGS
        assert Counter(each["value"] for each in lines) == Counter(figures(told.model_dump()))
        (median_a,) = (
            each["value"]
            for each in lines
            if (each["section"], each["month"], each["name"], each["measure"])
            == ("clock", "2025-03", "a", "median_seconds")
        )
        assert float(median_a) == told.months[2].a.median_seconds
        persons = {each["name"] for each in lines if each["section"].startswith("person")}
        assert persons == {"'=1+1"}, "a spreadsheet would carry out a name that begins like a formula"


async def test_statistics_are_for_those_who_may_see_for_whom_others_waited(
    tmp_path: Path, empty_register: Path
) -> None:
    async with an_office(tmp_path, empty_register) as office:
        problem(await office.as_("clerk", "GET", "/statistics"), 403, "not-an-operator")
        empty = (await office.as_("finance", "GET", "/statistics")).json()
        assert (len(empty["months"]), empty["cases"], empty["overall"]["a"]["median_seconds"]) == (
            12,
            0,
            None,
        )
        for query, pointer in (("from=2025-13", "/from"), ("to=2025-6", "/to"), ("from_=2025-01", "/from_")):
            body = problem(await office.as_("finance", "GET", f"/statistics?{query}"), 422, "invalid-request")
            assert [error["pointer"] for error in body["errors"]] == [pointer]
        turned = await office.as_("finance", "GET", "/statistics?from=2025-06&to=2025-05")
        problem(turned, 422, "span-unusable")
        problem(await office.as_("finance", "GET", "/statistics?ledger=none"), 404, "unknown-ledger")


@pytest.mark.parametrize(("first", "last"), [("2025-02", "2025-01"), ("2015-01", "2025-01")])
def test_a_span_of_no_months_or_of_too_many_is_refused(first: str, last: str) -> None:
    with pytest.raises(SpanUnusable):
        Span.of(first, last)
