"""`unclose prepare`: what `unclose dev` does once before it serves. Doing it again does nothing."""

from activities.demo_erp.seed import DEMO, create_demo
from service.commands.opening import open_book, open_settings
from service.migrate import upgrade


def prepare() -> None:
    """Bring the register up to date and make the demo ledger, if it is configured and not there."""
    settings = open_settings()
    upgrade(settings.database_url)
    book = open_book(settings)
    if DEMO.code in book.codes:
        create_demo(book.configuration(DEMO.code).options.path)


COMMAND = prepare
