"""Between the number and the first row of a case lies a moment in which nobody is told that it is unknown."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.acts import Acts, Call
from service.beginnings import PAUSES, Beginnings, Sleep
from service.intake import Intake
from service.queries import Reader
from tests.integration.test_routes import CASE, World, a_world
from workflows.domain.case import Actor, Withdrawal
from workflows.domain.errors import CaseNotBegun, UnknownRequest, WrongState
from workflows.domain.request import CaseState, UncloseRequest

CALL = Call(Actor("clerk"), "withdraw-once")


@pytest.fixture
async def world(tmp_path: Path, empty_register: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, empty_register) as made:
        made.gateway.first_step = _not_yet
        yield made


async def _not_yet(request: UncloseRequest) -> None:
    """No worker has taken the case up."""


async def test_a_case_is_found_as_soon_as_its_row_is_written(world: World) -> None:
    await world.ask()

    async def meanwhile(seconds: float) -> None:
        await world.register.receive(world.gateway.started[CASE])

    found = await _beginnings(world, meanwhile).case(CASE)
    assert (found.request.id, found.state) == (CASE, CaseState.RECEIVED)


async def test_a_number_that_was_never_given_out_is_not_waited_for(world: World) -> None:
    async def never(seconds: float) -> None:
        raise AssertionError("there is nothing to wait for")

    with pytest.raises(UnknownRequest):
        await _beginnings(world, never).case("UC-2025-777777")


async def test_a_number_whose_case_was_never_started_is_unknown_in_the_end(world: World) -> None:
    await world.ask()
    world.gateway.started.clear()
    with pytest.raises(UnknownRequest):
        await _beginnings(world, _at_once).case(CASE)


async def test_a_withdrawal_waits_for_the_first_step_of_its_case(world: World) -> None:
    await world.ask()
    world.gateway.refuses_with = WrongState(CASE, CaseState.RECEIVED, (CaseState.CHECKING,))

    async def meanwhile(seconds: float) -> None:
        world.gateway.refuses_with = None

    await Acts(Reader(world.database), world.gateway, meanwhile).withdraw(CALL, CASE, "")
    assert [type(said) for said in world.gateway.heard] == [Withdrawal]


async def test_a_withdrawal_of_a_case_that_does_not_begin_is_asked_for_again(world: World) -> None:
    await world.ask()
    world.gateway.refuses_with = WrongState(CASE, CaseState.RECEIVED, (CaseState.CHECKING,))
    waited: list[float] = []

    async def waits(seconds: float) -> None:
        waited.append(seconds)

    with pytest.raises(CaseNotBegun):
        await Acts(Reader(world.database), world.gateway, waits).withdraw(CALL, CASE, "")
    assert waited == list(PAUSES)


async def _at_once(seconds: float) -> None:
    """Nobody waits in a test."""


def _beginnings(world: World, sleep: Sleep) -> Beginnings:
    return Beginnings(Reader(world.database), Intake(world.database), world.gateway, sleep)
