"""Every knob of Unclose, described, frozen, read from the environment where a process begins."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from service.texts import Language
from workflows.domain.approval import Group
from workflows.domain.errors import NoRecipients

PREFIX = "UNCLOSE_"
EMBEDDED = "embedded"
DEVELOPMENT_SECRET_KEY = "for-development-only"  # noqa: S105  # refused outside dev


class DevelopmentSecret(Exception):
    """A setting carries a value that everybody knows; outside dev nothing starts with it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} still has its development value; set a secret of your own, or use dev")
        self.name = name


@dataclass(frozen=True)
class Described:
    """One setting as `unclose config check` shows it. Secrets are only said to be set or not."""

    name: str
    shown: str
    source: Literal["environment", "option", "default"]
    description: str


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore")

    dev: bool = Field(default=False, description="Development: known tokens, demo ledger, no secrets asked.")
    data_dir: Path = Field(default=Path("var"), description="Folder for all state kept on this machine.")
    host: str = Field(default="127.0.0.1", description="Address the API listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port the API listens on.")
    log_format: Literal["console", "json"] = Field(default="console", description="How log lines look.")

    database_url: str = Field(
        default_factory=lambda known: f"sqlite+aiosqlite:///{known['data_dir'] / 'register.sqlite'}",
        description="The register's database: sqlite+aiosqlite:// or postgresql+asyncpg://.",
    )
    ledgers: Path | None = Field(
        default=None, description="Path of ledgers.toml. In dev a demo ledger stands in if not given."
    )

    hooks: Path | None = Field(
        default=None, description="Path of hooks.toml; `hooks.toml` in the data folder if it is there."
    )
    jiandaoyun: Path | None = Field(
        default=None,
        description="Path of jiandaoyun.toml; `jiandaoyun.toml` in the data folder if it is there.",
    )

    temporal_address: str = Field(
        default=EMBEDDED, description="host:port of Temporal, or `embedded` for one started by Unclose."
    )
    temporal_namespace: str = Field(default="default", description="Namespace in Temporal.")
    temporal_tls: bool = Field(default=False, description="Speak TLS to Temporal.")
    temporal_tls_ca: Path | None = Field(default=None, description="CA certificates that Temporal shows.")
    temporal_tls_cert: Path | None = Field(default=None, description="Client certificate for Temporal.")
    temporal_tls_key: Path | None = Field(default=None, description="Private key of the client certificate.")
    temporal_tls_server_name: str | None = Field(
        default=None, description="Name expected in Temporal's certificate."
    )
    temporal_api_key: SecretStr | None = Field(default=None, description="API key for Temporal Cloud.")
    payload_keys: SecretStr | None = Field(
        default=None, description="Keys that encrypt what Temporal stores, newest first, comma-separated."
    )

    secret_key: SecretStr = Field(
        default=SecretStr(DEVELOPMENT_SECRET_KEY), description="Signs what Unclose hands out itself."
    )
    oidc_issuer: str | None = Field(default=None, description="Issuer of sign-in tokens (OpenID Connect).")
    oidc_audience: str | None = Field(
        default=None, validate_default=True, description="Audience those tokens must name."
    )
    oidc_jwks_url: str | None = Field(
        default=None, description="Where the issuer's keys are; found by discovery if not given."
    )
    oidc_user_claim: str = Field(
        default="preferred_username", description="Claim that holds the user name; `sub` if it is absent."
    )
    oidc_groups_claim: str = Field(default="groups", description="Claim that holds the groups.")
    oidc_group_map: Annotated[dict[str, Group], NoDecode] = Field(
        default_factory=dict,
        description='The issuer\'s groups in our words, as JSON: {"acc-dept": "finance"}. Ours if not given.',
    )
    oidc_client_id: str | None = Field(default=None, description="Client of the dashboard's sign-in.")
    oidc_client_secret: SecretStr | None = Field(default=None, description="Secret of that client.")

    public_url: str | None = Field(
        default=None,
        description="Where people reach Unclose, for links in messages; host and port if not given.",
    )
    channels: Path | None = Field(
        default=None, description="Path of channels.toml: how people are told; not at all if not given."
    )
    message_language: Language = Field(
        default=Language.ZH, description="Language of messages to those who have not chosen: zh or en."
    )
    outgoing_allow: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Inner hosts and networks that events may be posted to, comma-separated.",
    )

    delivery_days: int = Field(
        default=90,
        ge=1,
        description="Days that bodies of ended deliveries, in and out, are kept; their rows stay.",
    )

    rate_limits: Literal["on", "off"] = Field(
        default="on",
        description="Whether too many requests are refused. In dev a hundred times as many may come.",
    )
    rate_limit_reads: int = Field(default=3000, ge=1, description="Reads a minute for each identity.")
    rate_limit_acts: int = Field(
        default=600, ge=1, description="Requests and acts a minute for each identity."
    )
    rate_limit_failures: int = Field(
        default=20, ge=1, description="Tokens that are nobody's, a minute for each client address."
    )

    object_store_url: str = Field(
        default_factory=lambda known: f"file://{known['data_dir'] / 'store'}",
        description="Where backups go: file:///folder or s3://bucket/prefix?endpoint=…&region=….",
    )
    signing_key: Path | None = Field(
        default=None,
        description="PKCS #12 file that signs reports (PAdES); they carry no signature if not given.",
    )
    signing_passphrase: SecretStr = Field(default=SecretStr(""), description="Passphrase of that file.")
    backup_recipients: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="age recipients that backups are encrypted to, comma-separated."
    )

    backup_identity: Path | None = Field(
        default=None,
        description="age identity file that reads backups; needed by workers, which prove them.",
    )
    attachment_max_bytes: int = Field(
        default=20 * 1024 * 1024, ge=1, description="How large a file may be that is added to a case."
    )
    checkpoint_key: Path | None = Field(
        default=None,
        description="File with the Ed25519 private key (PEM) that signs checkpoints and evidence packages.",
    )
    time_stamp_url: str | None = Field(
        default=None, description="Time-stamping authority (RFC 3161) that checkpoints are shown to."
    )
    time_stamp_roots: Path | None = Field(
        default=None, description="Certificates (PEM) that the authority's own must lead to."
    )
    postgresql_bin: Path | None = Field(
        default=None,
        description="Folder of pg_dump and pg_restore; they are looked for on the PATH if not given.",
    )

    @field_validator("data_dir", mode="after")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        return folder.expanduser().resolve()

    @field_validator("backup_recipients", "outgoing_allow", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:  # Any: not validated yet
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("oidc_issuer", "oidc_jwks_url", mode="after")
    @classmethod
    def _secure(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None and not url.startswith("https://") and not info.data.get("dev"):
            raise ValueError("must begin with https://: whoever changes it on the way could sign as anybody")
        return url

    @field_validator("oidc_audience", mode="after")
    @classmethod
    def _named_with_issuer(cls, audience: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("oidc_issuer") and not audience:
            raise ValueError("must be set too: tokens for other services would be accepted otherwise")
        return audience

    @field_validator("oidc_group_map", mode="before")
    @classmethod
    def _parsed(cls, value: Any) -> Any:  # Any: not validated yet
        if not isinstance(value, str):
            return value
        try:
            return {str(theirs): Group(ours) for theirs, ours in json.loads(value).items()}
        except (ValueError, AttributeError):
            known = ", ".join(Group)
            raise ValueError(f"must be JSON that maps names to groups of ours: {known}") from None

    @property
    def is_embedded(self) -> bool:
        return self.temporal_address == EMBEDDED

    def require_own_secrets(self) -> None:
        """Outside dev, refuse to go on with secrets that everybody knows.

        Raises:
            DevelopmentSecret: naming the first setting that still has one.
        """
        if not self.dev and self.secret_key.get_secret_value() == DEVELOPMENT_SECRET_KEY:
            raise DevelopmentSecret(PREFIX + "SECRET_KEY")

    def require_encryption(self) -> None:
        """Outside dev, refuse to go on where backups would lie open.

        Raises:
            NoRecipients: nobody is named who could read them.
        """
        if not self.dev and not self.backup_recipients:
            raise NoRecipients(PREFIX + "BACKUP_RECIPIENTS")

    def described(self) -> Iterator[Described]:
        """Every setting, where its value comes from, and the value unless it is a secret."""
        for name, field in type(self).model_fields.items():
            yield Described(
                PREFIX + name.upper(), self._shown(name), self._source(name), field.description or ""
            )

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        if isinstance(value, SecretStr):
            return "set" if name in self.model_fields_set else "unset"
        if value is None or value in ((), {}):
            return "unset"
        if name in ("database_url", "object_store_url"):
            return _without_password(value)
        if isinstance(value, dict):
            return ", ".join(f"{theirs} → {ours}" for theirs, ours in value.items())
        return ", ".join(value) if isinstance(value, tuple) else str(value)

    def _source(self, name: str) -> Literal["environment", "option", "default"]:
        if name not in self.model_fields_set:
            return "default"
        return "environment" if os.environ.get(PREFIX + name.upper()) else "option"


def _without_password(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "unreadable"
