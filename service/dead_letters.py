"""What has been given up, as operators are told of it: one standing task per hook, channel or subscription.

A standing task belongs to no case, so nothing is sent because of it: an alarm cannot become a dead letter and
raise an alarm of its own.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from service.deliveries import Direction
from service.standing_tasks import close_subject, open_tasks
from workflows.domain.approval import Group
from workflows.domain.case import Actor, TaskKind
from workflows.domain.digest import Json
from workflows.domain.standing import AlarmCode, StandingTask

POST_OFFICE = Actor("post-office")
_LONGEST = 500
"""Characters of what the last attempt ended with; all of it stands at the delivery."""


@dataclass(frozen=True)
class DeadLetter:
    """A delivery that has just been given up."""

    direction: Direction
    hook: str
    """The hook it came in by, or the channel or subscription it was to go out by."""
    delivery: str
    attempt: str
    """Names the attempt that was the last: the same delivery may be given up again after a replay."""
    case: str | None
    says: str
    dead: int
    """How many dead letters this hook has now."""


def tell(connection: Connection, letter: DeadLetter, at: datetime) -> None:
    """Raise the alarm, or bring the one that is open up to date."""
    facts: dict[str, Json] = {
        "direction": letter.direction,
        "hook": letter.hook,
        "delivery": letter.delivery,
        "case": letter.case,
        "says": letter.says[:_LONGEST],
        "dead": letter.dead,
    }
    alarm = StandingTask(
        subject=_subject(letter.direction, letter.hook),
        raised_by=f"{letter.delivery}/{letter.attempt}",
        kind=TaskKind.ATTENTION,
        code=AlarmCode.DELIVERY_DEAD,
        owner=Group.OPERATOR,
        ledger=None,
        facts=facts,
    )
    open_tasks(connection, (alarm,), POST_OFFICE, at)


def dealt_with(connection: Connection, direction: Direction, hook: str, by: Actor, at: datetime) -> None:
    """No dead letter of this hook is left: the alarm, if it is still open, has been answered."""
    close_subject(connection, _subject(direction, hook), "tried again", by, at)


def _subject(direction: Direction, hook: str) -> str:
    return f"dead/{direction}/{hook}"
