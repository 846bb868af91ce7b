"""The forms of `jiandaoyun.toml`: which field gives which part of a request, checked when loaded."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic import Field as Described

from service.jiandaoyun.client import FormId
from service.jiandaoyun.complaints import Field
from service.texts import Language
from workflows.domain.ledger import Module
from workflows.domain.request import Intent


class FormsUnreadable(Exception):
    """The file of forms cannot be used; the text names the file and the field."""

    def __init__(self, path: Path, field: str, reason: str) -> None:
        super().__init__(f"{path}: {field}: {reason}" if field else f"{path}: {reason}")
        self.path, self.field, self.reason = path, field, reason


class Result(StrEnum):
    """What a form is told about its case."""

    STATE = "state"
    NUMBER = "number"
    WAITING_FOR = "waiting_for"
    REPORT = "report"
    MESSAGE = "message"


class StartsWhen(StrEnum):
    """When a record becomes a case."""

    SUBMITTED = "submitted"
    """At once, also while the form's own flow still runs."""
    COMPLETED = "completed"
    """When the form's own flow has ended well (`flowState` 1)."""


# --------------------------------------------------------------------------- the file

Widget = Annotated[str, Described(pattern=r"^(_widget_[0-9]{1,20}|[a-z][a-z0-9_]{0,63})$")]
"""A field of a form: its id, or the alias (字段别名) that replaces the id everywhere."""
_Id = Annotated[str, Described(pattern=r"^[0-9A-Za-z]{1,64}$")]
_Code = Annotated[str, Described(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
_Name = Annotated[str, Described(min_length=1, max_length=120)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Scope(_Part):
    """The subform that lists documents, and its columns."""

    field: Widget
    document: Widget
    intent: Widget | None = None
    note: Widget | None = None
    otherwise: Intent = Intent.CORRECT
    """What is meant where a row does not say it."""


class _Mirror(_Part):
    """Decisions made here are shown to the form's own workflow."""

    approvals: bool
    start_node: Annotated[int, Described(ge=0)] | None = None
    """`flow_id` of the node where applicants submit; without it returns are not shown."""


class _Form(_Part):
    app_id: _Id
    entry_id: _Id
    since: AwareDatetime
    """Records made before then are left alone: a form in use already would ask for all that it holds."""
    starts: StartsWhen = StartsWhen.SUBMITTED
    language: Language = Language.ZH
    ledger: _Code | None = None
    """The ledger of every record, if the form has no field for it."""
    ledgers: dict[_Name, _Code] = Described(default_factory=dict)
    """Ledgers as the form names them."""
    modules: tuple[Module, ...] = ()
    """The modules of every record, if the form has no field for them."""
    fields: dict[Field, Widget]
    scope: _Scope | None = None
    results: dict[Result, Widget] = Described(default_factory=dict)
    mirror: _Mirror | None = None

    @model_validator(mode="after")
    def _whole(self) -> "_Form":
        for problem in _gaps(self):
            raise ValueError(problem)
        return self


def _gaps(form: _Form) -> Iterator[str]:
    """What keeps the form from giving a whole request, and from being told of it."""
    if Field.SCOPE in form.fields:
        yield "fields.scope: documents are described under `scope`, with their columns"
    if Field.PERIOD not in form.fields and not {Field.YEAR, Field.PERIOD_NUMBER} <= set(form.fields):
        yield "fields.period: name the field that holds the period, or `year` and `period_number`"
    if Field.REASON not in form.fields:
        yield "fields.reason: name the field that holds the reason"
    if Field.LEDGER not in form.fields and form.ledger is None:
        yield "fields.ledger: name the field that holds the ledger, or give `ledger`"
    if Field.MODULES not in form.fields and not form.modules:
        yield "fields.modules: name the field that holds the modules, or give `modules`"
    if Result.MESSAGE not in form.results:
        yield "results.message: name a text field; without it nobody would learn what is wrong with a record"
    yield from _result_gaps(form)


def _result_gaps(form: _Form) -> Iterator[str]:
    """What could not be told to the form."""
    if form.mirror and form.mirror.approvals and form.starts == StartsWhen.COMPLETED:
        yield "mirror.approvals: a flow that has ended has no tasks left; use it where `starts` is submitted"
    for name, widget in form.results.items():
        if widget in form.fields.values():
            yield f"results.{name}: {widget} is a field that people fill in; take one of its own"
    if len(set(form.results.values())) < len(form.results):
        yield "results: two results have the same field"


class _File(_Part):
    base_url: Annotated[str, Described(pattern=r"^https?://[^\s]+$")] = "https://api.jiandaoyun.com/api"
    api_key: Annotated[str, Described(min_length=1)]
    """A reference to the key, never the key itself."""
    users: dict[_Name, _Name] = Described(default_factory=dict)
    forms: Annotated[dict[_Code, _Form], Described(min_length=1)]
    address: Annotated[str, Described(pattern=r"^https?://[^\s]+$")] | None = None
    file_hosts: tuple[_Name, ...] = ()


# --------------------------------------------------------------------------- the configuration


@dataclass(frozen=True)
class Documents:
    """Where a form lists documents."""

    field: str
    document: str
    intent: str | None
    note: str | None
    otherwise: Intent


@dataclass(frozen=True)
class Mirror:
    """How decisions are shown to the form's own workflow."""

    start_node: int | None = None
    """Where a return to the applicant leads there; returns are not shown without it."""


@dataclass(frozen=True)
class Form:
    """One form whose records become cases."""

    code: str
    app_id: str
    entry_id: str
    since: datetime
    fields: Mapping[Field, str]
    results: Mapping[Result, str]
    documents: Documents | None = None
    starts: StartsWhen = StartsWhen.SUBMITTED
    language: Language = Language.ZH
    ledger: str | None = None
    ledgers: Mapping[str, str] = field(default_factory=dict)
    modules: tuple[Module, ...] = ()
    mirror: Mirror | None = None

    @property
    def id(self) -> FormId:
        return FormId(self.app_id, self.entry_id)

    @property
    def widgets(self) -> frozenset[str]:
        """Every field of the form that is read or written, without those of its subforms."""
        listed = () if self.documents is None else (self.documents.field,)
        return frozenset((*self.fields.values(), *self.results.values(), *listed))


@dataclass(frozen=True)
class Forms:
    """Every form that is configured, and the people who fill them in."""

    forms: tuple[Form, ...]
    users: Mapping[str, str]
    """Our names of people, by their user names in Jiandaoyun."""
    base_url: str
    api_key: str
    address: str | None = None
    """Where people reach Unclose; forms get links below it."""
    file_hosts: tuple[str, ...] = ()
    """Hosts from which attachments are taken; without any, every one in the open internet."""

    def find(self, app_id: str, entry_id: str) -> Form | None:
        """The form that a push is about; only both ids together are unique."""
        return next((f for f in self.forms if (f.app_id, f.entry_id) == (app_id, entry_id)), None)

    @staticmethod
    def load(path: Path) -> "Forms":
        """Read the file.

        Raises:
            FormsUnreadable: absent, not TOML, or wrong in the field that it names.
        """
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise FormsUnreadable(path, "", f"cannot be read ({error.strerror})") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise FormsUnreadable(path, "", f"is not TOML: {error}") from error
        try:
            read = _File.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise FormsUnreadable(path, where, first["msg"].removeprefix("Value error, ")) from error
        return _forms(path, read)


def _forms(path: Path, read: _File) -> Forms:
    forms = tuple(_form(code, part) for code, part in read.forms.items())
    ids = [(form.app_id, form.entry_id) for form in forms]
    for form, its in zip(forms, ids, strict=True):
        if ids.count(its) > 1:
            raise FormsUnreadable(path, f"forms.{form.code}.entry_id", "another form has the same ids")
    return Forms(forms, read.users, read.base_url, read.api_key, read.address, read.file_hosts)


def _form(code: str, part: _Form) -> Form:
    listed = part.scope
    return Form(
        code=code,
        app_id=part.app_id,
        entry_id=part.entry_id,
        since=part.since,
        fields=part.fields,
        results=part.results,
        documents=Documents(**listed.model_dump()) if listed else None,
        starts=part.starts,
        language=part.language,
        ledger=part.ledger,
        ledgers=part.ledgers,
        modules=part.modules,
        mirror=Mirror(part.mirror.start_node) if part.mirror and part.mirror.approvals else None,
    )
