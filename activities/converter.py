"""How values and errors cross the wire: one plugin for client, worker and replayer (ADR-0008)."""

import temporalio.api.failure.v1
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
    PayloadConverter,
)
from temporalio.exceptions import ApplicationError
from typing_extensions import override

from workflows.domain.errors import Refused, UncloseError


class NamedFailures(DefaultFailureConverter):
    """Domain errors keep their class name and their facts; what is `Refused` is never tried again."""

    @override
    def to_failure(
        self,
        exception: BaseException,
        payload_converter: PayloadConverter,
        failure: temporalio.api.failure.v1.Failure,
    ) -> None:
        if isinstance(exception, UncloseError):
            named = ApplicationError(
                str(exception),
                exception.facts,
                type=type(exception).__name__,
                non_retryable=isinstance(exception, Refused),
            )
            named.__cause__ = exception.__cause__
            named.__traceback__ = exception.__traceback__
            exception = named
        super().to_failure(exception, payload_converter, failure)


_JSON = PydanticJSONPlainPayloadConverter()
"""One for the process. The SDK makes a converter for every case, and to work out how a type is read takes
longer than to read it."""


class SharedTypes(CompositePayloadConverter):
    """Temporal's pydantic converter, with what it has learnt of types kept from case to case."""

    def __init__(self) -> None:
        usual = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(*(_JSON if isinstance(each, JSONPlainPayloadConverter) else each for each in usual))


data_converter = DataConverter(payload_converter_class=SharedTypes, failure_converter_class=NamedFailures)
"""Frozen dataclasses with dates, decimals, enums and tuples, and errors by name."""
