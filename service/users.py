"""Users in the register: kept by administrators, or brought up to date by the provider at each sign-in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, select, update

from service.admin_log import AdminEvent, note
from service.database import Database, lock_table
from service.dev_people import Person
from service.pages import rows_by
from service.queries import Page, Slice
from service.refusals import ConsentingService, DevelopmentIdentity, OwnEntry, UserKindFixed
from service.tables import user_groups, users
from service.user import SERVICE_GROUPS, User, UserKind, UserSource, in_order
from workflows.domain.approval import Group
from workflows.domain.case import Actor
from workflows.domain.digest import Json, to_json


@dataclass(frozen=True)
class UserEntry:
    """What an administrator says of somebody. What is none stays as it is."""

    groups: tuple[Group, ...]
    active: bool = True
    display_name: str | None = None
    kind: UserKind | None = None
    source: UserSource | None = None
    unbind: bool = False
    """Take whoever signs in next under this name for this person."""


@dataclass(frozen=True)
class SignIn:
    """What a sign-in has shown of a person."""

    subject: str
    """Digest of who this is to the provider; unlike a name it is never given to another."""
    name: str
    display_name: str
    groups: tuple[Group, ...]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Users:
    """One call is one transaction."""

    def __init__(
        self,
        database: Database,
        development: tuple[Person, ...] = (),
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._database, self._now = database, now
        self._development = {person.name: _as_user(person) for person in development}

    async def page(self, part: Slice) -> Page[User]:
        """Everyone in the register, by name; development identities are in none."""
        return await self._database.read(partial(_page, part=part))

    async def find(self, name: str) -> User | None:
        return await self._database.read(partial(self.look_up, name=name))

    def look_up(self, connection: Connection, name: str) -> User | None:
        """The same as part of another transaction."""
        return self._development.get(name) or read_user(connection, name)

    async def put(self, name: str, entry: UserEntry, by: Actor) -> User:
        """Add somebody or change what is known of them; what changes is on record.

        Raises:
            OwnEntry: nobody changes what they themselves may do.
            DevelopmentIdentity: it stays as it is.
            UserKindFixed: a person does not become a service account, nor the other way round.
            ConsentingService: the groups given are not for a service account.
        """
        if name == by.person:
            raise OwnEntry(name)
        if name in self._development:
            raise DevelopmentIdentity(name)
        return await self._database.write(partial(_put, name=name, entry=entry, by=by, at=self._now()))

    async def signed_in(self, shown: SignIn) -> User | None:
        """The person who has signed in, added or brought up to date; none if they may not come in.

        Not let in: a name that belongs to somebody else, to a service account or to a development identity;
        and whoever has been made inactive here.
        """
        known = await self._database.read(partial(_find_by_subject, subject=shown.subject))
        if known is None or _brought_up_to_date(known, shown) != known:
            if known is None and shown.name in self._development:
                return None
            known = await self._database.write(partial(_sign_in, shown=shown, at=self._now()))
        return known if known is not None and known.active else None


def _as_user(person: Person) -> User:
    return User(person.name, person.name, UserKind.PERSON, person.groups, UserSource.DEVELOPMENT, active=True)


def _page(connection: Connection, part: Slice) -> Page[User]:
    rows = rows_by(connection, select(users), users.c.name, part, str)
    return Page(_as_users(connection, rows.items), rows.next)


def read_user(connection: Connection, name: str) -> User | None:
    return _one(connection, users.c.name == name)


def _find_by_subject(connection: Connection, subject: str) -> User | None:
    return _one(connection, users.c.subject == subject)


def _one(connection: Connection, condition: ColumnElement[bool]) -> User | None:
    found = _as_users(connection, connection.execute(select(users).where(condition)).all())
    return found[0] if found else None


def _as_users(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[User, ...]:
    if not rows:
        return ()
    wanted = select(user_groups).where(user_groups.c.user.in_([row.name for row in rows]))
    memberships = connection.execute(wanted).all()
    return tuple(
        User(
            row.name,
            row.display_name,
            UserKind(row.kind),
            in_order(tuple(Group(m.group) for m in memberships if m.user == row.name)),
            UserSource(row.source),
            row.active,
            row.subject is not None,
        )
        for row in rows
    )


# --------------------------------------------------------------------------- writing


def _put(connection: Connection, name: str, entry: UserEntry, by: Actor, at: datetime) -> User:
    lock_table(connection, users)
    known = read_user(connection, name)
    if known is not None and entry.kind not in (None, known.kind):
        raise UserKindFixed(name, known.kind)
    kind = known.kind if known else entry.kind or UserKind.PERSON
    excess = tuple(group for group in in_order(entry.groups) if group not in SERVICE_GROUPS)
    if kind == UserKind.SERVICE and excess:
        raise ConsentingService(name, ", ".join(excess))
    new = User(
        name,
        entry.display_name or (known.display_name if known else name),
        kind,
        in_order(entry.groups),
        entry.source or (known.source if known else UserSource.REGISTER),
        entry.active,
        known is not None and known.is_bound and not entry.unbind,
    )
    _keep(connection, known, new, by, at)
    return new


def _sign_in(connection: Connection, shown: SignIn, at: datetime) -> User | None:
    lock_table(connection, users)
    by = Actor(shown.name)
    known = _find_by_subject(connection, shown.subject)
    if known is None:
        known = read_user(connection, shown.name)
        if known is not None and (known.is_bound or known.kind == UserKind.SERVICE):
            return None
        if known is None:
            new = User(shown.name, shown.name, UserKind.PERSON, (), UserSource.OIDC, active=True)
            _keep(connection, None, new, by, at)
            known = new
        bound = update(users).where(users.c.name == shown.name).values(subject=shown.subject)
        connection.execute(bound)
        known = replace(known, is_bound=True)
    new = _brought_up_to_date(known, shown)
    _keep(connection, known, new, replace(by, person=new.name), at)
    return new


def _brought_up_to_date(known: User, shown: SignIn) -> User:
    """What the provider says counts where it keeps the groups; elsewhere the administrators' word does."""
    if known.source != UserSource.OIDC:
        return known
    return replace(known, groups=in_order(shown.groups), display_name=shown.display_name)


def _keep(connection: Connection, known: User | None, new: User, by: Actor, at: datetime) -> None:
    """Write what differs, and that it does."""
    if new == known:
        return
    row = {
        "display_name": new.display_name,
        "kind": new.kind,
        "source": new.source,
        "active": new.active,
        "updated_at": at,
    }
    if known is None:
        connection.execute(users.insert().values(name=new.name, subject=None, **row))
    else:
        unbound = {"subject": None} if known.is_bound and not new.is_bound else {}
        connection.execute(update(users).where(users.c.name == new.name).values(**row, **unbound))
    connection.execute(delete(user_groups).where(user_groups.c.user == new.name))
    if new.groups:
        connection.execute(user_groups.insert(), [{"user": new.name, "group": g} for g in new.groups])
    kind = AdminEvent.USER_CHANGED if known else AdminEvent.USER_ADDED
    said = {"before": _told(known), "after": _told(new)}
    note(connection, by, kind, new.name, said, at)


def _told(user: User | None) -> Json:
    return None if user is None else to_json(user)
