"""The one write path: a request is checked, numbered and started, or nothing is taken."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from service.intake import Intake, Sender, Taken
from service.temporal_gateway import Gateway
from service.wishes import Wish, Wishes
from workflows.domain.case import Actor
from workflows.domain.errors import Unavailable, UnknownRequest
from workflows.domain.request import UncloseRequest

_ORPHANED_AFTER = timedelta(seconds=30)
"""A number whose case has not begun by then may belong to a call that was cut off."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Acceptance:
    def __init__(
        self, wishes: Wishes, intake: Intake, gateway: Gateway, now: Callable[[], datetime] = _utc_now
    ) -> None:
        self._wishes, self._intake, self._gateway, self._now = wishes, intake, gateway, now

    async def accept(self, wish: Wish, actor: Actor, sender: Sender) -> UncloseRequest:
        """Take a request; the same sender, key and wish give the same request again.

        Raises:
            as `Wishes.read` and `Wishes.require_possible`; then nothing was written.
            WorkflowUnavailable: nothing was taken, and the number given is void until the key comes again.
        """
        look = await self._intake.look(sender, wish.ledger)
        if look.taken is not None and not look.taken.is_void:
            return await self._start(look.taken)
        if look.taken is not None and await self._gateway.has_started(look.taken.request.id):
            # Its call was told that nothing was taken, but the engine had heard it after all.
            return (await self._intake.revive(look.taken.request)).request
        request = self._wishes.read(wish, actor, self._now())
        await self._wishes.require_possible(request, look.held_by)
        if look.taken is not None:
            return await self._start(await self._intake.revive(replace(request, id=look.taken.request.id)))
        return await self._start(await self._intake.reserve(sender, request, request.accepted_at.year))

    async def _start(self, taken: Taken) -> UncloseRequest:
        if not taken.has_case:
            try:
                await self._gateway.start(taken.request)
            except Unavailable:
                if taken.is_new:
                    await self._intake.void(taken.request.id)
                raise
        return taken.request

    async def not_yet_on_record(self, number: str) -> UncloseRequest:
        """A request whose case has not written its row yet. Raises UnknownRequest."""
        request = await self._intake.taken(number)
        if self._now() - request.accepted_at > _ORPHANED_AFTER and not await self._has_started(number):
            await self._intake.void(number)
            raise UnknownRequest(number)
        return request

    async def _has_started(self, number: str) -> bool:
        try:
            return await self._gateway.has_started(number)
        except Unavailable:
            return True
