"""Cases that have only just been taken: the number is given out, and the case is a moment behind it."""

import asyncio
from collections.abc import Awaitable, Callable

from service.intake import Intake
from service.queries import CaseHead, Reader
from service.temporal_gateway import Gateway
from workflows.domain.errors import CaseNotBegun, UnknownRequest, WrongState
from workflows.domain.request import CaseState

PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds between two looks: a case writes its first row a tenth of a second after its start."""

Sleep = Callable[[float], Awaitable[None]]


class Beginnings:
    """Finds cases, and waits for those that are about to begin."""

    def __init__(
        self, reader: Reader, intake: Intake, gateway: Gateway, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._reader, self._intake, self._gateway, self._sleep = reader, intake, gateway, sleep

    async def case(self, number: str) -> CaseHead:
        """The case as the register has it.

        Raises:
            UnknownRequest: no such number was given out, or nothing was taken under it.
            CaseNotBegun: it was, and its row is still not there.
        """
        for pause in PAUSES:
            try:
                return await self._reader.case(number)
            except UnknownRequest:
                await self._intake.taken(number)
            await self._sleep(pause)
        return await self._last_look(number)

    async def _last_look(self, number: str) -> CaseHead:
        try:
            return await self._reader.case(number)
        except UnknownRequest:
            if not await self._gateway.has_started(number):
                raise  # its call was cut off before anything began
        raise CaseNotBegun(number)


def require_begun(case: str, refused: WrongState) -> None:
    """Raises CaseNotBegun, if a case refuses only because it has not taken its first step."""
    if refused.state == CaseState.RECEIVED:
        raise CaseNotBegun(case) from refused
