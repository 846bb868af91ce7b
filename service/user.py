"""People and service accounts as the register keeps them, and what a token may be used for."""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from workflows.domain.approval import Group
from workflows.domain.case import SYSTEM


class UserKind(StrEnum):
    PERSON = "person"
    SERVICE = "service"
    """A program. It may say on whose behalf it asks; it never consents to anything (design §10)."""


class UserSource(StrEnum):
    """Who says which groups somebody is in."""

    REGISTER = "register"
    """Administrators."""
    OIDC = "oidc"
    """The provider, at each sign-in."""
    DEVELOPMENT = "dev"
    """Nobody: a development identity is what it is."""


class TokenScope(StrEnum):
    """What a token may be used for; groups still say what its owner may do."""

    READ = "read"
    REQUEST = "request"
    ACT = "act"
    ADMIN = "admin"


EVERY_SCOPE = tuple(TokenScope)

SERVICE_GROUPS = (Group.APPLICANT, Group.AUDITOR)
"""What a service account can be in: no group that approves, authorises, decides or administers."""

_LONGEST = 120


@dataclass(frozen=True)
class User:
    name: str
    display_name: str
    kind: UserKind
    groups: tuple[Group, ...]
    source: UserSource
    active: bool
    is_bound: bool = False
    """Whether a sign-in has shown who this is to the provider: nobody else can sign in under the name."""


def usable_name(text: str) -> str:
    """A name that can stand for somebody on record.

    Raises:
        ValueError: it is empty, too long, not printable, or means something else: Unclose itself, a group.
    """
    name = unicodedata.normalize("NFC", text.strip())
    if not 0 < len(name) <= _LONGEST or not name.isprintable() or "/" in name:
        raise ValueError("a name has 1 to 120 printable characters and no slash")
    if name.casefold() == SYSTEM.person or name.casefold().startswith(("group:", "cli:")):
        raise ValueError("this name means something else here")
    return name


def in_order(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """Each once, in the order of the glossary."""
    return tuple(group for group in Group if group in groups)
