"""Types of fields that forms fill in: what is left empty is not given."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator


def _nothing(value: object) -> object:
    return None if value == "" else value


def _in_utc(value: datetime | None) -> datetime | None:
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def _without_offset(value: datetime | None) -> datetime | None:
    if value is not None and value.tzinfo is not None:
        raise ValueError("give it without an offset: it is in the time zone of the form")
    return value


Moment = Annotated[datetime | None, BeforeValidator(_nothing), AfterValidator(_in_utc)]
"""A moment; without an offset it is UTC."""
LocalTime = Annotated[datetime | None, BeforeValidator(_nothing), AfterValidator(_without_offset)]
"""A date and time in a time zone that is given beside it."""
Text = Annotated[str | None, BeforeValidator(_nothing)]
"""A text, None when it is empty."""
