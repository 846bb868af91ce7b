"""One small interface over object stores: a local folder, or a bucket that speaks S3.

Nothing is ever overwritten: a name is written once or not at all. Calls block, so they run in threads.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, S3Store

from workflows.domain.errors import NoRoom, StorageUnavailable

_NO_SPACE = ("os error 28", "os error 122", "StorageFull", "InsufficientStorage", "QuotaExceeded")
"""How a full disk, an exhausted quota and a full bucket say so."""
_PATIENCE = timedelta(seconds=30)


class AlreadyStored(Exception):
    """The name is taken; what was there is still there."""


class NotStored(Exception):
    """Nothing is stored under the name."""


@dataclass(frozen=True)
class Object:
    """Something stored, by name and size in bytes."""

    name: str
    bytes: int


class ObjectStore:
    """Objects under names with slashes. Each call may raise StorageUnavailable."""

    def __init__(self, place: str, store: LocalStore | S3Store, prefix: str = "", folder: Path | None = None):
        self.place = place
        """Where it is, for people; without secrets."""
        self._store, self._prefix, self._folder = store, prefix, folder

    def put_new(self, name: str, data: bytes | bytearray | memoryview) -> None:
        """Store under a name that is free.

        Raises:
            AlreadyStored: it is not free; the first content stays.
            NoRoom: the disk or bucket is full; nothing was stored.
        """
        try:
            obstore.put(self._store, self._full(name), data, mode="create", use_multipart=False)
        except AlreadyExistsError as error:
            raise AlreadyStored(name) from error
        except (BaseError, OSError) as error:
            raise self._failure(error) from error

    def get(self, name: str) -> bytes:
        """The whole object. Raises NotStored."""
        try:
            return bytes(obstore.get(self._store, self._full(name)).bytes())
        except FileNotFoundError as error:
            raise NotStored(name) from error
        except (BaseError, OSError) as error:
            raise self._failure(error) from error

    def list(self, prefix: str) -> tuple[Object, ...]:
        """Everything below a folder, in order of names."""
        try:
            found = obstore.list(self._store, prefix=self._full(prefix)).collect()
        except FileNotFoundError:
            return ()
        except (BaseError, OSError) as error:
            raise self._failure(error) from error
        cut = len(self._prefix)
        return tuple(sorted((Object(o["path"][cut:], o["size"]) for o in found), key=lambda o: o.name))

    def delete(self, names: Iterable[str]) -> None:
        """Remove what is there of these; what is not there is as wished."""
        for name in names:
            try:
                obstore.delete(self._store, self._full(name))
            except FileNotFoundError:
                continue
            except (BaseError, OSError) as error:
                raise self._failure(error) from error

    def sweep(self, folder: str) -> None:
        """Remove what a killed writer left of objects that never came to be; empty folders too.

        Only a local folder has such things: there an object is written beside its name and then linked to it.
        """
        if self._folder is None:
            return
        place = self._folder / self._full(folder)
        for left in place.glob("*#*"):
            left.unlink(missing_ok=True)
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()

    def keeps_what_is_there(self) -> bool:
        """Whether the store honours "create only"; some overwrite in silence, and nobody would notice."""
        name = f"probe/{uuid4().hex}"
        self.put_new(name, b"first")
        try:
            self.put_new(name, b"second")
        except AlreadyStored:
            return self.get(name) == b"first"
        else:
            return False
        finally:
            self.delete([name])
            self.sweep("probe")

    def _full(self, name: str) -> str:
        return self._prefix + name

    def _failure(self, error: Exception) -> Exception:
        said = str(error)
        if any(mark in said for mark in _NO_SPACE):
            return NoRoom(self.place)
        return StorageUnavailable(said.split("\n", 1)[0][:300])


def open_store(url: str) -> ObjectStore:
    """The store behind `file:///folder` or `s3://bucket/prefix?endpoint=…&region=…`.

    Credentials of S3 come from the ordinary environment (AWS_ACCESS_KEY_ID and its like), never from the URL.

    Raises:
        ValueError: the URL names no store; the text says what was expected.
        StorageUnavailable: the folder cannot be made.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return _open_folder(parts.netloc, unquote(parts.path))
    if parts.scheme == "s3" and parts.hostname and not parts.username and not parts.password:
        return _open_bucket(parts.hostname, parts.path.strip("/"), parse_qs(parts.query))
    raise ValueError("write file:///folder or s3://bucket/prefix?endpoint=…, without credentials")


def _open_folder(host: str, path: str) -> ObjectStore:
    if host or not path.startswith("/"):
        raise ValueError("a folder is written file:///absolute/path")
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return ObjectStore(str(folder), LocalStore(folder), folder=folder)
    except (OSError, BaseError) as error:
        raise StorageUnavailable(f"{folder}: {error}") from error


_BUCKET_OPTIONS = frozenset({"endpoint", "region"})


def _open_bucket(bucket: str, prefix: str, query: dict[str, list[str]]) -> ObjectStore:
    unknown = sorted(query.keys() - _BUCKET_OPTIONS)
    if unknown:
        raise ValueError(f"s3:// takes endpoint and region, not {', '.join(unknown)}")
    endpoint = query.get("endpoint", [os.environ.get("AWS_ENDPOINT_URL", "")])[0]
    store = S3Store(
        bucket,
        region=query.get("region", [os.environ.get("AWS_REGION", "us-east-1")])[0],
        virtual_hosted_style_request=False,
        config={"endpoint": endpoint} if endpoint else {},
        client_options={"allow_http": endpoint.startswith("http://"), "timeout": timedelta(minutes=5)},
        retry_config={"max_retries": 4, "retry_timeout": _PATIENCE},
    )
    place = f"s3://{bucket}/{prefix}" if prefix else f"s3://{bucket}"
    return ObjectStore(place, store, prefix=f"{prefix}/" if prefix else "")
