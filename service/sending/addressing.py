"""Looks up who must hear of what has happened, and makes one delivery for each of them.

Nobody is locked out meanwhile: two processes that look up the same event come to the same deliveries, and
each delivery is there once, because its id is made of the event and the receiver.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, and_, or_, select, update

from service.database import Database
from service.outbox_tables import outbox
from service.register import as_event, read_request
from service.sending.deliveries import keep
from service.sending.ports import Addressed, Audience, News
from service.tables import case_events, cases
from workflows.domain.errors import StorageUnavailable
from workflows.domain.request import CaseState

AT_ONCE = 100
AGAIN_AFTER = timedelta(minutes=1)
"""When an event is looked at again that could not be addressed. The case's later news waits behind it."""

log = logging.getLogger(__name__)


class Addressing:
    """Empties the outbox, each case in order."""

    def __init__(
        self, database: Database, audiences: Sequence[Audience], now: Callable[[], datetime]
    ) -> None:
        self._database, self._audiences, self._now = database, audiences, now

    async def turn(self) -> int:
        """Address what is waiting, at most so much at once; how much it was."""
        waiting = await self._database.read(partial(_read_news, now=self._now()))
        addressed = [(news, await self._addressed(news)) for news in waiting]
        if addressed:
            await self._database.write(partial(_keep_all, addressed=addressed, now=self._now()))
        return len(addressed)

    async def _addressed(self, news: News) -> tuple[Addressed, ...] | None:
        """One for each receiver; none if an audience breaks on this event, which must not stop all others."""
        try:
            found = [one for audience in self._audiences for one in await audience.addressed(news)]
        except StorageUnavailable:
            raise
        except Exception:
            log.exception("event %s of %s cannot be addressed", news.event.seq, news.request.id)
            return None
        return tuple({one.receiver: one for one in reversed(found)}.values())[::-1]


def _keep_all(
    connection: Connection, addressed: Sequence[tuple[News, tuple[Addressed, ...] | None]], now: datetime
) -> None:
    for news, those in addressed:
        if those is None:
            here = (outbox.c.case_id == news.request.id) & (outbox.c.seq == news.event.seq)
            connection.execute(update(outbox).where(here).values(put_off_until=now + AGAIN_AFTER))
        else:
            keep(connection, news, those, now)


def _read_news(connection: Connection, now: datetime) -> tuple[News, ...]:
    is_that = and_(case_events.c.case_id == outbox.c.case_id, case_events.c.seq == outbox.c.seq)
    rows = connection.execute(
        select(case_events, cases.c.request, cases.c.state)
        .join(outbox, is_that)
        .join(cases, cases.c.id == outbox.c.case_id)
        .where(or_(outbox.c.put_off_until.is_(None), outbox.c.put_off_until <= now))
        .order_by(outbox.c.case_id, outbox.c.seq)
        .limit(AT_ONCE)
    )
    return tuple(News(read_request(row.request), as_event(row), CaseState(row.state)) for row in rows)
