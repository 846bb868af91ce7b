"""How often Jiandaoyun may be asked: 50 calls a second in all, and fewer at each endpoint."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic

COMPANY_RATE = 50
"""Calls a second of the whole company (hc/11261)."""

RATES: Mapping[str, int] = {
    "v5/app/entry/widget/list": 30,
    "v5/app/entry/data/get": 30,
    "v5/app/entry/data/list": 30,
    "v5/app/entry/data/update": 20,
    "v6/workflow/instance/get": 30,
    "v1/workflow/instance/logs": 30,
    "v1/workflow/task/approve": 20,
    "v1/workflow/task/reject": 20,
    "v2/workflow/task/rollback": 20,
}
"""Calls a second of each endpoint that is used, by its path with the version it has."""


_USED = 0.9
"""How much of what is allowed is used: calls arrive less evenly than they leave."""


class Pace:
    """Lets calls through at most so many a second, evenly; callers wait their turn in order."""

    def __init__(
        self,
        rates: Mapping[str, int] = RATES,
        company: int = COMPANY_RATE,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rates, self._company, self._clock, self._sleep = rates, company, clock, sleep
        self._next: dict[str, float] = {}
        """When the next call may go out, by endpoint; all together under the empty name."""

    async def wait(self, path: str) -> None:
        """Until a call to this endpoint may go out."""
        now = self._clock()
        at = max(now, self._next.get("", now), self._next.get(path, now))
        # Booked before anything is awaited, so that callers cannot take the same turn.
        self._next[""] = at + 1 / (self._company * _USED)
        self._next[path] = at + 1 / (self._rates[path] * _USED)
        if at > now:
            await self._sleep(at - now)
