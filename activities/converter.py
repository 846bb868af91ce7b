"""How values and errors cross the wire: one plugin for client, worker and replayer (ADR-0008)."""

from dataclasses import replace

import temporalio.api.failure.v1
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DefaultFailureConverter, PayloadConverter
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


data_converter = replace(pydantic_data_converter, failure_converter_class=NamedFailures)
"""Frozen dataclasses with dates, decimals, enums and tuples, and errors by name."""
