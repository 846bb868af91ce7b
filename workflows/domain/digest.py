"""Canonical JSON and the digests made over it."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from types import NoneType
from typing import Any, TypeAlias, cast

from workflows.domain.findings import Finding, in_order
from workflows.domain.ledger import CloseState
from workflows.domain.period import Period
from workflows.domain.plan import Plan

Json: TypeAlias = bool | int | str | list[Any] | dict[str, Any] | None
"""JSON without fractions: amounts travel as text, so that equal values have equal digests.

`Any` inside, because a recursive alias cannot be written with the standard library of Python 3.11.
"""


def to_json(value: object) -> Json:
    """Plain JSON of domain values: periods as `2025-03`, dataclasses as objects, tuples as lists."""
    cls: type = type(value)
    return _form(cls)(value)


@cache
def _form(cls: type) -> Callable[[Any], Json]:
    """How values of a class become JSON: found out once, since every event and digest asks for it."""
    if issubclass(cls, bool | int | NoneType):
        return _as_it_is
    if issubclass(cls, Period):
        return str
    if is_dataclass(cls):
        names = tuple(field.name for field in fields(cls))
        return lambda value: {name: to_json(getattr(value, name)) for name in names}
    if issubclass(cls, Mapping):
        return lambda value: {str(key): to_json(part) for key, part in value.items()}
    if issubclass(cls, frozenset | set):
        return lambda value: sorted((to_json(part) for part in value), key=canonical)
    if issubclass(cls, tuple | list):
        return lambda value: [to_json(part) for part in value]
    if issubclass(cls, datetime):
        return lambda value: value.astimezone(UTC).isoformat()
    if issubclass(cls, str | Decimal | date):
        return str
    raise TypeError(f"{cls.__name__} has no canonical form")


def _as_it_is(value: Any) -> Json:
    return cast(Json, value)


def canonical(value: object) -> str:
    """Equal values give equal text: sorted keys, no spaces, no escapes."""
    return json.dumps(to_json(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def sha256(value: object) -> str:
    """Hexadecimal SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def case_digest(
    plan: Plan, state: CloseState, findings: tuple[Finding, ...], policy_version: str, backup_policy: str
) -> str:
    """What a consent is bound to (design §2, §5.6): change any part, and every consent is void."""
    return sha256(
        {
            "plan": plan,
            "close_state": {module.module: module for module in state.modules},
            "revision": state.revision,
            "findings": [finding for finding in in_order(findings) if finding.bound],
            "policy_version": policy_version,
            "backup_policy": backup_policy,
        }
    )
