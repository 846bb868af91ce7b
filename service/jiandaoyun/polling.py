"""The periodic job `form-poll`."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from service.jiandaoyun.composition import JiandaoyunParts
from workflows.domain.digest import Json
from workflows.periodic_steps import JobDone, JobOrder

Opened = AbstractAsyncContextManager[JiandaoyunParts | None]


class FormPolls:
    """Twice is once: what has been dealt with is not dealt with again."""

    def __init__(self, way: Callable[[], Opened] | None) -> None:
        self._way = way

    @property
    def are_wanted(self) -> bool:
        """Whether any form is read here."""
        return self._way is not None

    async def poll(self, order: JobOrder) -> JobDone:
        """Raises as `FormPoller.poll`. Without forms there is nothing to do."""
        if self._way is None:
            return JobDone()
        async with self._way() as parts:
            assert parts is not None, "there are forms"
            polled = await parts.poller.poll()
        facts: dict[str, Json] = {
            "records": polled.records,
            "failed": polled.failed,
            "missing_fields": list(polled.missing),
        }
        return JobDone(facts)
