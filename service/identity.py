"""Who is asking: a token becomes a person or a service account, with what the token may be used for."""

from dataclasses import dataclass

from service.dev_people import TOKEN_PREFIX, Person
from service.oidc import SignIns
from service.tokens import PREFIX, Tokens
from service.user import EVERY_SCOPE, TokenScope, User, UserKind
from service.users import Users
from workflows.domain.approval import Group
from workflows.domain.case import Actor


@dataclass(frozen=True)
class Identity:
    """The one who asks. Scopes say what the token may be used for, groups what its owner may do."""

    actor: Actor
    kind: UserKind
    scopes: tuple[TokenScope, ...]

    @property
    def is_admin(self) -> bool:
        return Group.ADMIN in self.actor.groups and TokenScope.ADMIN in self.scopes


class Identities:
    """Asks each source for its own kind of token. Nothing is remembered between two calls."""

    def __init__(
        self,
        users: Users,
        tokens: Tokens,
        sign_ins: SignIns | None = None,
        development: tuple[Person, ...] = (),
    ) -> None:
        self._users, self._tokens, self._sign_ins = users, tokens, sign_ins
        self._by_token = {TOKEN_PREFIX + p.name: Actor(p.name, p.groups) for p in development}

    async def identify(self, token: str) -> Identity | None:
        """Whose token this is; none if it is nobody's.

        Raises:
            SignInUnavailable: it may be a token of the provider, which does not answer.
        """
        if token.startswith(PREFIX):
            held = await self._tokens.identify(token)
            return _identity(held.user, held.token.scopes) if held else None
        if token.startswith(TOKEN_PREFIX):
            known = self._by_token.get(token)
            return Identity(known, UserKind.PERSON, EVERY_SCOPE) if known else None
        shown = await self._sign_ins.read(token) if self._sign_ins else None
        user = await self._users.signed_in(shown) if shown else None
        return _identity(user, EVERY_SCOPE) if user else None

    async def is_active_person(self, name: str) -> bool:
        user = await self._users.find(name)
        return user is not None and user.active and user.kind == UserKind.PERSON


def _identity(user: User, scopes: tuple[TokenScope, ...]) -> Identity:
    return Identity(Actor(user.name, user.groups), user.kind, scopes)
