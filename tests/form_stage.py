"""A stage for form tests: a fake Jiandaoyun, a real register and acceptance, cases as a test wants them."""

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from service.database import Database, open_database
from service.dev_people import known_people
from service.directory import RegisterDirectory
from service.guarded import GuardedTransport
from service.jiandaoyun.access import Access
from service.jiandaoyun.composition import Around, JiandaoyunParts, build_jiandaoyun
from service.jiandaoyun.file_source import FileGuard, FileSource
from service.jiandaoyun.forms import Form, Forms
from service.jiandaoyun.records import FormRecords, Known, RecordId
from service.ledger_book import LedgerBook
from service.queries import Reader
from service.register import SqlRegister
from service.temporal_gateway import Gateway
from tests.fake_jiandaoyun.api import API_KEY, FakeApi
from tests.fake_jiandaoyun.company import FakeCompany, FakeForm, Json
from tests.fake_world import FakeLedger
from workflows.domain.case import CaseChange, CaseEvent, EventKind
from workflows.domain.request import CaseState

APP, ENTRY = "68494f0a9c1e7d0008b2f301", "68494f5b9c1e7d0008b2f3a7"
BASE = "http://fake-jiandaoyun"

LEDGERS = """
[ledgers.demo]
name = "演示账套"
connector = "demo"
options = { path = "demo.sqlite" }
modules = ["inventory", "cost", "receivable", "payable", "gl"]
closes_before = [["inventory", "cost"], ["cost", "gl"], ["receivable", "gl"], ["payable", "gl"]]
max_window_hours = 48
"""

FORMS = f"""
base_url = "{BASE}/api"
address = "http://unclose"
api_key = "env:FAKE_KEY"

[users]
zhangmin = "clerk"
liwei = "warehouse"

[forms.stock]
app_id = "{APP}"
entry_id = "{ENTRY}"
since = 2025-01-01T00:00:00+08:00
ledgers = {{ "制造一厂" = "demo" }}

[forms.stock.fields]
ledger = "_widget_1002"
modules = "_widget_1004"
year = "_widget_1005"
period_number = "_widget_1006"
reason = "_widget_1007"
expedited = "_widget_1008"
correctors = "_widget_1012"
attachments = "_widget_1014"

[forms.stock.scope]
field = "_widget_1013"
document = "_widget_1022"
note = "_widget_1021"

[forms.stock.results]
state = "_widget_2001"
number = "_widget_2002"
waiting_for = "_widget_2003"
report = "_widget_2004"
message = "_widget_2005"
"""

WIDGETS = {
    **{
        f"_widget_{n}": "text"
        for n in (1002, 1004, 1005, 1006, 1007, 1008, 1012, 2001, 2002, 2003, 2004, 2005)
    },
    "_widget_1013": "subform",
    "_widget_1014": "upload",
}

STATE, NUMBER, WAITING_FOR, REPORT, MESSAGE = (f"_widget_{n}" for n in range(2001, 2006))

RECORD: Json = {
    "flowState": 0,
    "_widget_1002": "制造一厂",
    "_widget_1004": ["库存管理"],
    "_widget_1005": 2025,
    "_widget_1006": 5,
    "_widget_1007": "5月盘点遗漏3张外购入库单,需反记帐后补录",
    "_widget_1008": "一般",
    "_widget_1012": [],
    "_widget_1013": [
        {"_id": "6849a1f02c8b4e0007d3a5d1", "_widget_1021": "外购入库", "_widget_1022": "WIN004512"}
    ],
    "_widget_1014": [],
}


class KeptFiles:
    """Keeps files of cases in memory."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, str, bytes]] = []

    async def keep(self, case: str, name: str, mime: str, content: bytes) -> None:
        self.kept.append((case, name, content))


async def _fake_resolve(host: str, port: int) -> Sequence[str]:
    """Nobody asks a name server; what is no address is one of the vendor's."""
    return [host] if host[0].isdigit() else ["198.51.100.7" if host.endswith(".inner") else "93.184.216.34"]


async def _at_once(seconds: float) -> None:
    """Nobody waits in a test."""


@dataclass
class FormStage:
    """Everything around the forms."""

    company: FakeCompany
    fake_form: FakeForm
    api: FakeApi
    form: Form
    parts: JiandaoyunParts
    records: FormRecords
    register: SqlRegister
    reader: Reader
    database: Database
    files: KeptFiles
    ledger: FakeLedger
    seq: dict[str, int] = field(default_factory=dict)

    def submit(self, username: str = "zhangmin", **changes: Any) -> str:
        return self.company.submit(self.fake_form, username, {**RECORD, **changes})

    def edit(self, record: str, **changes: Any) -> None:
        self.company.edit(self.fake_form, record, "zhangmin", changes)

    async def look(self, record: str) -> Known:
        return await self.parts.intake.look(self.form, record)

    async def known(self, record: str) -> Known:
        return await self.records.find(RecordId(self.form.id, record))

    async def moves_to(self, case: str, state: CaseState, *waiting_for: str) -> None:
        """The case comes to another state, as its workflow would tell."""
        self.seq[case] = self.seq.get(case, 0) + 1
        event = CaseEvent(
            self.seq[case], datetime.now(UTC), "unclose", None, EventKind.STATE_CHANGED, {"to": state}
        )
        await self.register.record(CaseChange(case, state, (event,), waiting_for=waiting_for))

    def shows(self, record: str) -> dict[str, Any]:
        found = self.fake_form.records[record]
        return {name: found.get(name) for name in (STATE, NUMBER, WAITING_FOR, REPORT, MESSAGE)}


@asynccontextmanager
async def a_form_stage(folder: Path, empty_register: Path, gateway: Gateway) -> AsyncIterator[FormStage]:
    shutil.copy(empty_register, folder / "register.sqlite")
    (folder / "ledgers.toml").write_text(LEDGERS, encoding="utf-8")
    (folder / "jiandaoyun.toml").write_text(FORMS, encoding="utf-8")
    ledger = FakeLedger()
    book = LedgerBook.load(folder / "ledgers.toml", connect=lambda _: ledger)
    forms = Forms.load(folder / "jiandaoyun.toml")
    database = open_database(f"sqlite+aiosqlite:///{folder / 'register.sqlite'}")
    register, reader = SqlRegister(database), Reader(database)
    directory, files = RegisterDirectory(database, known_people(dev=True)), KeptFiles()
    fake_form = FakeForm(APP, ENTRY, "库存反记帐申请", WIDGETS)
    company = FakeCompany([fake_form])
    api = FakeApi(company, has_limits=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api.app()), base_url=BASE) as http:
        around = Around(database, book, directory, gateway, files)
        guard = FileGuard(forms.base_url, forms.file_hosts, _fake_resolve)
        way = GuardedTransport(guard, httpx.ASGITransport(api.app()))
        source = FileSource(httpx.AsyncClient(transport=way))
        parts = build_jiandaoyun(Access(forms, SecretStr(API_KEY)), http, source, around, _at_once)
        yield FormStage(
            company,
            fake_form,
            api,
            forms.forms[0],
            parts,
            FormRecords(database),
            register,
            reader,
            database,
            files,
            ledger,
        )
    await book.aclose()
    await database.aclose()
