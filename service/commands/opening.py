"""What most commands begin with: the settings, and the ledgers they name."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from service.configured_ledgers import load_ledgers
from service.failures import MISUSED, CommandFailed, remedy
from service.inbox.hooks import HookBook, HooksUnreadable, load_hooks
from service.jiandaoyun.access import Access, load_access
from service.jiandaoyun.forms import FormsUnreadable
from service.ledger_book import LedgerBook, LedgersUnreadable
from service.sending.channel_book import ChannelBook, ChannelsUnreadable
from service.settings import PREFIX, DevelopmentSecret, Settings
from service.vault import StoreUnreadable, build_vault
from workflows.domain.errors import NoRecipients, RecipientUnreadable

DataDir = Annotated[
    Path | None,
    typer.Option(file_okay=False, help="Folder for all state; UNCLOSE_DATA_DIR or `var` if not given."),
]


def open_settings(data_dir: Path | None = None) -> Settings:
    """Read the settings from the environment; an option of the command line goes first.

    Raises:
        CommandFailed: naming the first setting that cannot be read.
    """
    options: dict[str, Any] = {} if data_dir is None else {"data_dir": data_dir}  # Any: read by Settings
    try:
        return Settings(**options)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        raise CommandFailed(f"{name}: {first['msg']}", "see `unclose config check`", MISUSED) from error


def open_own_settings() -> Settings:
    """The settings of a process that serves.

    Raises:
        CommandFailed: as `open_settings`, `require_startable` and `open_forms`.
    """
    settings = open_settings()
    require_startable(settings)
    open_forms(settings)  # whoever reads forms says at once what is wrong with their map
    return settings


def require_startable(settings: Settings) -> None:
    """Outside dev nothing starts with secrets that everybody knows, open backups, or no Temporal to talk to.

    Raises:
        CommandFailed: naming the setting.
        StorageUnavailable: there is no place for backups.
    """
    try:
        settings.require_own_secrets()
    except DevelopmentSecret as error:
        raise CommandFailed(str(error), code=MISUSED) from error
    if settings.is_embedded:
        name = PREFIX + "TEMPORAL_ADDRESS"
        remedy = f"set {name} to host:port, or use `unclose dev`"
        raise CommandFailed(f"{name} is not set; only `unclose dev` starts a Temporal", remedy, MISUSED)
    _require_safe_backups(settings)
    _require_channels(settings)


def _require_channels(settings: Settings) -> None:
    try:
        ChannelBook.load(settings.channels).require_secrets()
    except ChannelsUnreadable as error:
        raise CommandFailed(str(error), f"put it right, or unset {PREFIX}CHANNELS", MISUSED) from error


def _require_safe_backups(settings: Settings) -> None:
    try:
        settings.require_encryption()
        build_vault(settings)
    except (StoreUnreadable, NoRecipients, RecipientUnreadable) as error:
        told = None if isinstance(error, StoreUnreadable) else remedy(error)
        raise CommandFailed(str(error), told, MISUSED) from error


def open_book(settings: Settings) -> LedgerBook:
    """The configured ledgers.

    Raises:
        CommandFailed: the file is absent or wrong.
    """
    try:
        return load_ledgers(settings)
    except LedgersUnreadable as error:
        remedy = "give --data-dir or UNCLOSE_LEDGERS, or start `unclose dev` once"
        raise CommandFailed(str(error), remedy, MISUSED) from error


def open_hooks(settings: Settings, *, to_verify: bool = True) -> HookBook:
    """The configured hooks; none without a file. Who only hands deliveries on needs none of their secrets.

    Raises:
        CommandFailed: the file is wrong, or a secret that it refers to is not there.
    """
    try:
        return load_hooks(settings.hooks, settings.data_dir, to_verify=to_verify)
    except HooksUnreadable as error:
        raise CommandFailed(str(error), "see docs/webhooks.md", MISUSED) from error


def open_forms(settings: Settings) -> Access | None:
    """The configured forms; none without a file.

    Raises:
        CommandFailed: the file is wrong, or the key that it refers to is not there.
    """
    try:
        return load_access(settings.jiandaoyun, settings.data_dir)
    except FormsUnreadable as error:
        raise CommandFailed(str(error), "see docs/jiandaoyun.md", MISUSED) from error
