"""A report in the formats that people take away: HTML, PDF, CSV, JSON, SQL. Each is made of the same sections."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from postai.errors import FeatureMissing
from postai.observe.report import Report, Section, Value
from postai.web.cells import unarmed

if TYPE_CHECKING:
    from postai.web.rendering import Templates

Format = Literal["html", "pdf", "csv", "json", "sql"]


@dataclass(frozen=True, slots=True)
class File:
    """A report as a file: its name without a place, its media type, what it holds."""

    name: str
    media_type: str
    content: bytes


def as_file(report: Report, form: Format, templates: Templates | None = None) -> File:
    """The report in that format; CSV of several sections is a zip archive with one file for each.

    Args:
        templates: of a site that has some already; HTML and PDF are made with them.

    Raises:
        FeatureMissing: PDF without the packages of the extra `pdf`, HTML without those of `web`.
    """
    stem = f"report-{report.made_at:%Y-%m-%d}"
    if form == "csv" and len(report.sections) > 1:
        return File(f"{stem}-csv.zip", "application/zip", _archive(report))
    write, media_type = FORMATS[form]
    return File(f"{stem}.{form}", media_type, write(report, templates))


def as_html(report: Report, templates: Templates | None = None) -> bytes:
    """One page with its style and its charts in it."""
    try:
        from postai.web.rendering import Templates
    except ImportError as error:
        raise FeatureMissing(
            "a report in HTML needs packages that are not installed",
            detail=str(error),
            hint="pip install 'postai[web]', or take --format json.",
        ) from None
    return (templates or Templates()).render("report.html", report=report).encode()


def as_pdf(report: Report, templates: Templates | None = None) -> bytes:
    """The same page on A4, with its head repeated over long tables and numbers of pages."""
    try:
        import weasyprint
    except (ImportError, OSError) as error:  # OSError: the package is there and Pango's library is not
        raise FeatureMissing(
            "a report in PDF needs WeasyPrint and Pango's library",
            detail=str(error).splitlines()[0],
            hint="pip install 'postai[pdf]'; Debian: apt-get install libpango-1.0-0 libpangoft2-1.0-0.",
        ) from None
    pdf: bytes = weasyprint.HTML(string=as_html(report, templates).decode(), url_fetcher=_nothing).write_pdf()
    return pdf


def as_csv(section: Section) -> bytes:
    """Rows of one section (RFC 4180), values as they are: milliseconds, bytes, shares of 1, ISO 8601."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column.name for column in section.columns])
    for row in section.rows:
        writer.writerow([unarmed(one) if isinstance(one, str) else _plain(one) for one in row])
    return out.getvalue().encode()


def as_json(report: Report) -> bytes:
    """Everything, values as they are."""
    return json.dumps(asdict(report), default=_plain, ensure_ascii=False, indent=1).encode()


FORMATS: dict[Format, tuple[Callable[[Report, Templates | None], bytes], str]] = {
    "html": (as_html, "text/html; charset=utf-8"),
    "pdf": (as_pdf, "application/pdf"),
    "csv": (lambda report, _: as_csv(report.sections[0]), "text/csv; charset=utf-8"),
    "json": (lambda report, _: as_json(report), "application/json"),
    "sql": (lambda report, _: report.script.encode(), "application/sql; charset=utf-8"),
}


def _archive(report: Report) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for section in report.sections:
            archive.writestr(f"{section.name}.csv", as_csv(section))
    return out.getvalue()


def _plain(value: Value) -> Value:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else value


def _nothing(url: str, *_: object, **__: object) -> dict[str, object]:
    raise ValueError(f"a report loads nothing: {url[:80]}")
