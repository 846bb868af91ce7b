"""Identical deliveries at once, Temporal stopped and the API killed meanwhile: one case, and none lost.

A usual run sends two hundred; `make chaos` sends a thousand.
"""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.people import API, EXAMPLE, People, people_at
from tests.e2e.tree import Tree, eventually, running_tree
from tests.pushes import STANDARD_SECRET, standard_headers

pytestmark = pytest.mark.slow

DELIVERIES = 1000 if os.environ.get("UNCLOSE_EVERY_EVENT") else 200
AT_ONCE = 20
BEFORE_THE_KILL, HELD = 50, 0.3
"""How many were acknowledged when the API is stopped, and for how many seconds, until it is killed: the next
ones are on open connections to it by then."""
HOOKS = """
[hooks.portal]
kind = "generic"
secrets = ["file:portal.secret"]
account = "portal"
"""
WHERE = f"{API}/webhooks/generic/portal"


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    (tmp_path / "hooks.toml").write_text(HOOKS, encoding="utf-8")
    (tmp_path / "portal.secret").write_text(STANDARD_SECRET, encoding="utf-8")
    with running_tree(tmp_path) as running:
        yield running


@pytest.fixture
def people(tree: Tree, request: pytest.FixtureRequest) -> Iterator[People]:
    failed_before = request.session.testsfailed
    with people_at(tree.url) as everyone:
        entry = {"groups": [], "kind": "service"}
        assert everyone.http.put(
            f"{API}/users/portal", json=entry, headers={"Authorization": "Bearer demo-admin"}
        ).is_success
        yield everyone
    if request.session.testsfailed > failed_before:
        print(tree.logs())


@contextmanager
def temporal_stopped(tree: Tree) -> Iterator[None]:
    """It is there and answers nothing."""
    pid = tree.pids()["temporal"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Sender:
    """Sends one delivery again and again; each copy until it is acknowledged."""

    def __init__(self, tree: Tree, body: bytes, message: str) -> None:
        self._tree, self._body, self._headers = tree, body, standard_headers(body, message)
        self.answers: list[httpx.Response] = []
        self.cut_off = 0

    async def send_all(self) -> None:
        limits, at_once = httpx.Limits(max_connections=AT_ONCE), asyncio.Semaphore(AT_ONCE)
        async with httpx.AsyncClient(base_url=self._tree.url, timeout=30, limits=limits) as http:

            async def send() -> None:
                async with at_once:
                    await self._send(http)

            await asyncio.wait_for(asyncio.gather(*(send() for _ in range(DELIVERIES))), 120)

    async def _send(self, http: httpx.AsyncClient) -> None:
        while True:
            try:
                answer = await http.post(WHERE, content=self._body, headers=self._headers)
            except httpx.TransportError:
                self.cut_off += 1
                await asyncio.sleep(0.1)  # it is being started again
                continue
            self.answers.append(answer)
            if len(self.answers) == BEFORE_THE_KILL:
                self._kill_api()
            return

    def _kill_api(self) -> None:
        os.kill(self._tree.pids()["api"], signal.SIGSTOP)
        asyncio.get_running_loop().call_later(HELD, self._tree.kill, "api")


def test_identical_deliveries_are_one_case_whoever_dies_meanwhile(tree: Tree, people: People) -> None:
    body = json.dumps({**EXAMPLE, "on_behalf_of": "clerk"}, ensure_ascii=False).encode()
    sender = Sender(tree, body, "msg_once")
    with temporal_stopped(tree):
        asyncio.run(sender.send_all())
        delivery = people.get("operator", f"{API}/deliveries")["items"][0]
        assert (delivery["state"], delivery["case"]) == ("new", None)

    assert {(answer.status_code, answer.text) for answer in sender.answers} == {
        (202, json.dumps({"id": delivery["id"]}, separators=(",", ":")))
    }
    assert len(sender.answers) == DELIVERIES
    assert sender.cut_off, "the API was killed while it had deliveries in hand"

    def done() -> str | None:
        found = people.get("operator", f"{API}/deliveries/{delivery['id']}")
        return str(found["case"]) if found["state"] == "done" else None

    case = eventually(done, "the delivery has become a case", 60)
    task = people.task("warehouse", case, "approval")
    assert task["state"] == "open"
    assert [found["id"] for found in people.get("clerk", f"{API}/requests")["items"]] == [case]
    assert people.case(case)["on_behalf_of"] == "clerk"
    assert len(people.get("operator", f"{API}/deliveries")["items"]) == 1
