"""The hooks of `hooks.toml`: which ways in there are, with which secrets, and for which service account."""

import base64
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from service.inbox.ports import Hook, HookKind
from service.refusals import UnknownHook
from service.secret_references import SecretMissing, read_secret

FILE = "hooks.toml"
_WINDOWS = {HookKind.JIANDAOYUN: 3600, HookKind.GENERIC: 300}
"""Jiandaoyun does not say how late it tries again, nor with which time; replays are refused anyway."""


class HooksUnreadable(Exception):
    """The file of hooks cannot be used; the text names the file and the field, and no secret."""

    def __init__(self, path: Path, field: str, reason: str) -> None:
        super().__init__(f"{path}: {field}: {reason}" if field else f"{path}: {reason}")
        self.path, self.field, self.reason = path, field, reason


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Hook(_Part):
    kind: HookKind
    secrets: Annotated[tuple[str, ...], Field(min_length=1, max_length=8)]
    """References, newest first."""
    account: Annotated[str, Field(min_length=1, max_length=120)]
    window_seconds: Annotated[int, Field(ge=30, le=86_400)] | None = None
    options: dict[str, Any] = Field(default_factory=dict)  # Any: read by the handler of the kind

    @model_validator(mode="after")
    def _standard(self) -> "_Hook":
        if self.kind == HookKind.GENERIC and self.window_seconds is not None:
            raise ValueError("window_seconds: Standard Webhooks fixes it at 300")
        return self


_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class _File(_Part):
    hooks: dict[_Name, _Hook] = Field(default_factory=dict)


class HookBook:
    """Every hook that is configured."""

    def __init__(self, hooks: tuple[Hook, ...] = ()) -> None:
        self._hooks = {hook.name: hook for hook in hooks}

    @staticmethod
    def load(path: Path, *, to_verify: bool = True) -> "HookBook":
        """Read the file and the secrets it refers to; who only hands deliveries on needs no secrets.

        Raises:
            HooksUnreadable: absent, not TOML, wrong in the field that it names, or a secret is not there.
        """
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise HooksUnreadable(path, "", f"cannot be read ({error.strerror})") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise HooksUnreadable(path, "", f"is not TOML: {error}") from error
        try:
            read = _File.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise HooksUnreadable(path, ".".join(map(str, first["loc"])), first["msg"]) from error
        return HookBook(tuple(_hook(path, name, part, to_verify) for name, part in read.hooks.items()))

    def __iter__(self) -> Iterator[Hook]:
        return iter(self._hooks.values())

    def __len__(self) -> int:
        return len(self._hooks)

    def of(self, name: str, kind: HookKind) -> Hook:
        """Raises UnknownHook, also if it is of another kind."""
        hook = self._hooks.get(name)
        if hook is None or hook.kind != kind:
            raise UnknownHook(name)
        return hook


def hooks_path(given: Path | None, data_dir: Path) -> Path | None:
    """The file to load: the one given, else `hooks.toml` in the data folder if it is there."""
    path = given or data_dir / FILE
    return path if given is not None or path.exists() else None


def load_hooks(given: Path | None, data_dir: Path, *, to_verify: bool = True) -> HookBook:
    """Without a file there are no hooks; without secrets no signature holds. Raises HooksUnreadable."""
    path = hooks_path(given, data_dir)
    return HookBook() if path is None else HookBook.load(path, to_verify=to_verify)


def described(hooks: HookBook) -> Mapping[str, str]:
    """Each hook in a few words, without its secrets."""
    return {hook.name: f"{hook.kind} for {hook.account}, {len(hook.secrets)} secret(s)" for hook in hooks}


def _hook(path: Path, name: str, part: _Hook, to_verify: bool) -> Hook:
    secrets = tuple(_secret(path, name, n, part) for n in range(len(part.secrets) if to_verify else 0))
    window = timedelta(seconds=part.window_seconds or _WINDOWS[part.kind])
    return Hook(name, part.kind, secrets, part.account, window, part.options)


def _secret(path: Path, name: str, n: int, part: _Hook) -> SecretStr:
    where = f"hooks.{name}.secrets.{n}"
    try:
        secret = read_secret(part.secrets[n], path.absolute().parent)
    except SecretMissing as error:
        raise HooksUnreadable(path, where, str(error)) from error
    if part.kind == HookKind.GENERIC and not _is_standard(secret.get_secret_value()):
        raise HooksUnreadable(
            path, where, "is no secret of Standard Webhooks: whsec_ and base64 of 24 to 64 bytes"
        )
    return secret


def _is_standard(secret: str) -> bool:
    try:
        return 24 <= len(base64.b64decode(secret.removeprefix("whsec_") + "==")) <= 64
    except ValueError:
        return False
