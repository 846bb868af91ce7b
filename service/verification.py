"""Verifies the register: a case, the next so many cases, or everything, never more than a case in memory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, select

from activities.verifier import Fault
from service.case_record import check_case
from service.database import Database
from service.tables import cases
from service.trail_check import check_trail

AT_ONCE = 100


@dataclass(frozen=True)
class Verified:
    """What came of checking some cases."""

    checked: int
    faults: tuple[Fault, ...]
    next: str | None
    """The last of them, if there are more."""


class Verification:
    """Finds what was changed behind the back of the register. Changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def case(self, case: str) -> tuple[Fault, ...]:
        """Raises UnknownRequest."""
        return tuple(await self._database.read(partial(check_case, case=case)))

    async def trail(self) -> tuple[Fault, ...]:
        """What is wrong outside of cases."""
        return await self._database.read(lambda connection: tuple(check_trail(connection)))

    async def some(self, after: str | None = None, limit: int = AT_ONCE) -> Verified:
        """The next so many cases, in the order of their numbers."""
        numbers = await self._database.read(partial(_numbers, after=after, limit=limit + 1))
        found: list[Fault] = []
        for case in numbers[:limit]:
            found += await self.case(case)
        more = numbers[limit - 1] if len(numbers) > limit else None
        return Verified(len(numbers[:limit]), tuple(found), more)

    async def everything(self) -> AsyncIterator[Verified]:
        """All there is, piece by piece; what is outside of cases comes last."""
        after: str | None = None
        while True:
            part = await self.some(after)
            yield part
            if part.next is None:
                break
            after = part.next
        yield Verified(0, await self.trail(), None)


def _numbers(connection: Connection, after: str | None, limit: int) -> list[str]:
    wanted = select(cases.c.id).order_by(cases.c.id).limit(limit)
    return list(connection.scalars(wanted if after is None else wanted.where(cases.c.id > after)))
