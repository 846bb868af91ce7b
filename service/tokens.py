"""API tokens: long random numbers, shown once, kept as SHA-256, looked up anew on every call."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from service.admin_log import AdminEvent, note
from service.database import Database, lock_table
from service.intake import KEYS_ARE_KEPT
from service.pages import rows_by
from service.queries import Page, Slice
from service.refusals import SecretShownOnce, UnknownToken, UnknownUser
from service.tables import api_tokens
from service.user import TokenScope, User
from service.users import Users
from workflows.domain.case import Actor
from workflows.domain.digest import Json

PREFIX = "uct_"
"""Says what it is to people and to programs that look for leaked secrets."""
LONGEST_DAYS = 365

_SECRET_BYTES = 32
_ID_LENGTH = 16
_COARSE = timedelta(hours=1)
"""How exactly the last use is kept; finer would be a write for every read."""


@dataclass(frozen=True)
class Token:
    """What is known of a token; not the token."""

    id: str
    user: str
    label: str
    scopes: tuple[TokenScope, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None
    last_used_at: datetime | None


@dataclass(frozen=True)
class NewToken:
    token: Token
    secret: str
    """The token itself, told this once."""


@dataclass(frozen=True)
class TokenWish:
    user: str
    scopes: tuple[TokenScope, ...]
    days: int
    """From now until it expires, 1 to 365."""
    label: str = ""


@dataclass(frozen=True)
class Held:
    """A token that was shown, and whose it is."""

    token: Token
    user: User


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Tokens:
    """One call is one transaction; nothing is kept between two calls, so that a revocation holds at once."""

    def __init__(self, database: Database, users: Users, now: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._users, self._now = database, users, now

    async def make(self, wish: TokenWish, by: Actor, call: str | None = None) -> NewToken:
        """Make a token. The same call makes one, and shows it once.

        Raises:
            UnknownUser: nobody active has this name.
            SecretShownOnce: the call has made its token before; it cannot be shown again.
        """
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        at = self._now()
        token = Token(
            id=f"{int(at.timestamp()):08x}{secrets.token_hex(4)}",
            user=wish.user,
            label=wish.label,
            scopes=tuple(scope for scope in TokenScope if scope in wish.scopes),
            created_at=at,
            created_by=by.person,
            expires_at=at + timedelta(days=wish.days),
            revoked_at=None,
            revoked_by=None,
            last_used_at=None,
        )
        shown = f"{PREFIX}{token.id}{secret}"
        await self._database.write(partial(self._write, token=token, sha256=_sha256(shown), by=by, call=call))
        return NewToken(token, shown)

    async def page(self, user: str | None, part: Slice) -> Page[Token]:
        """Newest first: of one user, or of all."""
        return await self._database.read(partial(_page, user=user, part=part))

    async def revoke(self, token: str, by: Actor, is_admin: bool) -> Token:
        """End a token now. Doing it again changes nothing.

        Raises:
            UnknownToken: there is none, or none that is theirs to revoke.
        """
        return await self._database.write(
            partial(_revoke, token=token, by=by, is_admin=is_admin, at=self._now())
        )

    async def identify(self, shown: str) -> Held | None:
        """Whose token this is; none if it is nobody's, expired, revoked, or of somebody inactive."""
        at = self._now()
        held = await self._database.read(partial(self._find, shown=shown, at=at))
        if held is not None and _was_used_long_ago(held.token, at):
            await self._database.write(partial(_was_used, token=held.token.id, at=at))
        return held

    def _write(self, connection: Connection, token: Token, sha256: str, by: Actor, call: str | None) -> None:
        user = self._users.look_up(connection, token.user)
        if user is None or not user.active:
            raise UnknownUser(token.user, "user")
        if call is not None:
            _require_new(connection, call, token.created_at)
        row = {
            "id": token.id,
            "call": call,
            "user": token.user,
            "label": token.label,
            "sha256": sha256,
            "scopes": list(token.scopes),
            "created_at": token.created_at,
            "created_by": token.created_by,
            "expires_at": token.expires_at,
        }
        connection.execute(api_tokens.insert().values(row))
        said: dict[str, Json] = {
            "user": token.user,
            "scopes": [str(scope) for scope in token.scopes],
            "expires_at": token.expires_at.isoformat(),
        }
        note(connection, by, AdminEvent.TOKEN_MADE, token.id, said, token.created_at)

    def _find(self, connection: Connection, shown: str, at: datetime) -> Held | None:
        row = connection.execute(_BY_ID, {"which": _id_in(shown)}).one_or_none()
        # Compared even if there is no such token: how long a refusal takes tells nothing about the ids.
        is_it = secrets.compare_digest(row.sha256 if row else _NOBODYS, _sha256(shown))
        if row is None or not is_it:
            return None
        token = _token(row)
        user = self._users.look_up(connection, token.user)
        is_good = token.revoked_at is None and at < token.expires_at
        return Held(token, user) if is_good and user is not None and user.active else None


def _require_new(connection: Connection, call: str, at: datetime) -> None:
    """Raises SecretShownOnce. A key is forgotten after some time and may then name another call."""
    lock_table(connection, api_tokens)
    old = (api_tokens.c.call == call) & (api_tokens.c.created_at < at - KEYS_ARE_KEPT)
    connection.execute(update(api_tokens).where(old).values(call=None))
    made = connection.scalar(select(api_tokens.c.id).where(api_tokens.c.call == call))
    if made is not None:
        raise SecretShownOnce(made)


_BY_ID = select(api_tokens).where(api_tokens.c.id == bindparam("which"))
_NOBODYS = "0" * 64


def _id_in(shown: str) -> str:
    return shown[len(PREFIX) : len(PREFIX) + _ID_LENGTH]


def _sha256(shown: str) -> str:
    return hashlib.sha256(shown.encode()).hexdigest()


def _was_used_long_ago(token: Token, at: datetime) -> bool:
    return token.last_used_at is None or at - token.last_used_at >= _COARSE


def _was_used(connection: Connection, token: str, at: datetime) -> None:
    connection.execute(update(api_tokens).where(api_tokens.c.id == token).values(last_used_at=at))


def _page(connection: Connection, user: str | None, part: Slice) -> Page[Token]:
    chosen = select(api_tokens) if user is None else select(api_tokens).where(api_tokens.c.user == user)
    rows = rows_by(connection, chosen, api_tokens.c.id, part, str, newest_first=True)
    return Page(tuple(_token(row) for row in rows.items), rows.next)


def _revoke(connection: Connection, token: str, by: Actor, is_admin: bool, at: datetime) -> Token:
    known = _read(connection, token)
    if known is None or (known.user != by.person and not is_admin):
        raise UnknownToken(token)
    if known.revoked_at is not None:
        return known
    ended = {"revoked_at": at, "revoked_by": by.person}
    connection.execute(update(api_tokens).where(api_tokens.c.id == token).values(ended))
    note(connection, by, AdminEvent.TOKEN_REVOKED, token, {"user": known.user}, at)
    return replace(known, revoked_at=at, revoked_by=by.person)


def _read(connection: Connection, token: str) -> Token | None:
    row = connection.execute(_BY_ID, {"which": token}).one_or_none()
    return None if row is None else _token(row)


def _token(row: Row[Any]) -> Token:  # Any: as typed by the columns of the table
    return Token(
        id=row.id,
        user=row.user,
        label=row.label,
        scopes=tuple(TokenScope(scope) for scope in row.scopes),
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
        last_used_at=row.last_used_at,
    )
