"""Ended cases by the hundred, told to the register as a case would tell them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from sqlalchemy import Connection

from service.archiving import Archivist
from service.database import Database
from service.register import receive, record
from workflows.domain.case import CaseChange, CaseEvent, EventKind
from workflows.domain.digest import Json
from workflows.domain.ledger import Module
from workflows.domain.period import Period
from workflows.domain.request import FINAL_STATES, CaseState, Intent, ReasonCode, ScopeItem, UncloseRequest

START = datetime(2025, 1, 6, 1, 0, tzinfo=UTC)

REASONS: Sequence[tuple[ReasonCode, str]] = (
    (ReasonCode.STOCKTAKE_OMISSION, "三月盘点遗漏 B 仓两个货位，申请反结账"),
    (ReasonCode.STOCKTAKE_OMISSION, "仓库盤點有誤，請反結帳"),
    (ReasonCode.ENTRY_ERROR, "采购入库单数量录错，需反记账后更正"),
    (ReasonCode.ENTRY_ERROR, "Quantity of the goods receipt was mistyped, please un-close May"),
    (ReasonCode.MISSED_DOCUMENT, "漏录一张销售出库单，取消月末结帐"),
    (ReasonCode.FINANCE_ADJUSTMENT, "财务复核发现成本差异，反结算处理"),
    (ReasonCode.DELETED_DOCUMENT, "误删 ＸＳ－２０２５ 出库单"),
    (ReasonCode.SYSTEM_UPGRADE, "K/3 upgrade left the café depot's stock wrong"),
    (ReasonCode.DATA_ANOMALY, "负库存，取消月结后红字冲减"),
)

COMMENTS = ("同意，请尽快处理", "Agreed, see voucher 记-0042", "数量与盘点表一致", "不同意：请走红字冲减", "")


def a_wish(n: int, **facts: object) -> UncloseRequest:
    code, reason = REASONS[n % len(REASONS)]
    wish = UncloseRequest(
        id=f"UC-2025-{n:06d}",
        ledger=("demo", "demo", "south")[n % 3],
        target_period=Period(2024 + n // 12 % 2, n % 12 + 1),
        modules=((Module.INVENTORY,), (Module.INVENTORY, Module.GL), (Module.COST,))[n % 3],
        reason_code=code,
        reason=reason,
        applicant=f"clerk{n % 7}",
        accepted_at=START + timedelta(hours=n),
        scope=(ScopeItem(f"IN-2025-{n % 12 + 1:02d}-{n:04d}", Intent.CORRECT, f"数量少录 {n % 90}"),),
        correctors=(f"clerk{n % 7}",),
    )
    return replace(wish, **facts)  # type: ignore[arg-type]  # the names are the caller's


def events_of(wish: UncloseRequest, end: CaseState, comment: str) -> Iterator[CaseEvent]:
    at = wish.accepted_at
    told: list[tuple[EventKind, str, dict[str, Json]]] = [
        (EventKind.STATE_CHANGED, "unclose", {"from": "received", "to": "checking"}),
        (EventKind.STATE_CHANGED, "unclose", {"from": "checking", "to": "approving"}),
        (
            EventKind.DECIDED,
            "finance",
            {
                "task": f"{wish.id}-approval-1-2",
                "level": 2,
                "name": "finance",
                "group": "finance",
                "answer": "approve",
                "digest": "d" * 64,
                "comment": comment,
            },
        ),
        (EventKind.STATE_CHANGED, "unclose", {"from": "approving", "to": end}),
    ]
    for seq, (kind, actor, data) in enumerate(told, start=1):
        yield CaseEvent(seq, at + timedelta(minutes=seq), actor, None, kind, data)


async def shelve(database: Database, numbers: Sequence[int], index: bool = True) -> None:
    """Put so many cases on record as ended, each with a decision and what it changed."""

    def work(connection: Connection) -> None:
        dice = Random(6)
        for n in numbers:
            _end(connection, n, dice.choice(COMMENTS))

    await database.write(work)
    if index:
        await Archivist(database).catch_up()


def _end(connection: Connection, n: int, comment: str) -> None:
    wish, end = a_wish(n), sorted(FINAL_STATES)[n % len(FINAL_STATES)]
    many = 700 if n % 50 == 7 else 2
    changed: Json = [{"number": f"CHG-{n:05d}-{k}", "what": "数量"} for k in range(many)]
    parts: dict[str, Json] = {"memo": {"documents": changed}, "risk": "low"}
    receive(connection, wish)
    record(connection, CaseChange(wish.id, end, tuple(events_of(wish, end, comment)), parts=parts))
