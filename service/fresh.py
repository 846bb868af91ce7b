"""Conditional reads: a tag on what was read, and `304` for who has seen it already (RFC 9110)."""

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Request, Response

from service.texts import Language

_VERSION = version("unclose")
"""Another version may show the same case otherwise."""


class NotModified(Exception):
    """The caller has what would be sent."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__()
        self.headers = headers


class Freshness:
    """Tags one answer; leaves early if the caller has it already."""

    def __init__(self, response: Response, known: str | None) -> None:
        self._response, self._known = response, known

    def of_case(self, case: str, seq: int, language: Language) -> None:
        """A case shows the same until its next event, in one language. Raises NotModified."""
        self._require_news(f'"{case}.{seq}.{language}.{_VERSION}"')

    def of_text(self, text: str) -> None:
        """For what depends on more than a case. Weak, since ages count on. Raises NotModified."""
        self._require_news(f'W/"{hashlib.sha256(text.encode()).hexdigest()[:32]}"')

    def of_bytes(self, sha256: str) -> Mapping[str, str]:
        """For what never changes; the answer is the headers to send with it. Raises NotModified."""
        self._require_news(f'"{sha256}"')
        return {name: self._response.headers[name] for name in ("ETag", "Cache-Control", "Vary")}

    def _require_news(self, tag: str) -> None:
        headers = {
            "ETag": tag,
            "Cache-Control": "private, no-cache",
            "Vary": "Authorization, Accept-Language",
        }
        if _matches(self._known, tag):
            raise NotModified(headers)
        self._response.headers.update(headers)


def _matches(known: str | None, tag: str) -> bool:
    """The weak comparison that `If-None-Match` asks for."""
    if known is None:
        return False
    tags = {part.strip().removeprefix("W/") for part in known.split(",")}
    return "*" in tags or tag.removeprefix("W/") in tags


async def _freshness(
    response: Response,
    if_none_match: Annotated[
        str | None, Header(max_length=2000, description="`ETag` of an answer read before.")
    ] = None,
) -> Freshness:
    return Freshness(response, if_none_match)


TheFreshness = Annotated[Freshness, Depends(_freshness)]


def install(app: FastAPI) -> None:
    """Answer `304` without a body where nothing is new."""
    app.add_exception_handler(NotModified, _on_not_modified)


async def _on_not_modified(_request: Request, found: Exception) -> Response:
    assert isinstance(found, NotModified)
    return Response(status_code=304, headers=dict(found.headers))


def _header(description: str) -> dict[str, Any]:  # Any: OpenAPI
    return {"description": description, "schema": {"type": "string"}}


_HEADERS = {
    "ETag": _header("Send it in `If-None-Match` to read only what is new."),
    "Cache-Control": _header("`private, no-cache`: keep it, and ask before showing it again."),
}

CONDITIONAL: dict[int | str, dict[str, Any]] = {  # Any: OpenAPI
    200: {"headers": _HEADERS},
    304: {"description": "Nothing is new since the `ETag` given; no body.", "headers": _HEADERS},
}
"""What the description of a conditional read says in addition."""
