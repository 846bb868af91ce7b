"""Two persons go on over what they saw, and over nothing else."""

import pytest

from workflows.domain.errors import ProofMismatch
from workflows.skips import Skips

PLACES = ("gl 2025-01",)


def finds(*places: str) -> None:
    if places:
        raise ProofMismatch(places)


def test_a_finding_stops_until_exactly_it_was_skipped() -> None:
    skips = Skips()
    with pytest.raises(ProofMismatch):
        skips.require(lambda: finds(*PLACES), "root-1")
    assert skips.decide()["error"] == "ProofMismatch"
    skips.begin()
    skips.require(lambda: finds(*PLACES), "root-1")
    assert skips.offered is None


@pytest.mark.parametrize(("places", "seen"), [(PLACES, "root-2"), (("gl 2025-02",), "root-1")])
def test_what_looks_otherwise_stops_again(places: tuple[str, ...], seen: str) -> None:
    skips = Skips()
    with pytest.raises(ProofMismatch):
        skips.require(lambda: finds(*PLACES), "root-1")
    skips.decide()
    skips.begin()
    with pytest.raises(ProofMismatch):
        skips.require(lambda: finds(*places), seen)


def test_what_fails_otherwise_is_not_offered() -> None:
    skips = Skips()
    with pytest.raises(ProofMismatch):
        skips.require(lambda: finds(*PLACES), "root-1")
    skips.begin()
    with pytest.raises(FileNotFoundError):
        skips.require(lambda: open("/nowhere/at/all").close(), "root-1")
    assert skips.offered is None
