"""What a worker needs to hand deliveries on: hooks, the handler of each kind, and the dispatcher."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from service.acceptance import Acceptance
from service.inbox.dispatcher import Dispatcher
from service.inbox.generic import GenericIntake
from service.inbox.hooks import HookBook
from service.inbox.ports import Handler, HookKind
from service.inbox.pushes import StoredOnly
from service.inbox.store import Inbox
from service.intake import Intake
from service.jiandaoyun.access import Access
from service.jiandaoyun.composition import Around, open_jiandaoyun, shown
from service.users import Users
from service.wishes import Wishes


@dataclass(frozen=True)
class Incoming:
    """What is read from outside, and how cases are opened for it."""

    hooks: HookBook
    access: Access | None
    """The forms that are read."""
    around: Around
    users: Users

    @asynccontextmanager
    async def handed_on(self) -> AsyncIterator[None]:
        """Hand on what hooks have stored, and show forms what became of it, while the block runs."""
        async with open_jiandaoyun(self.access, self.around) as forms, shown(forms):
            if not self.hooks:
                yield
                return
            pushes = StoredOnly() if forms is None else forms.pushes
            handlers: dict[HookKind, Handler] = {
                HookKind.GENERIC: GenericIntake(self._acceptance(), self.users),
                HookKind.JIANDAOYUN: pushes,
            }
            async with Dispatcher(Inbox(self.around.database), self.hooks, handlers).running():
                yield

    def _acceptance(self) -> Acceptance:
        around = self.around
        wishes = Wishes(around.book, around.directory)
        return Acceptance(wishes, Intake(around.database), around.gateway)
