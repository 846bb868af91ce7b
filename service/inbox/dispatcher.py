"""Hands deliveries to their handlers until each has ended: several at once, in order within a record."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

from pydantic import ValidationError

from service import views
from service.inbox.hooks import HookBook
from service.inbox.ports import Delivery, DeliveryState, Handler, HookKind, Outcome, TryLater
from service.inbox.store import Inbox, Settled
from service.problem_answers import notes_of
from service.problems import Failure, document
from service.refusals import InvalidRequest, ServiceRefusal, Unexpected
from service.texts import Language
from workflows.domain.digest import Json
from workflows.domain.errors import StorageUnavailable, Unavailable, UncloseError, WorkflowUnavailable

log = logging.getLogger(__name__)

AT_ONCE = 8
"""How many deliveries one process has in hand."""
CROWD, WITHIN = 20, timedelta(seconds=1)
"""So many deliveries come in within so long are a crowd, and acknowledging goes first."""
PACE = timedelta(seconds=0.5)
"""Between two that one process hands on while a crowd comes in: slowly, and never not at all."""
LONGEST_PAUSE = timedelta(seconds=8)
"""Between two attempts, of one delivery, while nothing can be started anywhere."""
LEASE = timedelta(seconds=6)
"""How soon another process takes over what one that has died had in hand."""
RENEWED = 2.0
LOOK_EVERY = 0.15
"""Seconds between two looks for what is due: other processes take in, and tell nobody."""
PATIENCE = 60.0
"""Seconds for one attempt."""
GRACE = 3.0
"""Seconds that attempts may take to end when the process does."""
MOST_FAULTS = 10
"""Attempts that end in nothing known, one after the other, until a delivery is dead."""
_FIRST, _LONGEST = timedelta(seconds=1), timedelta(seconds=30)


def back_off(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 1 s, 2 s, 4 s … at most 30 s."""
    return min(_LONGEST, _FIRST * (1 << min(attempts - 1, 10)))


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Dispatcher:
    """One in every worker of the main queue; several work side by side on one inbox."""

    def __init__(
        self,
        inbox: Inbox,
        hooks: HookBook,
        handlers: Mapping[HookKind, Handler],
        now: Callable[[], datetime] = _utc_now,
        lease: timedelta = LEASE,
        look_every: float = LOOK_EVERY,
    ) -> None:
        self._inbox, self._hooks, self._handlers, self._now, self._lease = inbox, hooks, handlers, now, lease
        self._look_every = look_every
        self._who = uuid4().hex
        self._in_hand: dict[str, asyncio.Task[None]] = {}
        self._one_has_ended = asyncio.Event()
        self._next_in_crowd = self._paused_until = now()
        self._pause = timedelta(0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Dispatch as long as the context lasts."""
        keepers = [asyncio.create_task(self._dispatch()), asyncio.create_task(self._keep_hold())]
        try:
            yield
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            await self._let_go()

    async def _let_go(self) -> None:
        """What does not end in time is taken up by another process, or by the next one here."""
        if self._in_hand:
            _, slow = await asyncio.wait(self._in_hand.values(), timeout=GRACE)
            for task in slow:
                task.cancel()
            await asyncio.gather(*slow, return_exceptions=True)

    async def _dispatch(self) -> None:
        while True:
            self._one_has_ended.clear()
            try:
                taken = await self._take()
            except StorageUnavailable as error:
                log.warning("the inbox cannot be read: %s", error)
                taken = 0
            if not taken:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._look_every):
                        await self._one_has_ended.wait()

    async def _take(self) -> int:
        free = self._most() - len(self._in_hand)
        if free <= 0 or not await self._inbox.is_any_due():
            return 0
        if await self._inbox.have_come(CROWD, WITHIN):
            if self._in_hand or self._now() < self._next_in_crowd:
                return 0
            free, self._next_in_crowd = 1, self._now() + PACE
        claimed = await self._inbox.claim(self._who, free, self._lease)
        for delivery in claimed:
            if delivery.id not in self._in_hand:  # it is if this very process was too slow to renew
                task = asyncio.create_task(self._attend(delivery))
                self._in_hand[delivery.id] = task
                task.add_done_callback(partial(self._put_down, delivery.id))
        return len(claimed)

    def _most(self) -> int:
        """How many may be in hand now."""
        if self._pause:
            return 1 if self._now() >= self._paused_until else 0
        return AT_ONCE

    def _note(self, *, is_away: bool) -> None:
        """While nothing can be started, one delivery is tried now and then, and not all of them."""
        self._pause = min(LONGEST_PAUSE, 2 * self._pause or _FIRST) if is_away else timedelta(0)
        self._paused_until = self._now() + self._pause

    def _put_down(self, delivery: str, _task: asyncio.Task[None]) -> None:
        self._in_hand.pop(delivery, None)
        self._one_has_ended.set()

    async def _keep_hold(self) -> None:
        while True:
            await asyncio.sleep(RENEWED)
            if self._in_hand:
                with suppress(StorageUnavailable):
                    await self._inbox.renew(self._who, self._lease)

    async def _attend(self, delivery: Delivery) -> None:
        settled = await self._attempt(delivery)
        try:
            if not await self._inbox.settle(delivery.id, self._who, settled):
                log.info("delivery %s was taken over meanwhile", delivery.id)
        except StorageUnavailable as error:
            log.warning("delivery %s will be tried again: %s", delivery.id, error)

    async def _attempt(self, delivery: Delivery) -> Settled:
        if delivery.faults >= MOST_FAULTS:
            return Settled(DeliveryState.DEAD, problem=told(delivery, Unexpected()), is_fault=True)
        try:
            hook = self._hooks.of(delivery.hook, delivery.kind)
            async with asyncio.timeout(PATIENCE):
                outcome = await self._handlers[delivery.kind].handle(delivery, hook)
        except TryLater as error:
            return self._again(error.after, note=error.reason)
        except Unavailable as error:
            self._note(is_away=isinstance(error, WorkflowUnavailable | StorageUnavailable))
            return self._again(back_off(delivery.attempts), problem=told(delivery, error))
        except (UncloseError, ServiceRefusal) as error:
            return Settled(DeliveryState.FAILED, problem=told(delivery, error))
        except ValidationError as error:
            return Settled(DeliveryState.FAILED, problem=told(delivery, InvalidRequest(), error))
        except Exception:
            return self._fault(delivery)
        self._note(is_away=False)
        return _ended(outcome)

    def _again(
        self,
        after: timedelta,
        note: str = "",
        problem: Mapping[str, Json] | None = None,
        *,
        is_fault: bool = False,
    ) -> Settled:
        again_at = self._now() + after
        return Settled(DeliveryState.NEW, None, note, problem, again_at, is_fault)

    def _fault(self, delivery: Delivery) -> Settled:
        """To be called while the exception is handled."""
        log.exception("delivery %s of hook %s", delivery.id, delivery.hook)
        problem = told(delivery, Unexpected())
        if delivery.faults + 1 >= MOST_FAULTS:
            return Settled(DeliveryState.DEAD, problem=problem, is_fault=True)
        return self._again(back_off(delivery.faults + 1), problem=problem, is_fault=True)


def _ended(outcome: Outcome) -> Settled:
    return Settled(outcome.state, outcome.case, outcome.note)


def told(delivery: Delivery, failure: Failure, invalid: ValidationError | None = None) -> dict[str, Json]:
    """The problem document in every language, as it would have been answered."""
    instance = f"{views.API}/deliveries/{delivery.id}"
    errors = [{**error, "loc": ("body", *error["loc"])} for error in (invalid.errors() if invalid else ())]
    return {
        language.value: dict(document(failure, language, instance, notes_of(errors, language)))
        for language in Language
    }
