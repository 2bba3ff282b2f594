"""The manual below /manual/, where it was built (`make manual`); elsewhere a page that says how to have it."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from fastapi import FastAPI, Request, Response
from starlette.staticfiles import StaticFiles

from postai.errors import ErrorParts
from postai.web.rendering import page

ADDRESS = "/manual/"


def directory() -> Path:
    """Where the manual lies when it was built."""
    return Path(str(resources.files("postai.web") / "static" / "manual"))


def serve_manual(app: FastAPI, place: Path) -> None:
    """Serve the manual from `place`, or say that it is not there."""
    if (place / "index.html").is_file():
        app.mount(ADDRESS.rstrip("/"), StaticFiles(directory=place, html=True))
    else:
        app.add_api_route(f"{ADDRESS}{{rest:path}}", _missing, include_in_schema=False)


def _missing(request: Request) -> Response:
    parts = ErrorParts(
        "42704",
        "the manual was not built here",
        "It is made of the directory docs of the repository, whose pages can be read as they are.",
        "In a checkout of the repository: make manual, then start post-ai web again.",
    )
    return page(request, "error.html", status=404, error=parts)
