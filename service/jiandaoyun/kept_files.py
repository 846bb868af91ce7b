"""Files of form records in the object store, beside the backups."""

import asyncio
import hashlib

from typing_extensions import override

from activities.backup.store import AlreadyStored, ObjectStore
from service.jiandaoyun.attachments import AttachmentKeeper


class ObjectStoreKeeper(AttachmentKeeper):
    """Each under its case and its own digest, so that nothing is overwritten and nothing kept twice."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @override
    async def keep(self, case: str, name: str, mime: str, content: bytes) -> None:
        """Raises StorageUnavailable."""
        place = f"attachments/{case}/{hashlib.sha256(content).hexdigest()}/{name}"
        try:
            await asyncio.to_thread(self._store.put_new, place, content)
        except AlreadyStored:
            return
