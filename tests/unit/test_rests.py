"""How long a receiver that does not answer is left alone."""

from datetime import UTC, datetime, timedelta

from service.sending.patience import FIRST_DELAY
from service.sending.rests import LONGEST_REST, Rests

NOON = datetime(2025, 6, 3, 12, tzinfo=UTC)


def test_a_rest_doubles_up_to_the_longest_and_any_answer_ends_it() -> None:
    rests = Rests(lambda: 0.5)
    for n in range(12):
        rests.begin("slow", NOON)
        rest = min(FIRST_DELAY * 2**n, LONGEST_REST)
        assert rests.resting(NOON + rest - timedelta(seconds=1)) == ["slow"]
        assert rests.resting(NOON + rest) == []
        assert rests.is_away("slow"), "it may be asked again, and has not answered yet"
    rests.end("slow")
    rests.end("never heard of")
    assert (rests.is_away("slow"), rests.resting(NOON)) == (False, [])
