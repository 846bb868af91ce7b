"""Bodies about people: who I am, users, tokens, delegations."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from service.schemas import Inbound, Name, Outbound, Said, printable, trimmed
from service.tokens import LONGEST_DAYS
from service.user import TokenScope, UserKind, UserSource, usable_name
from workflows.domain.approval import Group

UserName = Annotated[str, StringConstraints(max_length=120), AfterValidator(usable_name)]
Label = Annotated[
    str, StringConstraints(max_length=200), AfterValidator(str.strip), AfterValidator(printable)
]
FullName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(trimmed),
    AfterValidator(printable),
]

# --------------------------------------------------------------------------- users


class UserIn(Inbound):
    """What is to be true of a user. What is left out of the rest stays as it is."""

    groups: list[Group] = Field(max_length=len(Group), description="All groups the user is to be in.")
    active: bool = Field(
        default=True, description="Whether the user may come in, approve, and be stood in for."
    )
    display_name: FullName | None = Field(default=None, description="Name as people read it.")
    kind: UserKind | None = Field(default=None, description="Of a new user: a person if not given.")
    source: UserSource | None = Field(
        default=None, description="Who says the groups: `register`, us; `oidc`, the provider at each sign-in."
    )
    unbind: bool = Field(
        default=False, description="Take whoever signs in next under this name for this person."
    )


class UserOut(Outbound):
    name: str
    display_name: str
    kind: UserKind
    groups: list[Group]
    source: UserSource
    active: bool
    is_bound: bool = Field(
        description="Whether the provider has shown who this is; the name is theirs alone."
    )


class UserList(Outbound):
    items: list[UserOut]
    next: str | None


# --------------------------------------------------------------------------- tokens

_TOKEN_EXAMPLE: JsonDict = {"label": "nightly export", "scopes": ["read"], "days": 90}


class TokenIn(Inbound):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_TOKEN_EXAMPLE]})

    scopes: list[TokenScope] = Field(min_length=1, max_length=len(TokenScope), description="What it is for.")
    days: int = Field(ge=1, le=LONGEST_DAYS, description="Days until it expires.")
    label: Label = Field(default="", description="What it is used for, in words.")
    user: UserName | None = Field(
        default=None, description="Whose it is to be, if not one's own; for administrators."
    )


class TokenOut(Outbound):
    id: str
    user: str
    label: str
    scopes: list[TokenScope]
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None
    last_used_at: datetime | None = Field(description="Within the hour.")


class NewTokenOut(TokenOut):
    token: str = Field(description="The token itself. It is shown this once and kept by nobody.")


class TokenList(Outbound):
    items: list[TokenOut]
    next: str | None


# --------------------------------------------------------------------------- delegations

_DELEGATION_EXAMPLE: JsonDict = {
    "delegate": "finance-head",
    "starts": "2025-06-09T00:00:00+08:00",
    "ends": "2025-06-14T00:00:00+08:00",
    "ledger": "demo",
    "reason": "出差",
}


class DelegationIn(Inbound):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_DELEGATION_EXAMPLE]})

    delegate: Name = Field(description="Who acts.")
    ends: AwareDatetime = Field(description="Until when, not included.")
    starts: AwareDatetime | None = Field(default=None, description="From when; now at the earliest.")
    ledger: Name | None = Field(default=None, description="On this ledger only.")
    reason: Said = Field(default="", description="Why.")
    principal: Name | None = Field(
        default=None, description="For whom, if not for oneself; for administrators."
    )


class DelegationOut(Outbound):
    id: str
    principal: str
    delegate: str
    starts: datetime
    ends: datetime
    ledger: str | None
    reason: str
    created_by: str
    revoked_at: datetime | None
    revoked_by: str | None


class DelegationList(Outbound):
    items: list[DelegationOut]
    next: str | None


# --------------------------------------------------------------------------- me


class StandingIn(Outbound):
    person: str
    ledger: str | None = Field(description="On this ledger only; on every one if null.")


class MeOut(Outbound):
    person: str
    kind: UserKind
    groups: list[Group]
    scopes: list[TokenScope] = Field(description="What this token may be used for.")
    on_behalf_of: str | None
    stands_in_for: list[StandingIn] = Field(description="For whom one may act now.")
    delegations: list[DelegationOut] = Field(description="One's own, in force or to come.")
