"""Composition of the reports: settings become a store and, if a key is configured, a signature."""

from activities.backup.store import ObjectStore
from activities.recording import Register
from activities.report.signing import PadesSigner
from service.database import Database
from service.ledger_book import LedgerBook
from service.reports.sealed import Reports
from service.settings import Settings
from service.users import Users


def build_reports(
    settings: Settings,
    store: ObjectStore,
    database: Database,
    register: Register,
    users: Users,
    book: LedgerBook,
) -> Reports:
    """Reports as the settings describe them."""
    return Reports(database, register, users, book, store, _signer(settings))


def _signer(settings: Settings) -> PadesSigner | None:
    """None if no key is configured: then reports carry no signature."""
    if settings.signing_key is None:
        return None
    return PadesSigner(settings.signing_key, settings.signing_passphrase.get_secret_value().encode())
