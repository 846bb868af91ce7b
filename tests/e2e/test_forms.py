"""Two hundred form records over a bad line: after one poll every record has its case, and none has two.

Everything is real but Jiandaoyun itself: pushes over HTTP, the inbox, Temporal, the schedule, the ledger. A
usual run takes forty records; `make chaos` takes two hundred.
"""

import asyncio
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from service.demo.forms import APP_ID, ENTRY_ID, configure, filled_in
from service.temporal_server import free_port
from tests.conftest import SAID
from tests.e2e.people import API, People, people_at
from tests.e2e.tree import eventually, running_tree
from tests.fake_jiandaoyun.api import FakeApi
from tests.fake_jiandaoyun.company import FakeCompany, FakeForm
from tests.fake_jiandaoyun.pushing import FakePushes, over_http

RECORDS = 200 if os.environ.get("UNCLOSE_EVERY_EVENT") else 40
DROPPED, DOUBLED, SEED = 0.3, 0.2, 20250611
NAMES = ("ledger", "period", "modules", "reason", "documents", "correctors", "urgency")
SHOWN = ("state", "number", "waiting_for", "report", "message")


@dataclass
class Forms:
    """The fake, served on a port of its own."""

    company: FakeCompany
    form: FakeForm
    pushes: FakePushes
    url: str

    def send(self, url: str) -> None:
        """Everything that waits to be pushed, over the line as it is."""

        async def sending() -> None:
            async with httpx.AsyncClient() as http:
                await self.pushes.send_all(over_http(http, url))

        asyncio.run(sending())


@contextmanager
def served_forms() -> Iterator[Forms]:
    form = FakeForm(APP_ID, ENTRY_ID, "库存反记帐申请", dict.fromkeys((*NAMES, *SHOWN), "text"))
    company, port = FakeCompany([form]), free_port()
    pushes = FakePushes("", DROPPED, DOUBLED, shuffled=True, seed=SEED)
    company.push = pushes.take
    app = FakeApi(company, has_limits=False).app()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started, "the fake serves")
        yield Forms(company, form, pushes, f"http://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        thread.join()


def test_after_one_poll_every_record_has_its_one_case(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with served_forms() as forms:
        forms.pushes.secret = configure(tmp_path, forms.url)
        with running_tree(tmp_path) as tree, people_at(tree.url) as people:
            hook = f"{tree.url}{API}/webhooks/jiandaoyun/form"
            _fill_in_and_edit(forms, hook)
            eventually(lambda: not _waiting(people), "every push is handed on", 60)
            told = len(_cases(people))
            assert 0 < told < RECORDS  # the line has lost some for good
            people.post("operator", f"{API}/schedules/form-poll/trigger", {})
            eventually(lambda: len(_cases(people)) >= RECORDS, "every record has a case", 120)
            eventually(lambda: _all_shown(forms), "every form shows its case", 120)
            _require_right(forms, _cases(people))
            record_property(
                SAID, f"{RECORDS} records: {told} by {forms.pushes.sent} pushes, the rest by one poll"
            )


def _fill_in_and_edit(forms: Forms, hook: str) -> None:
    """Half of the records are changed, some twice; some before anything of them is pushed, some after."""
    chance = random.Random(SEED)
    for n in range(RECORDS // 20):
        batch = [forms.company.submit(forms.form, "zhangmin", _filled_in()) for _ in range(20)]
        if n % 2:
            forms.send(hook)
        for record in chance.sample(batch, 10):
            for period in chance.choice([["2025年4月"], ["2025年4月", "202505"]]):
                forms.company.edit(forms.form, record, "zhangmin", {"period": period})
        forms.send(hook)


def _filled_in() -> dict[str, Any]:
    """Without documents: those of March are none of April's."""
    return {**filled_in(), "period": "2025年3月", "documents": []}


def _cases(people: People) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = people.get("clerk", f"{API}/requests", limit="200", **cursor)
        found.extend(page["items"])
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


def _waiting(people: People) -> list[dict[str, Any]]:
    return list(people.get("operator", f"{API}/deliveries", state="new")["items"])


def _all_shown(forms: Forms) -> bool:
    return all(
        record.get("number") and record.get("state") == "审批中" for record in forms.form.records.values()
    )


def _require_right(forms: Forms, cases: list[dict[str, Any]]) -> None:
    """One case for each record, about what the record says; or it tells that its change came too late."""
    periods = {"2025年3月": "2025-03", "2025年4月": "2025-04", "202505": "2025-05"}
    by_number = {case["id"]: case for case in cases}
    numbers = [record["number"] for record in forms.form.records.values()]
    assert len(cases) == len(numbers) == len(set(numbers)) == RECORDS
    for record in forms.form.records.values():
        case = by_number[record["number"]]
        if case["target_period"] != periods[record["period"]]:
            assert "本次修改未被采纳" in record["message"]
        else:
            assert record["message"] == ""
