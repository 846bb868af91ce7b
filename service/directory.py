"""Who is in which group now, and who stands in for whom: the register's answer, asked anew each time."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection, select
from typing_extensions import override

from activities.recording import Directory
from service.database import Database
from service.delegations import in_force
from service.dev_people import Person
from service.tables import user_groups, users
from service.user import UserKind, in_order
from service.users import read_user
from workflows.domain.approval import Group
from workflows.domain.delegation import Delegation, principals_of


def _utc_now() -> datetime:
    return datetime.now(UTC)


class RegisterDirectory(Directory):
    """Only active persons are in it: whoever has left approves nothing and is stood in for by nobody."""

    def __init__(
        self,
        database: Database,
        development: tuple[Person, ...] = (),
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._database, self._now = database, now
        self._development = {person.name: person.groups for person in development}

    @override
    async def people(self, groups: tuple[Group, ...]) -> dict[Group, tuple[str, ...]]:
        found = await self._database.read(partial(_members, groups=groups))
        for name, theirs in self._development.items():
            for group in set(theirs) & set(groups):
                found[group].append(name)
        return {group: tuple(sorted(names)) for group, names in found.items()}

    @override
    async def groups_of(self, person: str) -> tuple[Group, ...] | None:
        if person in self._development:
            return self._development[person]
        user = await self._database.read(partial(read_user, name=person))
        is_here = user is not None and user.active and user.kind == UserKind.PERSON
        return in_order(user.groups) if user is not None and is_here else None

    @override
    async def principals_of(self, delegate: str, ledger: str) -> tuple[str, ...]:
        at = self._now()
        return principals_of(delegate, await self.delegations(at), at, ledger)

    async def delegations(self, at: datetime) -> tuple[Delegation, ...]:
        """Those in force then between persons who are both active: a line breaks at one who has left."""
        return await self._database.read(partial(self._between_active, at=at))

    def _between_active(self, connection: Connection, at: datetime) -> tuple[Delegation, ...]:
        found = in_force(connection, at)
        names = {name for d in found for name in (d.principal, d.delegate)}
        here = active_persons(connection, names) | (names & set(self._development))
        return tuple(d for d in found if d.principal in here and d.delegate in here)


def active_persons(connection: Connection, names: set[str]) -> set[str]:
    """Those of the names that stand for active persons."""
    if not names:
        return set()
    wanted = select(users.c.name).where(
        users.c.name.in_(sorted(names)), users.c.active, users.c.kind == UserKind.PERSON
    )
    return set(connection.scalars(wanted))


def _members(connection: Connection, groups: tuple[Group, ...]) -> dict[Group, list[str]]:
    wanted = (
        select(user_groups.c.group, user_groups.c.user)
        .join(users, users.c.name == user_groups.c.user)
        .where(user_groups.c.group.in_(groups), users.c.active, users.c.kind == UserKind.PERSON)
    )
    found: dict[Group, list[str]] = {group: [] for group in groups}
    for group, name in connection.execute(wanted):
        found[Group(group)].append(name)
    return found
