"""Pages from templates: filters in the units that people read, undefined names are errors."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from postai.database.amounts import bytes_text, seconds_text
from postai.web import charts, diagram, worldmap

if TYPE_CHECKING:
    from postai.web.room import Room
    from postai.web.site import Site
    from postai.web.visit import Visit


_PIECES = re.compile(r"[^._]*[._]|[^._]+")


class Templates:
    """The templates with their filters, and the addresses of static files; a site has one, which keeps what it made."""

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}
        self._made = jinja2.Environment(
            loader=jinja2.PackageLoader("postai.web"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,  # files that an upgrade replaces are for the process that is started then
        )
        self._made.filters.update(
            bytes=_or_dash(bytes_text),
            ms=_or_dash(lambda amount: seconds_text(amount / 1000)),
            seconds=_or_dash(seconds_text),
            number=_or_dash(number),
            percent=_or_dash(_percent),
            when=when,
            moment=moment,
            shifted=lambda at, seconds: f"{(at + timedelta(seconds=seconds)).astimezone(UTC):%Y-%m-%dT%H:%M}",
            time=_or_dash(short_time),
            pair=lambda point, field: (point.at, getattr(point, field)),
            pair_of=lambda one, first, second: (getattr(one, first), getattr(one, second)),
            props=_props,
            breakable=breakable,
        )
        self._made.globals.update(
            here=here,
            draw_diagram=lambda it, link: diagram.draw(it, lambda name: link + quote(name)),
            world_map=lambda edges: worldmap.world_map(edges, self._outlines),
            sparkline=charts.sparkline,
            line_chart=charts.line_chart,
            bar=charts.bar,
            asset=self.asset,
            has_asset=has_asset,
        )
        self._made.globals.update(
            number_text=number, percent_text=_percent, time_text=short_time, bytes_text=bytes_text
        )
        from postai.web.rooms import ROOMS

        self._made.globals["rooms"] = ROOMS

    def render(self, template: str, **values: Any) -> str:
        """The text of a template, with these values."""
        return self._made.get_template(template).render(**values)

    def asset(self, name: str) -> str:
        """Address of a static file, with a mark of its content so that browsers may keep it for ever."""
        if name not in self._marks:
            self._marks[name] = hashlib.sha256(_file(name).read_bytes()).hexdigest()[:12]
        return f"/static/{name}?{self._marks[name]}"

    @cached_property
    def _outlines(self) -> worldmap.Frame | None:
        return worldmap.read_frame()


def page(
    request: Request,
    template: str,
    *,
    room: Room | None = None,
    visit: Visit | None = None,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """A whole page, or the part that htmx asked for (the template decides by `part`)."""
    site: Site = request.app.state.site
    text = site.templates.render(
        template,
        request=request,
        site=site,
        room=room,
        visit=visit,
        nonce=request.state.nonce,
        part=request.headers.get("hx-target") if request.headers.get("hx-request") else None,
        now=datetime.now(UTC),
        base=base_of(visit),
        **values,
    )
    return HTMLResponse(text, status_code=status)


def base_of(visit: Visit | None) -> str:
    """What the addresses of the visit's database begin with; "" without a visit."""
    return f"/d/{quote(visit.database, safe='')}" if visit else ""


def here(request: Request, **changes: object) -> str:
    """The query of an address of this very page with some parameters changed; None or "" takes one away."""
    kept = {**request.query_params, **changes}
    return "?" + urlencode({name: str(value) for name, value in kept.items() if value not in (None, "")})


def _or_dash(text: Any) -> Any:
    return lambda value: "–" if value is None else text(value)


def number(value: float) -> str:
    """A number with narrow spaces between thousands; three digits of what is small."""
    if isinstance(value, int) or float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.3g}"


def _percent(part: float) -> str:
    return f"{part * 100:.1f} %" if 0 < part < 0.0995 or 0.9 < part < 1 else f"{part * 100:.0f} %"


def short_time(ms: float) -> str:
    """A time of a call: three digits of what is less than a second."""
    return seconds_text(ms / 1000) if ms >= 1000 else f"{ms:.0f} ms" if ms >= 100 else f"{ms:.3g} ms"


def moment(seconds: float) -> str:
    """A moment (seconds since the epoch) by date and time, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def when(value: datetime | None, now: datetime | None = None) -> Markup:
    """A moment as its distance from now, with the exact one beside it for a pointer and for machines."""
    if value is None:
        return Markup("–")
    distance = ((now or datetime.now(UTC)) - value).total_seconds()
    text = (
        f"{seconds_text(distance)} ago"
        if distance >= 1
        else "now"
        if distance > -1
        else f"in {seconds_text(-distance)}"
    )
    exact = value.astimezone(UTC).isoformat(timespec="seconds")
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(exact, text)


def breakable(name: str) -> Markup:
    """A name that may be broken after its dots and underscores; copied, it is as it was."""
    return Markup("<wbr>").join(_PIECES.findall(name))


def _props(value: object) -> str:
    """JSON for an island's `data-props` attribute (escaped by the template)."""
    return json.dumps(value, default=str, ensure_ascii=False)


def has_asset(name: str) -> bool:
    """Whether that file was built: without, pages work without scripts."""
    return _file(name).is_file()


def _file(name: str) -> Traversable:
    return resources.files("postai.web").joinpath("static", name)
