"""The archive: every case that has ended is found, by the same words in both databases."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import update

from service.archive import Archive, Archived, ArchiveFilter
from service.archive_tables import archived_cases
from service.archive_text import Where
from service.archive_words import Unit, folded, phrases, units
from service.archiving import Archivist, again_after
from service.database import Database, open_database
from service.migrate import upgrade
from service.queries import Slice
from service.refusals import CursorUnreadable
from service.register import SqlRegister
from service.tables import cases
from tests.postgres import Server
from tests.shelf import a_wish, events_of, shelve
from workflows.domain.case import CaseChange
from workflows.domain.errors import UnknownRequest
from workflows.domain.ledger import Module
from workflows.domain.request import CaseState, ReasonCode

CASES = 60

QUERIES = (
    # Chinese, by whole words, parts of words and single characters
    "盘点", "盘点遗漏", "遗漏两个货位", "货位", "盘", "负库存", "红字冲减", "财务复核", "成本差异", "误删",
    # the many names of one act (R13)
    "反结账", "反结帐", "反结算", "反记账", "反記帳", "反結帳", "取消月结", "取消月末结帐", "取消月末记帐",
    "un-close", "Unclose", "反结账处理", "取消", "记账",
    # English, whole and begun
    "quantity", "mistyp", "goods receipt", "UPGRADE", "cafe", "Café", "agreed voucher",
    # mixed, and as it comes out of other keyboards
    "K/3 upgrade", "Ｋ／３", "xs-2025", "ＸＳ－２０２５", "盤點", "voucher 记-0042", "反记帐 数量",
    # numbers of cases and documents, also in a case of several pieces; and what is nowhere
    "UC-2025-000007", "CHG-00007-3", "CHG-00007-3 CHG-00007-650 出库", "in-2025-08",
    "账结", "无此词语", "-- ，",
)  # fmt: skip

HARD = (
    # one sign; nothing but signs; what the databases' own query languages would take for their own
    "库", "表", "3", "*", '"', "'", "()", "\\", "%", "·", "¶", "盘点*", "^盘点", "-盘点",
    "words:盘点", "{words}:盘点", "NEAR(盘点 数量)", "盘点 AND 数量", "盘点 OR 数量", "NOT 盘点",
    '"盘点 数量"', "盘点 & 数量", "!盘点", "盘点:*", "盘<->点", "'盘点' | '数量'",
    "盘点'); DROP TABLE cases; --", "·in·2025", "盘·点",
    # mixed without spaces, signs beyond the first plane, signs that are nothing, marks, and very long ones
    "录一张销售出库单取消", "upgrade左the", "K/3upgrade", "decided finance approve", "😀", "盘点😀遗漏",
    "盘\u200b点", "e\u0301", "İ", "ﬁ", "𠮷", "盘\x00点", "盘点" * 100, "a" * 200,
    " ".join("盘点遗漏货位数量出库"), "数量 " * 60,
    # periods, in full width too, numbers of cases and names of documents
    "２０２５", "2025", "2025-05", "２０２５－０５", "2025年5月", "２０２５年０５月", "2025 年 5 月",
    "2024年11月份", "5月", "2025-5", "ＵＣ－２０２５－００００３１", "uc-2025-00003", "IN-2025-08-0007",
    "IN-2025-08-0007 2025-08", "in 2025 08 0007", "goods-receipt", "audit-report", "report-audit",
)  # fmt: skip


@asynccontextmanager
async def a_shelf(url: str) -> AsyncIterator[Database]:
    await asyncio.to_thread(upgrade, url)
    database = open_database(url)
    await shelve(database, range(CASES))
    yield database
    await database.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    folder = tmp_path_factory.mktemp("shelf")
    async with a_shelf(f"sqlite+aiosqlite:///{folder / 'register.sqlite'}") as database:
        yield database


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_postgres(postgres: Server) -> AsyncIterator[Database]:
    with postgres.database() as name:
        async with a_shelf(postgres.url(name, "postgresql+asyncpg")) as database:
            yield database


module_loop = pytest.mark.asyncio(loop_scope="module")


async def everything(database: Database, wanted: ArchiveFilter, limit: int = 50) -> list[Archived]:
    archive, found, cursor = Archive(database), list[Archived](), None
    while True:
        page = (await archive.search(wanted, Slice(limit, cursor))).page
        found += page.items
        if (cursor := page.next) is None:
            return found


def text_of(n: int) -> Sequence[str]:
    """What a case of the shelf says, without anything of the archive's."""
    wish = a_wish(n)
    changed = 700 if n % 50 == 7 else 2
    return (
        wish.reason,
        wish.id,
        *(f"{item.document} {item.note}" for item in wish.scope),
        *(f"CHG-{n:05d}-{k} 数量" for k in range(changed)),
    )


def stands_in(text: str, said: Sequence[Unit]) -> bool:
    """The plain way to look for a phrase."""
    told, wanted = [unit.text for unit in units(folded(text))], [unit.text for unit in said]
    last, is_chinese = wanted[-1], said[-1].is_chinese
    return any(
        told[at : at + len(wanted) - 1] == wanted[:-1]
        and (
            told[at + len(wanted) - 1] == last if is_chinese else told[at + len(wanted) - 1].startswith(last)
        )
        for at in range(len(told) - len(wanted) + 1)
    )


@module_loop
async def test_forty_searches_find_the_same_in_both_databases(
    on_sqlite: Database, on_postgres: Database
) -> None:
    assert len(QUERIES) >= 40
    for said in (*QUERIES, *HARD):
        here, there = [await everything(d, ArchiveFilter(said)) for d in (on_sqlite, on_postgres)]
        assert here == there, said


@module_loop
async def test_a_period_is_found_as_a_number_and_in_words(on_sqlite: Database) -> None:
    names = ("2025-05", "2025年5月", "２０２５年０５月", "2025 年 5 月")
    found = [{each.case for each in await everything(on_sqlite, ArchiveFilter(name))} for name in names]
    periods = {a_wish(n).id for n in range(CASES) if str(a_wish(n).target_period) == "2025-05"}
    assert periods
    assert all(those >= periods and those == found[0] for those in found)


@module_loop
async def test_pages_filters_and_words_go_together_alike_in_both_databases(
    on_sqlite: Database, on_postgres: Database
) -> None:
    for said in ("数量", "盘点遗漏", "CHG-00007-3 数量", "2025年5月", "审计报告"):
        for wanted in (ArchiveFilter(said), ArchiveFilter(said, ledger="demo")):
            whole = await everything(on_sqlite, wanted)
            assert whole, said
            for database in (on_sqlite, on_postgres):
                assert await everything(database, wanted, 3) == whole, said


@module_loop
async def test_a_search_finds_what_a_plain_look_through_the_texts_finds(on_sqlite: Database) -> None:
    texts = {a_wish(n).id: text_of(n) for n in range(CASES)}
    for said in (
        "遗漏两个货位",
        "goods receipt",
        "CHG-00007-3 CHG-00007-650 出库",
        "in-2025-08",
        "mistyp",
        "账结",
        "点遗漏两",
        "receipt-was",
        "08-0007",
    ):
        wanted = [phrase.units for phrase in phrases(said)]
        plainly = {
            case
            for case, lines in texts.items()
            if all(any(stands_in(line, phrase) for line in lines) for phrase in wanted)
        }
        assert {found.case for found in await everything(on_sqlite, ArchiveFilter(said))} == plainly, said


@module_loop
async def test_every_name_of_the_act_finds_the_same_cases(on_sqlite: Database) -> None:
    names = ("反结账", "反结帐", "反结算", "反记账", "反記帳", "取消月结", "取消月末记帐", "un-close")
    found = [{each.case for each in await everything(on_sqlite, ArchiveFilter(name))} for name in names]
    # Every report names the act in its title, so that whoever asks for it alone finds every case.
    assert found == [{a_wish(n).id for n in range(CASES)}] * len(names)
    narrowed = [
        {each.case for each in await everything(on_sqlite, ArchiveFilter(f"{name}处理"))} for name in names
    ]
    assert narrowed == [narrowed[0]] * len(names)
    assert 0 < len(narrowed[0]) < CASES


FILTERS = (
    ArchiveFilter(ledger="south"),
    ArchiveFilter(period="2024-03"),
    ArchiveFilter(module=Module.GL),
    ArchiveFilter(outcomes=(CaseState.COMPLETED, CaseState.ROLLED_BACK)),
    ArchiveFilter(reason_code=ReasonCode.ENTRY_ERROR),
    ArchiveFilter(person="clerk3"),
    ArchiveFilter(ended_from=datetime(2025, 1, 7, tzinfo=UTC), ended_before=datetime(2025, 1, 8, tzinfo=UTC)),
    ArchiveFilter("数量", ledger="demo", person="finance", outcomes=(CaseState.COMPLETED,)),
)


@module_loop
@pytest.mark.parametrize("wanted", FILTERS, ids=str)
async def test_filters_find_the_same_in_both_databases(
    on_sqlite: Database, on_postgres: Database, wanted: ArchiveFilter
) -> None:
    here, there = [await everything(d, wanted) for d in (on_sqlite, on_postgres)]
    assert here == there
    assert 0 < len(here) < CASES


@module_loop
async def test_pages_of_any_size_give_every_case_once_and_the_newest_end_first(
    on_sqlite: Database, on_postgres: Database
) -> None:
    for database in (on_sqlite, on_postgres):
        whole = [each.case for each in await everything(database, ArchiveFilter("数量"), 200)]
        assert whole == sorted(whole, reverse=True)
        assert [each.case for each in await everything(database, ArchiveFilter("数量"), 7)] == whole


@module_loop
async def test_a_find_shows_where_it_stands_as_it_was_written(on_sqlite: Database) -> None:
    page = (await Archive(on_sqlite).search(ArchiveFilter("反记账 CHG-00004-1"), Slice())).page
    (found,) = page.items
    shown = {each.where: [each.shown.text[a:b] for a, b in each.shown.marks] for each in found.highlights}
    assert shown == {Where.REQUEST: ["取消月末结帐"], Where.PART: ["CHG-00004-1"]}


@module_loop
@pytest.mark.parametrize("cursor", ["eHh4", "!", "YXJjaGl2ZSAxMjM0NTY3ODkwMTI=", "NQ=="])
async def test_a_cursor_of_another_list_is_refused(on_sqlite: Database, cursor: str) -> None:
    with pytest.raises(CursorUnreadable):
        await Archive(on_sqlite).search(ArchiveFilter("数量"), Slice(5, cursor))


# --------------------------------------------------------------------------- how cases get there


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}"
    await asyncio.to_thread(upgrade, url)
    opened = open_database(url)
    yield opened
    await opened.aclose()


async def test_a_case_is_in_the_archive_from_the_moment_of_its_end_and_found_soon_after(
    database: Database,
) -> None:
    await shelve(database, [1], index=False)
    archive = Archive(database)

    listed = await archive.search(ArchiveFilter(), Slice())
    assert ([each.case for each in listed.page.items], listed.pending) == (["UC-2025-000001"], 1)
    assert (await archive.search(ArchiveFilter("盤點"), Slice())).page.items == ()

    assert await Archivist(database).catch_up() == 1
    found = await archive.search(ArchiveFilter("盤點"), Slice())
    assert ([each.case for each in found.page.items], found.pending) == (["UC-2025-000001"], 0)


async def test_a_case_that_still_runs_is_not_in_the_archive(database: Database) -> None:
    register, wish = SqlRegister(database), a_wish(1)
    await register.receive(wish)
    told = tuple(events_of(wish, CaseState.COMPLETED, ""))[:3]
    await register.record(CaseChange(wish.id, CaseState.APPROVING, told))
    await Archivist(database).catch_up()
    assert (await Archive(database).search(ArchiveFilter(), Slice())).page.items == ()


async def test_a_late_repeat_of_the_end_archives_nothing_twice(database: Database) -> None:
    await shelve(database, [1])
    wish = a_wish(1)
    told = tuple(events_of(wish, sorted(CaseState)[0], "数量与盘点表一致"))[:2]
    await SqlRegister(database).record(CaseChange(wish.id, CaseState.COMPLETED, told))
    assert await Archivist(database).catch_up() == 0


async def test_the_text_of_a_report_is_found_once_it_is_there(database: Database) -> None:
    await shelve(database, [1])
    archive = Archive(database)
    await archive.add_text("UC-2025-000001", "report-zh", "第一页\n存货余额表核对无误")
    await archive.add_text("UC-2025-000001", "report-zh", "第一页\n存货余额表核对一致")
    await Archivist(database).catch_up()

    (found,) = (await archive.search(ArchiveFilter("余额表核对一致"), Slice())).page.items
    assert [each.where for each in found.highlights] == [Where.TEXT]
    assert (await archive.search(ArchiveFilter("核对无误"), Slice())).page.items == ()
    with pytest.raises(UnknownRequest):
        await archive.add_text("UC-2025-000099", "report-zh", "")


async def test_a_case_that_cannot_be_read_is_named_and_tried_again_ever_more_seldom(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await shelve(database, [1, 2], index=False)
    broken = update(cases).where(cases.c.id == "UC-2025-000001")
    await database.write(lambda on: on.execute(broken.values(state="unheard_of")))
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    archive, archivist = Archive(database), Archivist(database, now=lambda: now[0])

    assert await archivist.catch_up() == 1, "the other is not kept from being found"
    for rest in (30, 60, 120):
        told = await archive.search(ArchiveFilter(), Slice())
        assert (told.pending, told.unreadable) == (1, ("UC-2025-000001",))
        assert "UC-2025-000001 cannot be put in the index" in caplog.text
        caplog.clear()
        now[0] += timedelta(seconds=rest - 1)
        await archivist.catch_up()
        assert not caplog.text, "it is left alone until its time has come"
        now[0] += timedelta(seconds=1)
        await archivist.catch_up()

    await database.write(lambda on: on.execute(broken.values(state=CaseState.COMPLETED)))
    now[0] += again_after(4)
    assert await archivist.catch_up() == 1
    told = await archive.search(ArchiveFilter("UC-2025-000001"), Slice())
    assert (len(told.page.items), told.pending, told.unreadable) == (1, 0, ())


async def test_what_is_told_of_a_case_that_could_not_be_read_is_tried_at_once(database: Database) -> None:
    await shelve(database, [1], index=False)
    rests = {"failures": 9, "not_before": datetime(2999, 1, 1, tzinfo=UTC)}
    await database.write(lambda on: on.execute(update(archived_cases).values(rests)))
    assert await Archivist(database).catch_up() == 0
    await Archive(database).add_text("UC-2025-000001", "note", "新附件")
    assert await Archivist(database).catch_up() == 1


def test_a_case_rests_at_most_an_hour() -> None:
    hour = timedelta(hours=1)
    rests = [again_after(n) for n in (1, 2, 8, 500)]
    assert rests == [timedelta(seconds=30), timedelta(minutes=1), hour, hour]


async def test_two_archivists_at_once_index_every_case_once(database: Database) -> None:
    await shelve(database, range(12), index=False)
    done = await asyncio.gather(*(Archivist(database).catch_up() for _ in range(2)))
    assert sum(done) == 12
