"""A long stream as a row of objects: each written once, under its own digest, and checked when it is read.

Parts keep memory small whatever the size, need no unfinished uploads that a bucket would keep unseen, and say
where a byte has changed.
"""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from activities.backup.store import AlreadyStored, NotStored, ObjectStore
from workflows.domain.errors import BackupDamaged

PART_BYTES = 16 << 20
"""Two of them are in memory at once: one being filled, one on its way."""

Told = Callable[[int], None]
"""Called with the number of bytes that have moved on; raises to stop the stream."""


@dataclass(frozen=True)
class Part:
    """One object of the row."""

    name: str
    bytes: int
    sha256: str


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> int: ...

    def flush(self) -> None: ...


class PartsWriter:
    """Takes a stream and stores it in parts. Nothing counts before `finish` has returned."""

    def __init__(self, store: ObjectStore, stem: str, suffix: str, part_bytes: int = PART_BYTES) -> None:
        self._store, self._stem, self._suffix, self._part_bytes = store, stem, suffix, part_bytes
        self._buffer, self._parts = bytearray(), list[Part]()
        self._whole = hashlib.sha256()
        self._uploader, self._upload = ThreadPoolExecutor(1, "backup-upload"), list[Future[None]]()
        self.failure: BaseException | None = None

    def write(self, data: bytes, /) -> int:
        # What encrypts swallows the errors of what it writes to: they are kept for `finish`.
        try:
            self._buffer += data
            if len(self._buffer) >= self._part_bytes:
                self._send()
        except BaseException as error:
            self.failure = self.failure or error
            raise
        return len(data)

    def flush(self) -> None:
        """Parts go out when they are full."""

    def finish(self) -> tuple[tuple[Part, ...], str]:
        """All parts in order, and the SHA-256 of the whole. Raises what went wrong on the way."""
        try:
            if self.failure is None and (self._buffer or not self._parts):
                self._send()
            self._settle()
            if self.failure is not None:
                raise self.failure
        finally:
            self._uploader.shutdown()
        return tuple(self._parts), self._whole.hexdigest()

    def abandon(self) -> None:
        """Wait for what is on its way; what was stored stays a draft that the next attempt removes."""
        self._uploader.shutdown(cancel_futures=True)

    def _send(self) -> None:
        self._settle()
        data, self._buffer = self._buffer, bytearray()
        self._whole.update(data)
        name = f"{self._stem}-{len(self._parts) + 1:05d}{self._suffix}"
        part = Part(name, len(data), hashlib.sha256(data).hexdigest())
        self._parts.append(part)
        self._upload.append(self._uploader.submit(_store_once, self._store, part, data))

    def _settle(self) -> None:
        while self._upload:
            self._upload.pop().result()


def _store_once(store: ObjectStore, part: Part, data: bytearray) -> None:
    try:
        store.put_new(part.name, data)
    except AlreadyStored:
        # The answer to the first try was lost: nobody else knows this name.
        if hashlib.sha256(store.get(part.name)).hexdigest() != part.sha256:
            raise


class PartsReader:
    """Gives a row of parts as one stream; no byte leaves before the digest of its part has been checked."""

    def __init__(self, backup: str, store: ObjectStore, parts: Sequence[Part], told: Told) -> None:
        self._backup, self._store, self._told = backup, store, told
        self._coming = list(parts)
        self._fetcher = ThreadPoolExecutor(1, "backup-download")
        self._next: Future[bytes] | None = None
        self._data, self._at = memoryview(b""), 0
        self.failure: BaseException | None = None
        """Why reading stopped; what decrypts tells it only as text."""

    def read(self, size: int = -1) -> bytes:
        try:
            if self._at == len(self._data) and not self._advance():
                return b""
        except BaseException as error:
            self.failure = error
            raise
        end = len(self._data) if size < 0 else min(len(self._data), self._at + size)
        piece = bytes(self._data[self._at : end])
        self._at = end
        return piece

    def close(self) -> None:
        self._fetcher.shutdown(cancel_futures=True)

    def _advance(self) -> bool:
        if self._next is None and not self._fetch():
            return False
        assert self._next is not None
        data, self._next = self._next.result(), None
        self._fetch()
        self._told(len(data))
        self._data, self._at = memoryview(data), 0
        return True

    def _fetch(self) -> bool:
        if not self._coming:
            return False
        self._next = self._fetcher.submit(_read_checked, self._backup, self._store, self._coming.pop(0))
        return True


def _read_checked(backup: str, store: ObjectStore, part: Part) -> bytes:
    place = part.name.rsplit("/", 1)[-1]
    try:
        data = store.get(part.name)
    except NotStored:
        raise BackupDamaged(backup, place, "it is not in the store") from None
    if len(data) != part.bytes:
        raise BackupDamaged(backup, place, f"it has {len(data)} bytes instead of {part.bytes}")
    if hashlib.sha256(data).hexdigest() != part.sha256:
        raise BackupDamaged(backup, place, "its SHA-256 is not the one written down")
    return data
