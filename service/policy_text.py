"""Approval policies as people write them: TOML, read strictly, with errors that name line and field."""

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations, product
from math import comb, prod
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from activities.policy_rules import RuleUnreadable, try_rule
from workflows.domain.approval import Group
from workflows.domain.case import APPLICANT
from workflows.domain.errors import PolicyUnreadable
from workflows.domain.policy import (
    MAX_WAYS,
    ApprovalPolicy,
    Authorising,
    Demand,
    Expedited,
    Level,
    Mode,
    OnDeadline,
    Rule,
    Way,
)

_MAX_WAYS_OF_A_LEVEL = 64
_MAX_DEPTH = 4
_MAX_LINE = 2000
"""Characters; the time it takes to read a key of many parts grows with the square of its length."""

Part = Any  # Any: a value as TOML gives it
Build = Callable[[], ApprovalPolicy]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _as_enum(kind: type) -> BeforeValidator:
    return BeforeValidator(lambda value: kind(value) if isinstance(value, str) else value)


_Group = Annotated[Group, _as_enum(Group)]
_Groups = Annotated[tuple[_Group, ...], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)]
_Hours = Annotated[int, Field(ge=1, le=2000)]


class _Authorising(_Strict):
    groups: Annotated[_Groups, Field(min_length=2, max_length=2)] = Authorising().groups
    within_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = Authorising().within_minutes

    @field_validator("groups")
    @classmethod
    def _distinct(cls, groups: tuple[Group, ...]) -> tuple[Group, ...]:
        if len(set(groups)) != 2:
            raise ValueError("joint authorisation needs two different groups")
        return groups


class _Expedited(_Strict):
    deadline_percent: Annotated[int, Field(ge=1, le=100)] = Expedited().deadline_percent
    cc: _Groups = Expedited().cc


class _LevelPart(_Strict):
    name: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^\S(.*\S)?$")]
    groups: Part
    mode: Annotated[Mode, _as_enum(Mode)] = Mode.ANY
    when: str | dict[str, str] = Field(default_factory=dict)
    deadline_hours: _Hours = 8
    on_deadline: Annotated[OnDeadline, _as_enum(OnDeadline)] = OnDeadline.REMIND
    escalate_to: _Group | None = None
    expires_hours: _Hours | None = None
    cc: _Groups = ()
    transfer_to: _Groups = ()

    @field_validator("name")
    @classmethod
    def _not_taken(cls, name: str) -> str:
        if name == APPLICANT:
            raise ValueError("this name means the applicant")
        return _visible(name)

    @field_validator("groups")
    @classmethod
    def _readable(cls, expression: Part) -> Part:
        ways_of(expression)
        return expression

    @field_validator("when")
    @classmethod
    def _judged(cls, when: str | dict[str, str]) -> str | dict[str, str]:
        for rule in _rules(when):
            _visible(rule.name)
            try:
                try_rule(rule)
            except RuleUnreadable as failure:
                raise ValueError(str(failure)) from None
        return when

    @model_validator(mode="after")
    def _coherent(self) -> "_LevelPart":
        ways = ways_of(self.groups)
        if self.mode == Mode.SEQUENCE and len(ways) != 1:
            raise ValueError("mode sequence asks one group after the other: there can be no choice of groups")
        if self.mode != Mode.ANY and any(demand.count is not None for way in ways for demand in way):
            raise ValueError("a count goes with mode any; the other modes ask everyone")
        if (self.on_deadline == OnDeadline.ESCALATE) != (self.escalate_to is not None):
            raise ValueError("on_deadline escalate and escalate_to go together")
        if self.expires_hours is not None and self.expires_hours < self.deadline_hours:
            raise ValueError("expires_hours lies before deadline_hours")
        return self


class PolicyPart(_Strict):
    """A policy as written, in its own file or inside `ledgers.toml`."""

    version: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    levels: Annotated[list[_LevelPart], Field(min_length=1, max_length=20)]
    authorisation: _Authorising = _Authorising()
    expedited: _Expedited = _Expedited()

    @field_validator("levels")
    @classmethod
    def _named_once(cls, levels: list[_LevelPart]) -> list[_LevelPart]:
        names = [level.name for level in levels]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two levels are named {twice[0]}")
        if prod(len(ways_of(level.groups)) for level in levels) > MAX_WAYS:
            raise ValueError(f"its groups can be combined in more than {MAX_WAYS} ways")
        return levels

    def policy(self, version: str, author: str | None = None) -> ApprovalPolicy:
        return ApprovalPolicy(
            version=version,
            levels=tuple(_level(level) for level in self.levels),
            authorising=Authorising(
                (self.authorisation.groups[0], self.authorisation.groups[1]),
                self.authorisation.within_minutes,
            ),
            expedited=Expedited(self.expedited.deadline_percent, self.expedited.cc),
            author=author,
        )


def read_policy(ledger: str, text: str, version: str, author: str | None = None) -> ApprovalPolicy:
    """Read a policy.

    Raises:
        PolicyUnreadable: it is not TOML, or wrong in the line and field that it names.
    """
    try:
        return PolicyPart.model_validate(_document(ledger, text)).policy(version, author)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = first["loc"]
        field = _field(where)
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise PolicyUnreadable(ledger, f"line {line_of(text, where)}: {field}", reason) from None


def _document(ledger: str, text: str) -> dict[str, Any]:
    """Raises PolicyUnreadable."""
    for n, line in enumerate(text.splitlines(), start=1):
        if len(line) > _MAX_LINE:
            raise PolicyUnreadable(ledger, f"line {n}", f"it is longer than {_MAX_LINE} characters")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise PolicyUnreadable(ledger, "policy", "it is nested too deeply") from None
    except ValueError as error:
        raise PolicyUnreadable(ledger, _line_said(str(error)), f"not TOML: {error}") from None


def _line_said(sentence: str) -> str:
    found = re.search(r"line (\d+)", sentence)
    return f"line {found[1]}" if found else "the end of the text"


def _field(where: Iterable[int | str]) -> str:
    return (
        "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".")
        or "policy"
    )


def line_of(text: str, where: tuple[int | str, ...]) -> int:
    """The line on which a field stands, or the table it would stand in; lines count from 1."""
    table = str(where[0]) if where else ""
    number = next((part for part in where if isinstance(part, int)), None)
    keys = [part for part in where[1:] if isinstance(part, str)]
    seen, found, inside = -1, 1, not where or len(where) == 1
    for n, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([\w.-]+)\s*\]+", line)
        if header:
            name = header[1]
            seen += name == table and line.lstrip().startswith("[[")
            here = name == table or name.startswith(f"{table}.")
            inside = here and (number is None or seen == number)
            found = n if inside and name == table else found
            if inside and name in {f"{table}.{key}" for key in keys}:
                return n
        for key in (*keys, table):
            if inside and re.match(rf"\s*\"?{re.escape(key)}\"?\s*=", line):
                return n
    return found


# --------------------------------------------------------------------------- parts


def _level(part: _LevelPart) -> Level:
    return Level(
        name=part.name,
        ways=ways_of(part.groups),
        mode=part.mode,
        when=_rules(part.when),
        deadline_hours=part.deadline_hours,
        on_deadline=part.on_deadline,
        escalate_to=part.escalate_to,
        expires_hours=part.expires_hours or 3 * part.deadline_hours,
        cc=part.cc,
        transfer_to=part.transfer_to,
    )


def _visible(name: str) -> str:
    """Names go on record and before people. Raises ValueError for control and invisible characters."""
    if not name.isprintable():
        raise ValueError("a name holds no control or invisible characters")
    return name


def _rules(when: str | Mapping[str, str]) -> tuple[Rule, ...]:
    if isinstance(when, str):
        return (Rule("when", when),)
    return tuple(Rule(name, expression) for name, expression in when.items())


def ways_of(expression: Part, depth: int = 0) -> tuple[Way, ...]:
    """Every combination of demands that fills an expression of consent.

    `"finance"` · `{ group = "finance", count = 2 }` · `{ all = [...] }` · `{ any = [...] }` ·
    `{ n_of = 2, of = [...] }`, nested as needed.

    Raises:
        ValueError: it is none of these.
    """
    if depth > _MAX_DEPTH:
        raise ValueError("groups are nested too deeply")
    if isinstance(expression, str):
        return ((Demand(_group(expression)),),)
    if not isinstance(expression, dict):
        raise ValueError("groups is the name of a group, or a table with all, any, n_of or group")
    ways = _table_ways(expression, depth)
    if len(ways) > _MAX_WAYS_OF_A_LEVEL:
        raise ValueError(f"these groups can be combined in more than {_MAX_WAYS_OF_A_LEVEL} ways")
    return ways


def _table_ways(table: Mapping[str, Part], depth: int) -> tuple[Way, ...]:
    keys = set(table)
    if keys == {"group", "count"}:
        return ((Demand(_group(table["group"]), _count(table["count"], 100)),),)
    if keys == {"all"}:
        return _joined(_parts(table["all"], depth))
    if keys == {"any"}:
        return tuple(dict.fromkeys(way for ways in _parts(table["any"], depth) for way in ways))
    if keys == {"n_of", "of"}:
        parts = _parts(table["of"], depth)
        some_of = _count(table["n_of"], len(parts))
        if comb(len(parts), some_of) > _MAX_WAYS_OF_A_LEVEL:
            raise ValueError(f"these groups can be combined in more than {_MAX_WAYS_OF_A_LEVEL} ways")
        chosen = combinations(parts, some_of)
        return tuple(dict.fromkeys(way for some in chosen for way in _joined(some)))
    raise ValueError(f"a table of groups has all, any, n_of with of, or group with count; not {sorted(keys)}")


def _parts(value: Part, depth: int) -> list[tuple[Way, ...]]:
    if not isinstance(value, list) or not 1 <= len(value) <= 12:
        raise ValueError("all, any and of take a list of 1 to 12 groups")
    return [ways_of(part, depth + 1) for part in value]


def _joined(parts: Iterable[tuple[Way, ...]]) -> tuple[Way, ...]:
    found: tuple[Way, ...] = ((),)
    for ways in parts:
        found = tuple((*left, *right) for left, right in product(found, ways))
        if len(found) > _MAX_WAYS_OF_A_LEVEL:
            raise ValueError(f"these groups can be combined in more than {_MAX_WAYS_OF_A_LEVEL} ways")
    return found


def _group(name: Part) -> Group:
    try:
        return Group(name)
    except ValueError:
        raise ValueError(f"there is no group {name!r}; there are {', '.join(Group)}") from None


def _count(value: Part, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise ValueError(f"a count is a whole number from 1 to {most}")
    return value


# --------------------------------------------------------------------------- writing


def write_policy(policy: ApprovalPolicy) -> str:
    """The policy as TOML; reading it gives the same policy again."""
    authorising, expedited = policy.authorising, policy.expedited
    parts = [_level_text(level) for level in policy.levels]
    parts += [
        f"[authorisation]\ngroups = {_list(authorising.groups)}\n"
        f"within_minutes = {authorising.within_minutes}\n",
        f"[expedited]\ndeadline_percent = {expedited.deadline_percent}\ncc = {_list(expedited.cc)}\n",
    ]
    return "\n".join(parts)


def _level_text(level: Level) -> str:
    lines = [
        "[[levels]]",
        f"name = {_quoted(level.name)}",
        f"groups = {_expression(level.ways)}",
        f"mode = {_quoted(level.mode)}",
        f"deadline_hours = {level.deadline_hours}",
        f"on_deadline = {_quoted(level.on_deadline)}",
        *([f"escalate_to = {_quoted(level.escalate_to)}"] if level.escalate_to else []),
        f"expires_hours = {level.expires_hours}",
        *([f"cc = {_list(level.cc)}"] if level.cc else []),
        *([f"transfer_to = {_list(level.transfer_to)}"] if level.transfer_to else []),
    ]
    if level.when:
        lines.append("[levels.when]")
        lines += [f"{_quoted(rule.name)} = {_quoted(rule.expression)}" for rule in level.when]
    return "\n".join(lines) + "\n"


def _expression(ways: tuple[Way, ...]) -> str:
    if len(ways) == 1:
        return _way(ways[0])
    return f"{{ any = [{', '.join(_way(way) for way in ways)}] }}"


def _way(way: Way) -> str:
    return _demand(way[0]) if len(way) == 1 else f"{{ all = [{', '.join(_demand(d) for d in way)}] }}"


def _demand(demand: Demand) -> str:
    if demand.count is None:
        return _quoted(demand.group)
    return f"{{ group = {_quoted(demand.group)}, count = {demand.count} }}"


def _list(names: Iterable[str]) -> str:
    return f"[{', '.join(_quoted(name) for name in names)}]"


def _quoted(text: str) -> str:
    # JSON text is TOML text, except for the one control character that JSON leaves as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
