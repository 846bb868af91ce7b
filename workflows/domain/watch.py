"""The back-door watch: what has moved in a ledger since it was last seen, and whether anybody was to move it.

Forward moves and new locks are what people do at a month's end; they are told and alarm nobody. Back, and
changed where it is closed, moves only what a case has opened (R3, R63).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from workflows.domain.standing import AlarmCode


@dataclass(frozen=True)
class Sighting:
    """What the watch keeps of a ledger: text, so that it can be kept for ever."""

    pointers: Mapping[str, str]
    """The current period of every module."""
    locks: tuple[str, ...]
    """Places under a lock mark: `gl 2025-03`."""
    balances: Mapping[str, str]
    """By place, the digest of the balances of every closed period; empty where there are none."""
    documents: Mapping[str, str]
    """By place, the digest of what people entered in a closed period."""
    revision: str = ""
    """Changes whenever any pointer has moved; empty where the ERP cannot tell."""


@dataclass(frozen=True)
class Opened:
    """What cases have opened since the last look, and what must be there since they have closed it again."""

    places: frozenset[str] = frozenset()
    balances: Mapping[str, str] = field(default_factory=dict)
    """As the last of the cases has proven them when everything was closed again."""
    documents: Mapping[str, str] = field(default_factory=dict)
    """As the last of the cases that has corrected something there has seen them then."""
    untold: frozenset[str] = frozenset()
    """Where a case may have corrected documents and could not tell what they were at its end."""


@dataclass(frozen=True)
class Movement:
    """Something that nobody may have moved, and where."""

    code: AlarmCode
    places: tuple[str, ...]
    was: tuple[str, ...] = ()
    now: tuple[str, ...] = ()


def unaccounted(known: Sighting, seen: Sighting, opened: Opened | None) -> tuple[Movement, ...]:
    """What has moved and must not have; `opened` is none if no case has held the ledger meanwhile."""
    expected = known if opened is None else _after(known, opened)
    found = (_pointers(known, seen, opened), _locks(known, seen), *_digests(expected, seen))
    return tuple(movement for movement in found if movement.places)


def ordinary(known: Sighting, seen: Sighting) -> dict[str, str]:
    """Forward moves, `gl` from where to where: what the ERP's own people do at a month's end."""
    return {
        module: f"{known.pointers[module]} → {period}"
        for module, period in seen.pointers.items()
        if module in known.pointers and period > known.pointers[module]
    }


def remembered(known: Sighting, seen: Sighting, opened: Opened | None) -> Sighting:
    """What is known from now on. A period that is open keeps its digests: one day it is closed again."""
    expected = known if opened is None else _after(known, opened)
    return replace(
        seen,
        balances={**expected.balances, **seen.balances},
        documents={**expected.documents, **seen.documents},
    )


def _after(known: Sighting, opened: Opened) -> Sighting:
    elsewhere = {place: digest for place, digest in known.balances.items() if place not in opened.places}
    told = {**known.documents, **opened.documents}
    documents = {place: digest for place, digest in told.items() if place not in opened.untold}
    return replace(known, balances={**elsewhere, **opened.balances}, documents=documents)


def _pointers(known: Sighting, seen: Sighting, opened: Opened | None) -> Movement:
    back = [m for m, period in known.pointers.items() if seen.pointers.get(m, "") < period]
    if back:
        was, now = (tuple(s.pointers.get(m, "") for m in back) for s in (known, seen))
        return Movement(AlarmCode.POINTER_MOVED_BACK, tuple(back), was, now)
    told = bool(known.revision and seen.revision)
    if told and opened is None and known.pointers == seen.pointers and known.revision != seen.revision:
        revisions = (known.revision,), (seen.revision,)
        return Movement(AlarmCode.POINTER_MOVED_AND_RETURNED, tuple(seen.pointers), *revisions)
    return Movement(AlarmCode.POINTER_MOVED_BACK, ())


def _locks(known: Sighting, seen: Sighting) -> Movement:
    gone = tuple(place for place in known.locks if place not in seen.locks)
    return Movement(AlarmCode.LOCK_REMOVED, gone)


def _digests(known: Sighting, seen: Sighting) -> Iterator[Movement]:
    closed = {place for place in {**known.balances, **known.documents} if _is_closed(seen, place)}
    for code, old, new in (
        (AlarmCode.CLOSED_BALANCES_CHANGED, known.balances, seen.balances),
        (AlarmCode.CLOSED_DOCUMENTS_CHANGED, known.documents, seen.documents),
    ):
        places = tuple(_differing(old, new, closed))
        yield Movement(
            code, places, tuple(old.get(p, "") for p in places), tuple(new.get(p, "") for p in places)
        )


def _differing(old: Mapping[str, str], new: Mapping[str, str], closed: set[str]) -> Iterable[str]:
    """What is closed and was known is as it was; what is newly closed was not known."""
    return sorted(place for place in old.keys() & closed if new.get(place, "") != old[place])


def _is_closed(seen: Sighting, place: str) -> bool:
    module, _, period = place.partition(" ")
    return period < seen.pointers.get(module, "")
