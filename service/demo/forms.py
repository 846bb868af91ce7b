"""The form of `unclose demo --jiandaoyun`: a fake Jiandaoyun, who fills it in, and what it shows."""

import asyncio
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from service.demo.checks import Claim
from service.demo.people import API, Json, Person
from service.demo.screen import Screen
from service.demo.script import REQUEST, NotCompleted
from service.failures import CommandFailed
from service.supervisor import tied_to
from service.temporal_server import free_port
from service.texts import STATES
from workflows.domain.request import CaseState

APP_ID, ENTRY_ID = "68494f0a9c1e7d0008b2f301", "68494f5b9c1e7d0008b2f3a7"
USER = "zhangmin"
_FAKE = Path(__file__).parents[2] / "tests" / "fake_jiandaoyun" / "__main__.py"
_PATIENCE = 20.0
_LOOK_EVERY = 0.1

_FIELDS = ("ledger", "period", "modules", "reason", "documents", "document", "note", "correctors", "urgency")
_RESULTS = ("state", "number", "waiting_for", "report", "message")

_FORMS = """# The form of the demo, in a fake Jiandaoyun. Fields are named by aliases.
base_url = "{url}/api"
api_key = "file:jiandaoyun.key"

[users]
{user} = "clerk"

[forms.demo]
app_id = "{app_id}"
entry_id = "{entry_id}"
since = 2025-01-01T00:00:00+08:00
ledgers = {{ "演示账套" = "demo" }}

[forms.demo.fields]
ledger = "ledger"
period = "period"
modules = "modules"
reason = "reason"
expedited = "urgency"
correctors = "correctors"

[forms.demo.scope]
field = "documents"
document = "document"
note = "note"

[forms.demo.results]
{results}
"""
_HOOKS = """[hooks.form]
kind = "jiandaoyun"
secrets = ["file:push.secret"]
account = "jiandaoyun"
"""
_KEY = "fake-jiandaoyun-key"
"""What the fake takes for a key; it opens nothing else."""


def filled_in() -> Json:
    """The example of the contract, as a person writes it into the form."""
    (document,) = REQUEST["scope"]
    return {
        "ledger": "演示账套",
        "period": "2025年3月",
        "modules": ["进销存"],
        "reason": REQUEST["reason"],
        "documents": [{"_id": "1", "document": document["document"], "note": document["note"]}],
        "correctors": [{"name": "张敏", "username": USER}],
        "urgency": "一般",
    }


def configure(folder: Path, url: str) -> str:
    """Write what Unclose must know of the fake's form; the secret of its pushes."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = secrets.token_hex(16)
    results = "\n".join(f'{name} = "{name}"' for name in _RESULTS)
    forms = _FORMS.format(url=url, user=USER, app_id=APP_ID, entry_id=ENTRY_ID, results=results)
    texts = {
        "jiandaoyun.toml": forms,
        "jiandaoyun.key": _KEY,
        "hooks.toml": _HOOKS,
        "push.secret": secret,
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return secret


class FakeJiandaoyun:
    """The fake as a process: started on entering, ended on leaving."""

    def __init__(self, folder: Path) -> None:
        if not _FAKE.exists():
            raise CommandFailed(
                "the fake Jiandaoyun is not there: it comes with the source, not with the package",
                "run this from a checkout of the source, or leave out --jiandaoyun",
            )
        self._folder, self._port = folder, free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.secret = configure(folder, self.url)

    def __enter__(self) -> Self:
        logs = self._folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        names = ",".join((*_FIELDS, *_RESULTS))
        given = ("--port", str(self._port), "--app-id", APP_ID, "--entry-id", ENTRY_ID, "--fields", names)
        root = _FAKE.parents[2]
        with (logs / "fake-jiandaoyun.log").open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "tests.fake_jiandaoyun", *given],
                cwd=root,
                env={**os.environ, "PYTHONPATH": str(root)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=tied_to(os.getpid()),
            )
        self._wait()
        return self

    def _wait(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                httpx.get(self.url)
            except httpx.TransportError:
                time.sleep(_LOOK_EVERY)
            else:
                return
        raise CommandFailed("the fake Jiandaoyun does not start", f"see {self._folder / 'logs'}")

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait()


@dataclass
class FormPlay:
    """Somebody fills in the form; the case begins with the push."""

    fake: FakeJiandaoyun
    http: httpx.AsyncClient
    """At the fake's address."""
    screen: Screen
    record: str = ""

    async def ask(self, clerk: Person) -> Json:
        """The case that has come of the record. Raises NotCompleted: none has."""
        hook = f"{str(clerk.http.base_url).rstrip('/')}{API}/webhooks/jiandaoyun/form"
        await self.http.post("/_fake/push", json={"url": hook, "secret": self.fake.secret})
        filled = await self.http.post("/_fake/records", json={"username": USER, "values": filled_in()})
        self.record = filled.json()["record"]
        self._say(f"record {self.record} filled in by {USER}, in a fake Jiandaoyun")
        number = (await self._until(lambda form: bool(form.get("number") or form.get("message"))))["number"]
        if not number:
            raise NotCompleted(f"the form says: {(await self._form())['message']}")
        return await clerk.get(f"{API}/requests/{number}")

    async def watch(self) -> None:
        """Tell what the form shows, whenever that changes; until cancelled."""
        last: tuple[object, ...] = ()
        while True:
            form = await self._form()
            now = (form.get("state"), form.get("waiting_for"))
            if now != last and now[0]:
                waits = f", waiting for {now[1]}" if now[1] else ""
                self._say(f"shows {now[0]}{waits}")
            last = now
            await asyncio.sleep(_LOOK_EVERY)

    async def claims(self, clerk: Person, case: str) -> tuple[Claim, ...]:
        """Whether form and timeline tell the end."""
        end = STATES[CaseState.COMPLETED].zh
        form = await self._until(lambda form: form.get("state") == end)
        timeline = await clerk.get(f"{API}/requests/{case}/timeline")
        told = timeline["form"]
        return (
            Claim(f"the form shows {case} {end}", (form["number"], form["state"]) == (case, end)),
            Claim(
                f"the timeline names the record and what its form shows: {told and told['shown']['state']}",
                bool(told) and self.record in told["record"] and told["shown"]["state"] == end,
            ),
        )

    def _say(self, text: str) -> None:
        self.screen.say(f"{'':11}{'  form':<17}  {text}")

    async def _form(self) -> Mapping[str, str]:
        return dict((await self.http.get(f"/_fake/records/{self.record}")).json())

    async def _until(self, is_there: Callable[[Mapping[str, str]], bool]) -> Mapping[str, str]:
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        form = await self._form()
        while not is_there(form) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_LOOK_EVERY)
            form = await self._form()
        return form
