"""Answers everything that goes wrong with a problem document, in the language the caller prefers."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from itertools import groupby
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from service import refusals as r
from service.problems import ROWS, Failure, FailureClass, Problem, document
from service.refusals import ServiceRefusal
from service.texts import Language, Words
from workflows.domain.errors import StorageUnavailable, UncloseError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
BODY_LIMIT = 1_000_000


def install(app: FastAPI) -> None:
    """Answer everything that goes wrong with a problem document."""
    app.add_exception_handler(UncloseError, _on_failure)
    app.add_exception_handler(ServiceRefusal, _on_failure)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_unexpected)


async def _on_failure(request: Request, failure: Exception) -> Response:
    assert isinstance(failure, UncloseError | ServiceRefusal)
    return respond(request, failure)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    language = preferred_language(request.headers.get("accept-language"))
    return respond(request, r.InvalidRequest(), notes_of(error.errors(), language))


def notes_of(errors: Iterable[Mapping[str, Any]], language: Language) -> list[dict[str, str]]:
    """What pydantic could not read, field by field. Any: as pydantic tells it."""
    return [_note(part, language) for part in errors]


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path, headers = request.url.path, error.headers
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": ", ".join(_methods(request))}
    failures: dict[int, Failure] = {
        HTTPStatus.NOT_FOUND: r.UnknownPath(path),
        HTTPStatus.METHOD_NOT_ALLOWED: r.MethodNotAllowed(request.method, path),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: r.BodyTooLarge(BODY_LIMIT),
        HTTPStatus.BAD_REQUEST: r.InvalidRequest(),
    }
    return respond(request, failures.get(error.status_code, r.Unexpected()), headers=headers)


def _methods(request: Request) -> list[str]:
    """Every method that some route has at this path; the framework names only those of the first route."""
    # A path that stands in the document word for word is itself, not a value of another one's parameter.
    literal = request.app.openapi()["paths"].get(request.url.path)
    if literal is not None:
        return sorted(method.upper() for method in literal)

    def is_possible(method: str) -> bool:
        asked = {**request.scope, "method": method}
        return any(route.matches(asked)[0] == Match.FULL for route in request.app.routes)

    return [method for method in ("DELETE", "GET", "PATCH", "POST", "PUT") if is_possible(method)]


async def _on_unexpected(request: Request, _error: Exception) -> Response:
    return respond(request, r.Unexpected())


def respond(
    request: Request,
    failure: Failure,
    notes: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    language = preferred_language(request.headers.get("accept-language"))
    body = document(failure, language, request.url.path, notes, request.path_params)
    said = {**(headers or {}), "Content-Language": language, **_headers_of(failure, body["status"])}
    return JSONResponse(body, body["status"], headers=said, media_type=MEDIA_TYPE)


def _headers_of(failure: Failure, status: int) -> Mapping[str, str]:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return {"Retry-After": failure.facts["retry_after"]}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": "Signature" if isinstance(failure, r.SignatureRefused) else "Bearer"}
    return {}


_INVALID: Mapping[str, Words] = {
    "missing": Words("This field is required.", "此字段必填。"),
    "unknown_parameter": Words("There is no such parameter.", "没有此参数。"),
    "extra_forbidden": Words("There is no such field.", "没有此字段。"),
    "json_invalid": Words("The body is not JSON.", "请求体不是有效的 JSON。"),
    "string_type": Words("Must be text.", "必须为文本。"),
    "string_too_short": Words(
        "Too short: at least {min_length} characters.", "过短：至少 {min_length} 个字符。"
    ),
    "string_too_long": Words(
        "Too long: at most {max_length} characters.", "过长：至多 {max_length} 个字符。"
    ),
    "string_pattern_mismatch": Words("Does not have the form expected.", "格式不符。"),
    "int_type": Words("Must be a whole number.", "必须为整数。"),
    "int_parsing": Words("Must be a whole number.", "必须为整数。"),
    "bool_type": Words("Must be true or false.", "必须为 true 或 false。"),
    "bool_parsing": Words("Must be true or false.", "必须为 true 或 false。"),
    "list_type": Words("Must be a list.", "必须为列表。"),
    "enum": Words("Must be one of {expected}.", "必须为 {expected} 之一。"),
    "literal_error": Words("Must be one of {expected}.", "必须为 {expected} 之一。"),
    "greater_than_equal": Words("Must be at least {ge}.", "不得小于 {ge}。"),
    "less_than_equal": Words("Must be at most {le}.", "不得大于 {le}。"),
    "too_short": Words("At least {min_length} entries are needed.", "至少需要 {min_length} 项。"),
    "too_long": Words("At most {max_length} entries are allowed.", "至多允许 {max_length} 项。"),
    "model_attributes_type": Words("Must be an object.", "必须为对象。"),
    "dict_type": Words("Must be an object.", "必须为对象。"),
}
_OTHERWISE = Words("This value is not valid.", "该值无效。")


def _note(part: Mapping[str, Any], language: Language) -> dict[str, str]:  # Any: as pydantic tells it
    """One field that cannot be read. What was sent is not repeated: it may be confidential."""
    place, *path = part["loc"] or ("body",)
    if part["type"] == "json_invalid":
        path = []  # the place is a position in the text, not a field
    told = dict(part.get("ctx", {}))
    if language == Language.ZH and "expected" in told:
        told["expected"] = str(told["expected"]).replace(" or ", "、").replace(", ", "、")
    message = _INVALID.get(part["type"], _OTHERWISE).in_(language).format(**told)
    return {"in": str(place), "pointer": "".join(f"/{_escaped(step)}" for step in path), "message": message}


def _escaped(step: object) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")


def preferred_language(accept: str | None) -> Language:
    """The first of zh and en that `Accept-Language` prefers; English if it names neither."""
    ranked = sorted(_ranges(accept or ""), key=lambda choice: -choice[1])
    for tag, weight in ranked:
        if weight > 0 and tag in (Language.ZH, Language.EN):
            return Language(tag)
    return Language.EN


def _ranges(accept: str) -> Iterable[tuple[str, float]]:
    for part in accept.split(","):
        tag, _, parameters = part.partition(";")
        weight = re.search(r"q=([01](?:\.\d+)?)", parameters)
        yield tag.strip().lower().split("-")[0], float(weight[1]) if weight else 1.0


# --------------------------------------------------------------------------- what routes declare


def responses(*classes: FailureClass) -> dict[int | str, dict[str, Any]]:  # Any: OpenAPI
    """The problems that a route gives, for its OpenAPI description; those that all give need no name."""
    return declared(*_ALWAYS, *classes)


def declared(*classes: FailureClass) -> dict[int | str, dict[str, Any]]:  # Any: OpenAPI
    """The same, with nothing added."""
    found: dict[int | str, dict[str, Any]] = {}
    for status, rows in groupby(sorted((ROWS[cls] for cls in classes), key=_status), _status):
        told = "; ".join(f"{row.title.en} (`{row.type}`)" for row in rows)
        schema = {"$ref": "#/components/schemas/Problem"}
        found[status] = {"description": told, "content": {MEDIA_TYPE: {"schema": schema}}}
    return found


_ALWAYS: tuple[FailureClass, ...] = (
    r.Unidentified,
    r.ScopeMissing,
    r.SpeaksForOthers,
    r.UnknownBehalf,
    r.InvalidRequest,
    r.TooManyRequests,
    StorageUnavailable,
    r.SignInUnavailable,
)


def _status(row: Problem) -> int:
    return row.status
