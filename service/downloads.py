"""Files as they are handed out: to be saved, never to be shown or run by a browser."""

from collections.abc import Mapping
from urllib.parse import quote

from fastapi import Response


class OctetDownload(Response):
    """Bytes of any kind."""

    media_type = "application/octet-stream"


class ZipDownload(Response):
    media_type = "application/zip"


def saved_as(name: str, digest: str) -> Mapping[str, str]:
    """Headers under which a file is saved by that name, whatever is in it."""
    plain = "".join(sign if (sign.isascii() and sign.isalnum()) or sign in "-_." else "_" for sign in name)
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-store",
        "X-SHA256": digest,
    }
