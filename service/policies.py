"""The approval policies of all ledgers: versions in the register, else what came with the ledger."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.exc import IntegrityError
from typing_extensions import override

from activities.chain import Policies
from service.admin_log import AdminEvent, note
from service.database import Database
from service.ledger_book import LedgerBook
from service.policy_text import read_policy
from service.refusals import PolicyMoved
from service.tables import policies
from service.told_rows import rows_told
from workflows.domain.case import Actor
from workflows.domain.policy import ApprovalPolicy


@dataclass(frozen=True)
class PolicyVersion:
    """One version of a ledger's policy, and where it comes from."""

    ledger: str
    policy: ApprovalPolicy
    text: str | None
    """The TOML as it was put; none for what came with the ledger."""
    author: str | None = None
    comment: str = ""
    at: datetime | None = None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class PolicyStore(Policies):
    """Versions are only added: what a case was decided under can be read for ever."""

    def __init__(self, database: Database, book: LedgerBook, now: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._book, self._now = database, book, now

    @override
    async def in_force(self, ledger: str) -> ApprovalPolicy:
        return (await self.current(ledger)).policy

    async def current(self, ledger: str) -> PolicyVersion:
        """Raises UnknownLedger, PolicyUnreadable."""
        configured = self._book.configuration(ledger).policy
        row = await self._database.read(partial(_newest, ledger=ledger))
        return PolicyVersion(ledger, configured, None) if row is None else _version(row)

    async def put(
        self, ledger: str, text: str, author: str, comment: str = "", based_on: str | None = None
    ) -> PolicyVersion:
        """Put a new version in force; the same text again leaves the one in force as it is.

        Raises:
            UnknownLedger, PolicyUnreadable: nothing has changed.
            PolicyMoved: somebody else was first; look at their version.
        """
        read_policy(ledger, text, "new")
        before = await self.current(ledger)
        if before.text == text:
            return before
        if based_on is not None and based_on != before.policy.version:
            raise PolicyMoved(based_on, before.policy.version)
        at = self._now()
        row = {
            "ledger": ledger,
            "text": text,
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "author": author,
            "comment": comment,
            "at": at,
        }
        try:
            await self._database.write(partial(_add, row=row, at=at))
        except IntegrityError:  # two at the same moment
            raise PolicyMoved(before.policy.version, (await self.current(ledger)).policy.version) from None
        return await self.current(ledger)


def _newest(connection: Connection, ledger: str) -> Row[tuple[object, ...]] | None:
    wanted = select(policies).where(policies.c.ledger == ledger).order_by(policies.c.number.desc()).limit(1)
    return connection.execute(wanted).one_or_none()


def _add(connection: Connection, row: dict[str, object], at: datetime) -> None:
    mine = policies.c.ledger == row["ledger"]
    last = connection.scalar(select(func.max(policies.c.number)).where(mine)) or 0
    connection.execute(policies.insert(), {**row, "number": last + 1})
    told = {"number": last + 1, **rows_told(connection, policies, mine, policies.c.number == last + 1)}
    kind = AdminEvent.POLICY_CHANGED
    note(connection, Actor(str(row["author"])), kind, str(row["ledger"]), told, at)


def _version(row: "Row[tuple[object, ...]]") -> PolicyVersion:
    version = f"{row.ledger}-{row.number}"
    policy = read_policy(row.ledger, row.text, version, row.author)
    return PolicyVersion(row.ledger, policy, row.text, row.author, row.comment, row.at)
