"""The other side of the demo ledger over HTTP: as the one who asks, and only in dev."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import update

from activities.demo_erp import isolation
from activities.demo_erp.ledger import DemoLedger
from service.app import create_app
from service.database import open_database
from service.ledger_book import ledgers_path
from service.migrate import upgrade
from service.settings import Settings
from service.tables import idempotency
from tests.fakes import FakeGateway

DESK = "/api/v1/demo-erp/demo"
CLOSED, LINE = "IN-2025-03-0007", {"line": 1, "qty": "100.00"}


@pytest.fixture
async def http(demo_template: Path, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    shutil.copy(demo_template, tmp_path / "demo.sqlite")
    settings = Settings(dev=True, data_dir=tmp_path)
    await asyncio.to_thread(upgrade, settings.database_url)
    async with serving(settings) as client:
        yield client


class serving:  # noqa: N801  # reads as a verb
    def __init__(self, settings: Settings) -> None:
        self.app = create_app(settings, FakeGateway())
        self.life = self.app.router.lifespan_context(self.app)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://t")

    async def __aenter__(self) -> httpx.AsyncClient:
        await self.life.__aenter__()
        return self.client

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()
        await self.life.__aexit__(None, None, None)


async def do(
    http: httpx.AsyncClient, person: str, method: str, path: str, body: Any = None, key: str | None = None
) -> httpx.Response:
    headers = {"Authorization": f"Bearer demo-{person}"} | ({"Idempotency-Key": key} if key else {})
    return await http.request(method, DESK + path, json=body, headers=headers)


async def test_a_document_can_be_read_by_everyone(http: httpx.AsyncClient) -> None:
    body = (await do(http, "auditor", "GET", f"/documents/{CLOSED}")).json()
    assert (body["period"], body["status"], body["lines"][0]["qty"]) == ("2025-03", "audited", "80.00")


async def test_a_closed_period_refuses_corrections(http: httpx.AsyncClient) -> None:
    await do(http, "warehouse", "POST", "/login")
    answer = await do(http, "warehouse", "POST", f"/documents/{CLOSED}/change-line", LINE)

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/period-closed")


async def test_nobody_writes_without_logging_in(http: httpx.AsyncClient) -> None:
    answer = await do(http, "clerk", "POST", f"/documents/{CLOSED}/change-line", LINE)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/ledger-refused")


async def test_a_document_is_added_changed_and_deleted_in_the_open_period(http: httpx.AsyncClient) -> None:
    await do(http, "warehouse", "POST", "/login")
    lines = [{"item": "M-1102", "qty": "5", "price": "38.46"}]
    new = {
        "kind": "purchase_receipt",
        "day": "2025-06-03",
        "warehouse": "B",
        "partner": "S07",
        "lines": lines,
    }
    added = await do(http, "warehouse", "POST", "/documents", new)
    assert added.status_code == 201
    number = added.json()["number"]

    changed = await do(http, "warehouse", "POST", f"/documents/{number}/change-line", {"line": 1, "qty": "7"})
    assert (changed.json()["status"], changed.json()["lines"][0]["qty"]) == ("audited", "7.00")
    assert (await do(http, "warehouse", "POST", f"/documents/{number}/delete")).status_code == 204
    assert (await do(http, "warehouse", "GET", f"/documents/{number}")).status_code == 409
    assert (await do(http, "warehouse", "POST", "/logout")).status_code == 204


async def test_a_fault_locks_a_period_until_it_is_cleared(http: httpx.AsyncClient) -> None:
    scope = {"ledger": "demo", "target_period": "2025-03", "modules": ["inventory"]}
    me = {"Authorization": "Bearer demo-clerk"}
    await do(http, "operator", "PUT", "/faults/locked_period", {"value": "2025-04"})
    refused = await http.post("/api/v1/plans", json=scope, headers=me)
    assert refused.json()["type"] == "/problems/period-locked"

    assert (await do(http, "operator", "GET", "/faults")).json()["active"] == {"locked_period": "2025-04"}
    await do(http, "operator", "DELETE", "/faults")
    assert (await http.post("/api/v1/plans", json=scope, headers=me)).status_code == 200


async def test_a_period_is_locked_by_whoever_may(http: httpx.AsyncClient) -> None:
    for person in ("clerk", "finance"):
        await do(http, person, "POST", "/login")
    malformed = await do(http, "finance", "POST", "/periods/March/lock")
    forbidden = await do(http, "clerk", "POST", "/periods/2025-05/lock")
    locked = await do(http, "finance", "POST", "/periods/2025-05/lock", {"modules": ["gl"]})

    assert malformed.json()["type"] == "/problems/malformed-period"
    assert forbidden.json()["type"] == "/problems/missing-right"
    assert locked.status_code == 204
    assert (await do(http, "finance", "POST", "/periods/2025-05/unlock")).status_code == 204


RECEIPT: dict[str, Any] = {
    "kind": "purchase_receipt",
    "day": "2025-06-03",
    "warehouse": "B",
    "partner": "S07",
    "lines": [{"item": "M-1102", "qty": "5", "price": "38.46"}],
}


async def test_twenty_at_once_under_one_key_enter_one_document(http: httpx.AsyncClient) -> None:
    await do(http, "warehouse", "POST", "/login")
    entering = (do(http, "warehouse", "POST", "/documents", RECEIPT, key="d1") for _ in range(20))
    answers = await asyncio.gather(*entering)

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    following = await do(http, "warehouse", "POST", "/documents", RECEIPT)
    assert _ordinal(following.json()["number"]) == _ordinal(answers[0].json()["number"]) + 1


def _ordinal(number: str) -> int:
    return int(number.rpartition("-")[2])


async def test_an_act_whose_answer_was_lost_is_not_done_again(
    http: httpx.AsyncClient, tmp_path: Path
) -> None:
    await do(http, "warehouse", "POST", "/login", key="l1")
    added = await do(http, "warehouse", "POST", "/documents", RECEIPT, key="d1")
    number = added.json()["number"]
    deleted = f"/documents/{number}/delete"
    assert (await do(http, "warehouse", "POST", deleted, key="x1")).status_code == 204
    await _forget_answers(tmp_path)

    assert (await do(http, "warehouse", "POST", deleted, key="x1")).status_code == 204
    gone = await do(http, "warehouse", "POST", "/documents", RECEIPT, key="d1")
    assert gone.json()["type"] == "/problems/ledger-refused"
    following = await do(http, "warehouse", "POST", "/documents", RECEIPT)
    assert following.json()["number"] == number


async def _forget_answers(folder: Path) -> None:
    """As if the API had been killed each time between the act and its answer."""
    register = open_database(f"sqlite+aiosqlite:///{folder / 'register.sqlite'}")
    await register.write(lambda connection: connection.execute(update(idempotency).values(status=None)))
    await register.aclose()


async def test_a_key_stands_for_one_act_only(http: httpx.AsyncClient) -> None:
    await do(http, "warehouse", "POST", "/login", key="k")
    other = await do(http, "warehouse", "POST", "/login", {"doing": "something else"}, key="k")
    assert (other.status_code, other.json()["type"]) == (409, "/problems/key-reused")


@pytest.mark.parametrize(
    "change",
    [
        {"line": 10**30, "qty": "1"},
        {"line": True, "qty": "1"},
        {"line": 1, "qty": "-1"},
        {"line": 1, "qty": "１２"},
        {"line": 1, "qty": "1_0"},
        {"line": 1, "qty": "NaN"},
        {"line": 1, "qty": 10**30},
        {"line": 1, "qty": True},
    ],
)
async def test_quantities_and_lines_are_plain_numbers(
    http: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    await do(http, "warehouse", "POST", "/login")
    answer = await do(http, "warehouse", "POST", f"/documents/{CLOSED}/change-line", change)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")


@pytest.mark.parametrize("path", ["/login", "/documents"])
async def test_without_a_token_there_is_no_desk(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.post(DESK + path)).status_code == 401


async def test_outside_dev_there_is_no_other_side_and_no_development_token(tmp_path: Path) -> None:
    file = await asyncio.to_thread(ledgers_path, None, tmp_path, True)
    own = Settings(dev=False, data_dir=tmp_path, secret_key=SecretStr("our own"), ledgers=file)
    async with serving(own) as http:
        assert (await do(http, "clerk", "POST", "/login")).status_code == 404
        me = await http.get("/api/v1/me", headers={"Authorization": "Bearer demo-clerk"})
        assert me.status_code == 401


async def test_the_erp_administrator_moves_a_pointer_by_hand_only_while_the_ledger_is_held(
    http: httpx.AsyncClient, tmp_path: Path
) -> None:
    move = {"module": "gl", "verb": "unclose", "period": "2025-05"}
    free = await do(http, "erp-admin", "POST", "/periods/move", move)
    assert (free.status_code, free.json()["type"]) == (409, "/problems/not-exclusive")
    with DemoLedger(str(tmp_path / "demo.sqlite")) as ledger:
        await asyncio.to_thread(isolation.enter_exclusive, ledger, 3, "UC-1")

    not_theirs = await do(http, "clerk", "POST", "/periods/move", move)
    wrong = await do(http, "erp-admin", "POST", "/periods/move", {**move, "module": "inventory"})
    assert not_theirs.json()["type"] == "/problems/missing-right"
    assert wrong.json()["type"] == "/problems/out-of-order"
    assert (await do(http, "erp-admin", "POST", "/periods/move", move)).status_code == 204
    assert (await do(http, "erp-admin", "POST", "/periods/move", move)).json()["type"] == (
        "/problems/out-of-order"
    )


async def test_a_warning_is_seen_by_whom_it_is_for(http: httpx.AsyncClient, tmp_path: Path) -> None:
    await do(http, "clerk", "POST", "/login")
    with DemoLedger(str(tmp_path / "demo.sqlite")) as ledger:
        await asyncio.to_thread(isolation.warn, ledger, 3, timedelta(minutes=1), "UC-1")
    assert [told["reason"] for told in (await do(http, "clerk", "GET", "/notices")).json()] == ["UC-1"]
    assert (await do(http, "finance", "GET", "/notices")).json() == []


async def test_a_fault_that_cannot_be_read_is_refused(http: httpx.AsyncClient) -> None:
    answer = await do(http, "operator", "PUT", "/faults/wrong_click", {"value": "often"})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/ledger-refused")


async def test_an_invoice_is_reversed_in_red_over_http(http: httpx.AsyncClient) -> None:
    await do(http, "finance", "POST", "/login")
    path = "/documents/SI-2025-03-0001/reverse"
    closed = await do(http, "finance", "POST", path, {"day": "2025-03-20"})
    made = await do(http, "finance", "POST", path, {"day": "2025-06-12"})

    assert closed.json()["type"] == "/problems/period-closed"
    assert (made.status_code, made.json()["reverses"]) == (201, "SI-2025-03-0001")
    red = (await do(http, "finance", "GET", f"/documents/{made.json()['number']}")).json()
    assert red["amount"].startswith("-")
