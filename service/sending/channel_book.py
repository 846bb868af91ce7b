"""The channels that messages to people go by, as `channels.toml` names them."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from service.outgoing import Outgoing
from service.secret_references import SecretMissing, read_secret
from service.sending.letters import Courier
from service.sending.mail import MailCourier, MailServer
from service.sending.robots import DingTalkRobot, FeishuRobot, WeComRobot
from service.texts import Language
from workflows.domain.approval import Group


class ChannelKind(StrEnum):
    WECOM = "wecom"
    DINGTALK = "dingtalk"
    FEISHU = "feishu"
    EMAIL = "email"


ROBOTS = {
    ChannelKind.WECOM: WeComRobot,
    ChannelKind.DINGTALK: DingTalkRobot,
    ChannelKind.FEISHU: FeishuRobot,
}

_NAME = r"[a-z0-9][a-z0-9-]{0,39}"
_RESERVED = ("webhook", "jiandaoyun", "unreachable")
_MAILBOX = re.compile(r"[^\s@<>,;:\"()\[\]]+@[^\s@<>,;:\"()\[\]]+")
_MENTION = re.compile(r"[\w.@-]{1,64}", re.ASCII)


class ChannelsUnreadable(Exception):
    """The file of channels is absent or wrong; the text says where."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    groups: tuple[Group, ...] = ()
    """Whose people are told here if they have said nothing else."""
    language: Language | None = None
    per_minute: int | None = Field(default=None, ge=1)


class RobotEntry(_Strict):
    kind: Literal[ChannelKind.WECOM, ChannelKind.DINGTALK, ChannelKind.FEISHU]
    url: str
    """`env:NAME` or `file:PATH`: the address of a robot is its key."""
    secret: str | None = None
    """Of signed robots, likewise."""


class MailEntry(_Strict):
    kind: Literal[ChannelKind.EMAIL]
    host: str
    port: int = Field(default=587, ge=1, le=65535)
    sender: str
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: str | None = None
    domains: tuple[str, ...] = ()
    """Where people's addresses must lie; anywhere if none is named."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    channels: dict[
        Annotated[str, StringConstraints(pattern=f"^{_NAME}$")],
        Annotated[RobotEntry | MailEntry, Field(discriminator="kind")],
    ]


Entry = RobotEntry | MailEntry


@dataclass(frozen=True)
class ChannelBook:
    """Channels by name, in the order of the file."""

    entries: Mapping[str, Entry]
    folder: Path = Path()
    """What references to files are relative to."""

    @classmethod
    def load(cls, file: Path | None) -> "ChannelBook":
        """No file, no channels.

        Raises:
            ChannelsUnreadable: the file is absent or wrong.
        """
        if file is None:
            return cls({})
        try:
            found = _File.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))).channels
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ChannelsUnreadable(f"{file}: {error}") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ChannelsUnreadable(f"{file}: {where}: {first['msg']}") from error
        taken = [name for name in found if name in _RESERVED]
        if taken:
            raise ChannelsUnreadable(f"{file}: the name {taken[0]} means something else")
        return cls(found, file.parent)

    def require_secrets(self) -> None:
        """Raises ChannelsUnreadable: one that is referred to is not there."""
        for name, entry in self.entries.items():
            named = (entry.password,) if isinstance(entry, MailEntry) else (entry.url, entry.secret)
            try:
                for reference in named:
                    if reference is not None:
                        self._secret(reference)
            except SecretMissing as error:
                raise ChannelsUnreadable(f"channel {name}: {error}") from error

    def couriers(self, outgoing: Outgoing) -> dict[str, Courier]:
        """Raises ChannelsUnreadable: a secret is not there."""
        self.require_secrets()
        return {name: self._courier(entry, outgoing) for name, entry in self.entries.items()}

    def default_for(self, groups: Sequence[Group]) -> str | None:
        """Where people of these groups are told who have said nothing else."""
        named = (name for name, entry in self.entries.items() if set(entry.groups) & set(groups))
        return next(named, None)

    def suits(self, channel: str, address: str) -> bool:
        """Whether somebody can be found under that address there."""
        entry = self.entries[channel]
        if not isinstance(entry, MailEntry):
            return not address or _MENTION.fullmatch(address) is not None
        domain = address.rpartition("@")[2].lower()
        is_ours = not entry.domains or domain in {known.lower() for known in entry.domains}
        return _MAILBOX.fullmatch(address) is not None and len(address) <= 254 and is_ours

    def _courier(self, entry: Entry, outgoing: Outgoing) -> Courier:
        if isinstance(entry, MailEntry):
            password = self._secret(entry.password) if entry.password else None
            server = MailServer(entry.host, entry.port, entry.sender, entry.tls, entry.user, password)
            return MailCourier(server, entry.per_minute)
        secret = self._secret(entry.secret) if entry.secret else ""
        # Vendors allow twenty a minute, Feishu a hundred.
        usual = 100 if entry.kind == ChannelKind.FEISHU else 20
        robot = ROBOTS[ChannelKind(entry.kind)]
        return robot(outgoing, self._secret(entry.url), secret, entry.per_minute or usual)

    def _secret(self, reference: str) -> str:
        return read_secret(reference, self.folder).get_secret_value()
