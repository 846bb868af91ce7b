"""Pages: whoever walks a growing list sees every older row exactly once, and no filter reads everything."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from bench.filled import fill
from service.database import Database, open_database
from service.migrate import upgrade
from service.queries import CaseFilter, Reader, Slice, TaskFilter, Viewer
from service.refusals import CursorUnreadable
from service.register import SqlRegister
from tests.builders import a_request
from workflows.domain.approval import Group
from workflows.domain.case import (
    Actor,
    CaseChange,
    CaseEvent,
    EventKind,
    Task,
    TaskAction,
    TaskClosing,
    TaskKind,
)
from workflows.domain.request import CaseState

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
FINANCE = Actor("li", (Group.FINANCE, Group.IT))


class Shelf:
    """A register that grows while it is read."""

    def __init__(self, database: Database) -> None:
        self.database, self.register, self.reader = database, SqlRegister(database), Reader(database)
        self.count = 0

    async def add(
        self,
        at: datetime,
        state: CaseState = CaseState.APPROVING,
        waiting_for: tuple[str, ...] = ("finance",),
        groups: tuple[Group, ...] = (Group.FINANCE,),
        **changes: Any,
    ) -> str:
        """A case with one task, both of that moment."""
        self.count += 1
        number = f"UC-2026-{self.count:06d}"
        await self.register.receive(a_request(id=number, accepted_at=at, **changes))
        task = Task(f"{number}-a", TaskKind.APPROVAL, "finance", groups, (), (TaskAction.APPROVE,), None, at)
        told = CaseEvent(1, at, "unclose", None, EventKind.STATE_CHANGED, {}, "")
        await self.register.record(
            CaseChange(number, state, (told,), waiting_for=waiting_for, opened=(task,))
        )
        return number

    async def close(self, number: str) -> None:
        told = CaseEvent(2, NOON, "unclose", None, EventKind.STATE_CHANGED, {}, "")
        closing = TaskClosing(f"{number}-a", "approved", "li", NOON)
        await self.register.record(CaseChange(number, CaseState.COMPLETED, (told,), closed=(closing,)))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("pages") / "register.sqlite"
    upgrade(f"sqlite+aiosqlite:///{file}")
    return file


@pytest.fixture
async def shelf(empty: Path, tmp_path: Path) -> AsyncIterator[Shelf]:
    shutil.copy(empty, tmp_path / "register.sqlite")
    database = open_database(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}")
    yield Shelf(database)
    await database.aclose()


WAYS: dict[str, CaseFilter | TaskFilter] = {
    "cases": CaseFilter(),
    "cases of two states": CaseFilter(states=(CaseState.APPROVING, CaseState.COMPLETED)),
    "cases of a ledger": CaseFilter(ledger="demo"),
    "cases of an applicant in a ledger": CaseFilter(ledger="demo", applicant="clerk"),
    "cases that wait": CaseFilter(waiting_for="finance"),
    "cases found by words": CaseFilter(words="盘点 clerk"),
    "tasks": TaskFilter(),
    "tasks of a kind": TaskFilter(kind=TaskKind.APPROVAL),
    "open tasks": TaskFilter(is_open=True),
    "my tasks": TaskFilter(mine=Viewer(FINANCE)),
    "my open tasks": TaskFilter(mine=Viewer(FINANCE), is_open=True),
}


async def page_of(shelf: Shelf, wanted: CaseFilter | TaskFilter, part: Slice) -> tuple[list[str], str | None]:
    if isinstance(wanted, CaseFilter):
        cases = await shelf.reader.cases(wanted, part)
        return [head.request.id for head in cases.items], cases.next
    tasks = await shelf.reader.tasks(wanted, part)
    return [view.case.request.id for view in tasks.items], tasks.next


@pytest.mark.parametrize("wanted", WAYS.values(), ids=list(WAYS))
@pytest.mark.parametrize("seed", [1, 2])
async def test_every_older_row_is_given_once_while_the_list_grows(
    shelf: Shelf, wanted: CaseFilter | TaskFilter, seed: int
) -> None:
    chance = random.Random(seed)
    # Few moments for many cases: most have others of the same moment.
    groups = ((Group.FINANCE,), (Group.FINANCE, Group.IT), (Group.IT,))
    older = [
        await shelf.add(NOON + timedelta(seconds=chance.randrange(6)), groups=chance.choice(groups))
        for _ in range(30)
    ]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        found, cursor = await page_of(shelf, wanted, Slice(chance.choice((1, 3, 7)), cursor))
        seen += found
        if cursor is None:
            break
        for _ in range(chance.randrange(3)):
            await shelf.add(NOON + timedelta(minutes=1))

    assert len(seen) == len(set(seen))
    assert sorted(set(seen) & set(older)) == older


async def test_a_page_is_in_order_whichever_states_it_is_made_of(shelf: Shelf) -> None:
    states = (CaseState.APPROVING, CaseState.REJECTED, CaseState.COMPLETED)
    added = [await shelf.add(NOON + timedelta(seconds=n), states[n % 3]) for n in range(9)]

    found, _ = await page_of(shelf, CaseFilter(states=states), Slice())
    assert found == added[::-1]


@pytest.mark.parametrize("who", ["finance", "li", "UC-2026-000042"])
async def test_cases_are_found_by_whom_they_wait_for(shelf: Shelf, who: str) -> None:
    """A group, a person, or the case that holds the ledger."""
    await shelf.add(NOON, waiting_for=("warehouse",))
    waiting = await shelf.add(NOON, waiting_for=(who, "it"))

    assert await page_of(shelf, CaseFilter(waiting_for=who), Slice()) == ([waiting], None)
    both = CaseFilter(waiting_for=who, states=(CaseState.COMPLETED,))
    assert await page_of(shelf, both, Slice()) == ([], None)


async def test_a_closed_task_leaves_the_open_ones_and_stays_mine(shelf: Shelf) -> None:
    number = await shelf.add(NOON)
    await shelf.close(number)

    assert await page_of(shelf, TaskFilter(mine=Viewer(FINANCE), is_open=True), Slice()) == ([], None)
    assert await page_of(shelf, TaskFilter(mine=Viewer(FINANCE), is_open=False), Slice()) == ([number], None)
    assert await page_of(shelf, TaskFilter(mine=Viewer(FINANCE)), Slice()) == ([number], None)


@pytest.mark.parametrize(
    ("said", "is_found"),
    [
        ("盘点", True),
        ("点遗", True),
        ("货位 盘点", True),
        ("盘位", False),
        ("IN-2025-03-0007", True),
        ("in-2025", True),
        ("0007", True),
        ("stock", True),
        ("STOCKTAKE_OMI", True),
        ("take", False),
        ("盘点 nothing", False),
        ("！", False),
        ('" OR *', False),
        ("'", False),
    ],
)
async def test_words_are_found_in_chinese_anywhere_and_else_by_their_beginning(
    shelf: Shelf, said: str, is_found: bool
) -> None:
    number = await shelf.add(NOON)
    found, _ = await page_of(shelf, CaseFilter(words=said), Slice())
    assert found == ([number] if is_found else [])


@pytest.mark.parametrize("wanted", [CaseFilter(), CaseFilter(words="盘点")])
async def test_a_cursor_of_another_list_is_refused(shelf: Shelf, wanted: CaseFilter) -> None:
    for _ in range(2):
        await shelf.add(NOON)
    other = CaseFilter(words=None if wanted.words else "盘点")
    _, cursor = await page_of(shelf, other, Slice(1))

    with pytest.raises(CursorUnreadable):
        await page_of(shelf, wanted, Slice(1, cursor))


# --------------------------------------------------------------------------- what a page costs

MANY = {
    **{name: wanted for name, wanted in WAYS.items() if name != "cases found by words"},
    "cases of a rare state": CaseFilter(states=(CaseState.REJECTED,)),
    "open cases of an applicant": CaseFilter(
        states=(CaseState.APPROVING,), applicant="clerk7", ledger="demo"
    ),
    "a Chinese word in every case": CaseFilter(words="盘点"),
    "the inbox of finance": TaskFilter(mine=Viewer(Actor("finance", (Group.FINANCE,))), is_open=True),
    "all that finance was asked": TaskFilter(mine=Viewer(Actor("finance", (Group.FINANCE,)))),
    "tasks of a kind there is none of": TaskFilter(kind=TaskKind.ATTENTION),
    "tasks of somebody without any": TaskFilter(mine=Viewer(Actor("nobody", (Group.AUDITOR,)))),
    "words that occur nowhere": CaseFilter(words="红字冲减"),
}
FEW, MANY_CASES = 400, 4_000


class Steps:
    """Counts the steps of SQLite's own machine: what a read costs, whatever else this computer does."""

    def __init__(self) -> None:
        self.count = 0

    def watch(self, connection: Any, _record: object) -> None:  # Any: the driver's connection
        def tick() -> int:
            self.count += 1
            return 0

        connection.set_progress_handler(tick, 50)


@pytest.fixture(scope="module")
def steps() -> Iterator[Steps]:
    counted = Steps()
    event.listen(Engine, "connect", counted.watch)
    yield counted
    event.remove(Engine, "connect", counted.watch)


@pytest.fixture(scope="module")
def filled(empty: Path, steps: Steps) -> dict[int, str]:
    """The addresses of a register with few cases and of one with many."""
    urls: dict[int, str] = {}
    for number in (FEW, MANY_CASES):
        file = empty.with_name(f"{number}.sqlite")
        shutil.copy(empty, file)
        urls[number] = f"sqlite+aiosqlite:///{file}"
        asyncio.run(fill(urls[number], number))
    return urls


async def _cost(url: str, steps: Steps, wanted: CaseFilter | TaskFilter) -> int:
    database = open_database(url)
    shelf, part = Shelf(database), Slice(20)
    await page_of(shelf, wanted, part)
    before = steps.count
    await page_of(shelf, wanted, part)
    spent = steps.count - before
    await database.aclose()
    return spent


@pytest.mark.parametrize("wanted", MANY.values(), ids=list(MANY))
async def test_a_page_costs_the_same_with_ten_times_the_cases(
    filled: dict[int, str], steps: Steps, wanted: CaseFilter | TaskFilter
) -> None:
    few, many = [await _cost(filled[number], steps, wanted) for number in (FEW, MANY_CASES)]
    assert many <= 1.2 * few + 5
