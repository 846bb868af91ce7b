"""`unclose prepare`: what `unclose dev` does once before it serves. Doing it again does nothing."""

from activities.demo_erp.seed import DEMO, create_demo
from service.commands.opening import open_book, open_settings
from service.ledger_book import add_demo_ledger, ledgers_path
from service.migrate import upgrade


def prepare() -> None:
    """Bring the register up to date and make the demo ledger. A file of ledgers given stays as it is."""
    settings = open_settings()
    upgrade(settings.database_url)
    if settings.ledgers is None:
        add_demo_ledger(ledgers_path(None, settings.data_dir, settings.dev), DEMO.code, DEMO.name)
    book = open_book(settings)
    if DEMO.code in book.codes:
        create_demo(book.configuration(DEMO.code).options.path)


COMMAND = prepare
