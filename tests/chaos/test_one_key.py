"""Calls whose process dies in the middle of them: one case, one act, one answer."""

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import httpx
import pytest

from tests.e2e.people import API, EXAMPLE, People, people_at
from tests.e2e.tree import Tree, eventually, running_tree

pytestmark = pytest.mark.slow

CALLS = 100
REGISTER = "register.sqlite"
KEYS = "SELECT key FROM intake WHERE key = :key UNION SELECT key FROM idempotency WHERE key = :key"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    with running_tree(tmp_path_factory.mktemp("keys")) as running:
        yield running


@pytest.fixture
def people(tree: Tree, request: pytest.FixtureRequest) -> Iterator[People]:
    failed_before = request.session.testsfailed
    with people_at(tree.url) as everyone:
        yield everyone
    if request.session.testsfailed > failed_before:
        print(tree.logs())


class Crowd:
    """The same call, many times at once. Each caller tries again until it is answered."""

    def __init__(self, tree: Tree, who: str, path: str, body: Mapping[str, object]) -> None:
        self._tree, self._path, self._body = tree, path, body
        self._key = uuid4().hex
        self._headers = {"Authorization": f"Bearer demo-{who}", "Idempotency-Key": self._key}
        self.answers: list[httpx.Response] = []
        self.cut_off = 0
        """Calls that were in the API when it died."""

    async def call(self) -> None:
        """Send all, and kill the API while it is about one of them: the engine says nothing until then."""
        limits = httpx.Limits(max_connections=CALLS)
        async with httpx.AsyncClient(base_url=self._tree.url, timeout=30, limits=limits) as http:
            self._tree.pause("temporal")
            callers = [asyncio.create_task(self._one(http)) for _ in range(CALLS)]
            await asyncio.to_thread(
                eventually, partial(is_taken, self._tree, self._key), "a call is under way"
            )
            assert self.answers == []
            self._tree.kill("api")
            self._tree.go_on("temporal")
            await asyncio.wait_for(asyncio.gather(*callers), 90)

    async def _one(self, http: httpx.AsyncClient) -> None:
        while True:
            try:
                answer = await http.post(self._path, json=self._body, headers=self._headers)
            except httpx.TransportError as lost:
                self.cut_off += not isinstance(lost, httpx.ConnectError)
                await asyncio.sleep(0.1)  # it is being started again
                continue
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                self.answers.append(answer)
                return


def is_taken(tree: Tree, key: str) -> bool:
    """Whether the API has written down that it is about this key."""
    with closing(sqlite3.connect(tree.data_dir / REGISTER, timeout=5)) as register:
        return register.execute(KEYS, {"key": key}).fetchone() is not None


def test_a_hundred_requests_under_one_key_are_one_case(tree: Tree, people: People) -> None:
    crowd = Crowd(tree, "clerk", f"{API}/requests", EXAMPLE)
    asyncio.run(crowd.call())
    assert crowd.cut_off > 0

    assert {answer.status_code for answer in crowd.answers} == {202}
    assert len(crowd.answers) == CALLS
    assert len({answer.text for answer in crowd.answers}) == 1
    case = crowd.answers[0].json()["id"]
    people.task("warehouse", case, "approval")
    assert [found["id"] for found in people.get("clerk", f"{API}/requests")["items"]] == [case]


def test_a_hundred_acts_under_one_key_are_one_act(tree: Tree, people: People) -> None:
    case = people.request()
    task = people.task("warehouse", case, "approval")
    body = {"action": "approve", "digest": task["digest"], "comment": "同意"}
    crowd = Crowd(tree, "warehouse", f"{API}/tasks/{task['id']}/actions", body)
    asyncio.run(crowd.call())
    assert crowd.cut_off > 0

    assert {answer.status_code for answer in crowd.answers} == {200}
    assert len({answer.text for answer in crowd.answers}) == 1
    people.task("finance", case, "approval")
    decided = [event for event in people.timeline(case) if event["kind"] == "decided"]
    assert [event["actor"] for event in decided] == ["warehouse"]


def test_an_act_that_ended_its_case_is_answered_alike_ever_after(people: People) -> None:
    case, key = people.request(), uuid4().hex
    people.task("warehouse", case, "approval")
    path = f"{API}/requests/{case}/withdraw"
    first = people.post("clerk", path, {"comment": "不再需要"}, key)
    people.wait_for(case, "withdrawn")

    again = people.post("clerk", path, {"comment": "不再需要"}, key)
    assert (again.status_code, again.text) == (first.status_code, first.text) == (200, first.text)


def test_a_stand_ins_act_that_a_dying_worker_was_about_is_taken_once(tree: Tree, people: People) -> None:
    now = datetime.now(UTC)
    away = {"starts": now.isoformat(), "ends": (now + timedelta(hours=1)).isoformat()}
    given = people.post("warehouse", f"{API}/delegations", {"delegate": "operator", "reason": "休假", **away})
    assert given.is_success, given.text
    case, key = people.request(), uuid4().hex
    task = people.task("operator", case, "approval")
    body = {"action": "approve", "digest": task["digest"]}
    with ThreadPoolExecutor(1) as elsewhere:
        tree.pause("worker")
        answer = elsewhere.submit(people.post, "operator", f"{API}/tasks/{task['id']}/actions", body, key)
        eventually(lambda: is_taken(tree, key), "the API is about the act")
        tree.kill("worker")
        assert answer.result(60).status_code == 200
    people.task("finance", case, "approval")
    decisions = people.case(case)["decisions"]
    assert [(one["person"], one["on_behalf_of"]) for one in decisions] == [("operator", "warehouse")]
