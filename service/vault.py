"""Composition of the vault: settings become an object store and keys, and the store is tried."""

import logging

from activities.backup.keys import Keys
from activities.backup.store import ObjectStore, open_store
from activities.backup.vault import Vault
from service.settings import PREFIX, Settings
from workflows.domain.errors import StorageUnavailable

log = logging.getLogger(__name__)


class StoreUnreadable(Exception):
    """The setting names no object store; the text names the setting and what was expected."""


def build_vault(settings: Settings) -> Vault:
    """The vault that the settings describe. Nothing is written yet.

    Raises:
        StoreUnreadable: the setting names no store.
        RecipientUnreadable: a recipient is no public key.
        StorageUnavailable: the folder cannot be made.
    """
    keys = Keys(settings.backup_recipients, settings.backup_identity)
    keys.lock()
    return Vault(build_store(settings), keys)


def build_store(settings: Settings) -> ObjectStore:
    """The object store alone. Raises StoreUnreadable, StorageUnavailable."""
    try:
        return open_store(settings.object_store_url)
    except ValueError as error:
        raise StoreUnreadable(f"{PREFIX}OBJECT_STORE_URL: {error}") from error


def warn_of_overwriting(store: ObjectStore) -> bool:
    """Whether the store keeps what is there. If not, or if it does not answer, the log says so."""
    try:
        keeps = store.keeps_what_is_there()
    except StorageUnavailable as error:
        log.warning("the object store %s does not answer: %s", store.place, error.reason)
        return False
    if not keeps:
        log.warning(
            "the object store %s overwrites what is there without a word: use one that honours create-only"
            " writes, or let it keep versions",
            store.place,
        )
    return keeps
