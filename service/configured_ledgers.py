"""Composition of the ledgers: settings become the book, its connectors given the programs they need."""

from functools import partial

from activities.engines.postgresql import PostgreSQLTools
from activities.erp import connect
from service.ledger_book import LedgerBook, ledgers_path
from service.settings import Settings


def load_ledgers(settings: Settings) -> LedgerBook:
    """Read the file of ledgers that the settings name.

    Raises:
        LedgersUnreadable: absent, not TOML, or wrong in the field that it names.
    """
    path = ledgers_path(settings.ledgers, settings.data_dir, settings.dev)
    return LedgerBook.load(path, partial(connect, tools=PostgreSQLTools(settings.postgresql_bin)))
