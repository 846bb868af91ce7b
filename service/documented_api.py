"""FastAPI with an OpenAPI document that says what is true of all our routes."""

from typing import Any

from fastapi import FastAPI
from typing_extensions import override

from service.schemas import ProblemOut
from service.scopes import KEY, scope_of

Document = dict[str, Any]  # Any: JSON

_REF = "#/components/schemas/{model}"
_STREAM = "text/event-stream"
_TEXT = {"type": "string"}
_EVENT = {
    "description": "One event of the stream; `data` is JSON, `id` what `Last-Event-ID` goes on after.",
    "type": "object",
    "properties": {"event": _TEXT, "data": _TEXT, "id": _TEXT},
    "required": ["event", "data"],
}


class DocumentedAPI(FastAPI):
    @override
    def openapi(self) -> Document:
        if self.openapi_schema is None:
            document = super().openapi()
            _share_problem(document)
            _describe_streams(document)
            _tell_scopes(document)
        return self.openapi_schema or {}


def _share_problem(document: Document) -> None:
    """The one schema that every refusal refers to."""
    schemas = document["components"]["schemas"]
    problem = ProblemOut.model_json_schema(ref_template=_REF)
    schemas |= problem.pop("$defs", {})
    schemas["Problem"] = problem
    document["components"]["schemas"] = dict(sorted(schemas.items()))


def _describe_streams(document: Document) -> None:
    """The framework describes events in the words of OpenAPI 3.2; the document is 3.1."""
    for operations in document["paths"].values():
        for operation in operations.values():
            content = operation["responses"].get("200", {}).get("content", {})
            if _STREAM in content:
                content[_STREAM] = {"schema": _EVENT}


def _tell_scopes(document: Document) -> None:
    """The scope that each operation needs of a token."""
    for operations in document["paths"].values():
        for method, operation in operations.items():
            if "security" in operation:
                operation[KEY] = scope_of(method.upper(), operation).value
