"""Reports to take away."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query, Response

from postai.observe.overview import RANGES
from postai.observe.report import SECTIONS, read_report
from postai.web.limits import TooOften
from postai.web.reports import FORMATS, Format, as_file
from postai.web.room import Room
from postai.web.visit import InDatabase, Visiting

room = Room("Reports", "reports", "/reports")

Hours = Annotated[int, Query(description="how far back: 1, 24, 168 or 720")]


@dataclass(frozen=True, slots=True)
class Offered:
    """A section as the form names it."""

    title: str
    note: str


@dataclass(frozen=True, slots=True)
class Choices:
    """What may be chosen: sections by name, hours, formats."""

    sections: dict[str, Offered]
    hours: tuple[int, ...]
    formats: tuple[str, ...]


@room.see("/reports", "reports.html")
def reports(_database: InDatabase) -> Choices:
    """The form."""
    return Choices(
        {name: Offered(one.title, one.note) for name, one in SECTIONS.items()}, tuple(RANGES), tuple(FORMATS)
    )


@room.api.get("/report", operation_id="report", response_class=Response)
@room.pages.get("/report")
def report(
    database: InDatabase,
    by: Visiting,
    format: Format = "html",
    hours: Hours = 168,
    section: Annotated[list[str], Query(description="as often as sections are wanted; none = all")] = [],  # noqa: B006
) -> Response:
    """The report as a file; HTML is shown. Thirty of a person at once, then one in four seconds."""
    whose = (*by.session.whose, by.session.person)  # of tokens and links each is its own
    if wait := by.site.reports.take(whose):
        raise TooOften("there were too many reports", hint=f"Try again in {wait} s.")
    told = read_report(database, section, hours)
    with by.site.drawing.one(whose) if format == "pdf" else nullcontext():  # seconds of the processor
        found = as_file(told, format, by.site.templates)
    kind = "inline" if format == "html" else "attachment"
    headers = {"content-disposition": f'{kind}; filename="{found.name}"'}
    if format == "html":
        headers["content-security-policy"] = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    return Response(found.content, media_type=found.media_type, headers=headers)
