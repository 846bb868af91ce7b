"""How long to wait for a receiver that is away, and when to wait for a person to be awake."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from service.sending.ports import QuietHours

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)
"""Design §12: then it is a dead letter, which an operator may send again."""


def delay_after(attempts: int, random: Callable[[], float]) -> timedelta:
    """How long to wait after so many failures: twice as long each time, a fifth more or less.

    The jitter keeps all that waits for one receiver from knocking in the same moment. `random` gives numbers
    from 0 up to 1.
    """
    doubled = FIRST_DELAY * (1 << min(attempts - 1, 20))
    delay = min(doubled, LONGEST_DELAY)
    return delay * (0.8 + 0.4 * random())


def awake(at: datetime, quiet: QuietHours | None) -> datetime:
    """The first moment from `at` on that is outside the quiet hours."""
    if quiet is None:
        return at
    start, end = time.fromisoformat(quiet.start), time.fromisoformat(quiet.end)
    here = at.astimezone(ZoneInfo(quiet.time_zone))
    now = here.time()
    spans_midnight = start > end
    is_quiet = (now >= start or now < end) if spans_midnight else start <= now < end
    if not is_quiet:
        return at
    wakes = here.replace(hour=end.hour, minute=end.minute, second=0, microsecond=0)
    return wakes + timedelta(days=1) if spans_midnight and now >= start else wakes
