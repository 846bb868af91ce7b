"""Refuses bodies that are too large as a problem document; the framework itself would answer plain text."""

import re

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problem_answers import BODY_LIMIT, respond
from service.refusals import BodyTooLarge


class BodyLimit:
    """Looks at the length that is announced, and counts what comes if none is."""

    def __init__(self, app: ASGIApp, limit: int = BODY_LIMIT, files: int = BODY_LIMIT) -> None:
        self._app, self._limit, self._files = app, limit, files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._files if _FILES.search(scope["path"]) else self._limit
        if _announced(scope) > limit:
            refusal = respond(Request(scope), BodyTooLarge(limit))
            await refusal(scope, receive, send)
        else:
            await self._app(scope, _counting(receive, limit), send)


_FILES = re.compile(r"/requests/[^/]+/attachments$")
"""Where files are sent to, which may be larger than what people write."""


def _counting(receive: Receive, limit: int) -> Receive:
    seen = 0

    async def receive_some() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise HTTPException(413)
        return message

    return receive_some


def _announced(scope: Scope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0
