"""Streams into the store and out of it: zstd, then age, then parts; memory does not grow with the size."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, cast

import pyrage
import zstandard

from activities.backup.keys import IDENTITY, Keys
from activities.backup.manifest import Manifest
from activities.backup.parts import PART_BYTES, Part, PartsReader, PartsWriter, Sink, Told
from activities.backup.store import ObjectStore
from workflows.domain.errors import BackupDamaged, BackupKeyWrong, UncloseError

CHUNK = 1 << 17
"""Bytes read from a database's copy at once: what stays in a processor's cache is compressed faster."""


@dataclass(frozen=True)
class Sealed:
    """A stream as it has been stored."""

    raw_bytes: int
    parts: tuple[Part, ...]
    sha256: str
    recipients: tuple[str, ...]


class Vault:
    """The store, and the keys that lock and unlock what lies in it."""

    def __init__(self, store: ObjectStore, keys: Keys, part_bytes: int = PART_BYTES) -> None:
        self.store, self.keys, self._part_bytes = store, keys, part_bytes

    def require_readable(self, backup: str) -> None:
        """What is encrypted here can be decrypted here, or it could never be proven.

        Raises:
            RecipientUnreadable, BackupKeyMissing, BackupKeyUnreadable, BackupKeyWrong: why not.
        """
        locks = self.keys.lock()
        if locks:
            try:
                pyrage.decrypt(pyrage.encrypt(b"", locks), self.keys.unlock(backup))
            except pyrage.DecryptError as error:
                raise BackupKeyWrong(IDENTITY, backup, self.keys.recipients) from error

    def seal(self, source: BinaryIO, stem: str, told: Told) -> Sealed:
        """Compress, encrypt and store a stream. Blocking; run it in a thread.

        Raises:
            RecipientUnreadable: a recipient is no public key.
            NoRoom, StorageUnavailable: the store.
        """
        locks = self.keys.lock()
        counted = _Counted(source.read, told)
        # In a thread of its own, so that the next piece is compressed while this one is encrypted.
        compressor = zstandard.ZstdCompressor(level=3, write_checksum=True, threads=1)
        packed = compressor.stream_reader(cast(BinaryIO, counted), read_size=CHUNK)
        writer = PartsWriter(self.store, stem, ".zst.age" if locks else ".zst", self._part_bytes)
        try:
            if locks:
                pyrage.encrypt_io(packed, writer, locks)
            else:
                shutil.copyfileobj(packed, writer, CHUNK)
        except (pyrage.EncryptError, OSError) as error:
            writer.abandon()
            raise counted.failure or writer.failure or error from error
        except BaseException:
            writer.abandon()
            raise
        parts, digest = writer.finish()
        return Sealed(counted.bytes, parts, digest, self.keys.recipients)

    def unseal(self, manifest: Manifest, sink: Sink, told: Told) -> None:
        """Read a backup back into the sink. Blocking; run it in a thread.

        What reaches the sink before an error is raised must be thrown away.

        Raises:
            BackupDamaged: a part is not what was written.
            BackupKeyMissing, BackupKeyUnreadable, BackupKeyWrong: it cannot be decrypted.
        """
        keys = self.keys.unlock(manifest.id) if manifest.recipients else []
        reader = PartsReader(manifest.id, self.store, manifest.parts, told)
        counted = _CountedSink(sink)
        try:
            unpacking = zstandard.ZstdDecompressor().stream_writer(cast(BinaryIO, counted), closefd=False)
            if keys:
                pyrage.decrypt_io(reader, unpacking, keys)
            else:
                shutil.copyfileobj(reader, unpacking, CHUNK)
        except UncloseError:
            raise
        except Exception as error:
            raise _unreadable(manifest, reader, counted, error) from error
        finally:
            reader.close()
        if counted.failure is not None:
            raise counted.failure
        if counted.bytes != manifest.raw_bytes:
            reason = f"it unpacks to {counted.bytes} bytes instead of {manifest.raw_bytes}"
            raise BackupDamaged(manifest.id, "its data", reason)


def _unreadable(
    manifest: Manifest, reader: PartsReader, sink: "_CountedSink", error: Exception
) -> BaseException:
    """What really went wrong: the cipher tells its neighbours' errors only as text."""
    known = reader.failure or sink.failure
    if known is not None:
        return known
    if isinstance(error, pyrage.DecryptError):
        return BackupKeyWrong(IDENTITY, manifest.id, manifest.recipients)
    if isinstance(error, OSError | zstandard.ZstdError):
        # Its digests fit, so it is what was written; then it was not what its manifest says.
        return BackupDamaged(manifest.id, "its data", str(error))
    return error


class _Counted:
    """A source that counts what is read, and keeps its error for whoever hides it."""

    def __init__(self, read: Callable[[int], bytes], told: Told) -> None:
        self._read, self._told = read, told
        self.bytes = 0
        self.failure: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._read(size)
            self._told(len(data))
        except BaseException as error:
            self.failure = error
            raise
        self.bytes += len(data)
        return data


class _CountedSink:
    """A sink that counts what is written, and keeps its error for whoever hides it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.bytes = 0
        self.failure: BaseException | None = None

    def write(self, data: bytes, /) -> int:
        try:
            self._sink.write(data)
        except BaseException as error:
            self.failure = self.failure or error
            raise
        self.bytes += len(data)
        return len(data)

    def flush(self) -> None:
        self._sink.flush()
