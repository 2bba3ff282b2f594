"""The manual as pages: links lead somewhere, nothing comes from elsewhere, the policy of pages lets it run."""

import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from postai.web.headers import Headers
from postai.web.landing import rendered
from postai.web.manual import serve_manual
from postai.web.rendering import Templates

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("material") is None:
        pytest.skip("mkdocs-material is not installed here: pip install 'postai[dev]'")
    out = tmp_path_factory.mktemp("site") / "manual"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


class Loaded(HTMLParser):
    """What a page loads by itself, and what the dashboard's policy would not let run."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.refused: list[str] = []
        self._executed = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in {"script", "img", "iframe", "source", "video", "audio"} and "src" in given:
            self.addresses.append(given["src"])
        if tag == "link" and given.get("rel") in {"stylesheet", "icon", "preload", "preconnect", "manifest"}:
            self.addresses.append(given["href"])
        self._executed = tag == "script" and "src" not in given and given.get("type", "") != "application/json"
        if tag == "style" or any(name == "style" or name.startswith("on") for name in given):
            self.refused.append(self.get_starttag_text() or tag)

    def handle_data(self, data: str) -> None:
        if self._executed and data.strip():
            self.refused.append(data[:60])

    def handle_endtag(self, tag: str) -> None:
        self._executed = False


def test_pages_load_nothing_from_elsewhere_and_run_under_the_policy(manual: Path) -> None:
    pages = sorted(manual.rglob("*.html"))
    assert len(pages) > 60
    for file in pages:
        page = Loaded()
        page.feed(file.read_text())
        assert page.refused == [], file
        for address in page.addresses:
            assert "//" not in address, f"{file}: {address}"
            assert (file.parent / address).exists(), f"{file}: {address}"
    for style in manual.rglob("*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//|@import", style.read_text()), style


def test_every_page_of_docs_is_in_the_manual(manual: Path) -> None:
    for source in (ROOT / "docs").rglob("*.md"):
        name = source.relative_to(ROOT / "docs").with_suffix("")
        assert (manual / ("index.html" if name.name == "index" else f"{name}/index.html")).is_file(), source


def test_what_the_landing_page_names_is_there(manual: Path) -> None:
    named = re.findall(r'href="manual/([^"#]*)[#"]', rendered(Templates(), demo=False, static=True))
    assert {"", "tutorial/", "benchmarks/"} <= set(named)
    for address in named:
        assert (manual / address / "index.html").is_file(), address


def test_the_dashboard_serves_it_where_it_was_built_and_says_how_elsewhere(tmp_path: Path) -> None:
    def asked(address: str, **headers: str) -> Any:
        app = FastAPI()
        app.state.site = SimpleNamespace(templates=Templates())
        app.add_middleware(Headers)
        serve_manual(app, tmp_path)
        with TestClient(app) as client:
            return client.get(address, headers=headers)

    def answer(address: str) -> tuple[int, str]:
        found = asked(address)
        return found.status_code, found.text

    status, text = answer("/manual/edge/")
    assert status == 404
    assert "make manual" in text
    (tmp_path / "edge").mkdir()
    for name in ("index.html", "edge/index.html"):
        (tmp_path / name).write_text(f"page {name}")
    assert answer("/manual/") == (200, "page index.html")
    assert answer("/manual") == (200, "page index.html")
    assert answer("/manual/edge/") == (200, "page edge/index.html")
    assert answer("/manual/%2e%2e/app.py")[0] == 404
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "bundle.0c1d2e3f.min.js").write_text("")
    assert "immutable" in asked("/manual/assets/bundle.0c1d2e3f.min.js").headers["cache-control"]
    assert asked("/manual/assets/gone.0c1d2e3f.min.js").headers["cache-control"] == "no-store"
    page = asked("/manual/edge/")
    assert page.headers["cache-control"] == "no-cache"
    again = asked("/manual/edge/", **{"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")


def section(page: str, anchor: str) -> str:
    """The part of a page of docs/ below the head that has that anchor."""
    for part in re.split(r"^#{2,3} ", page, flags=re.MULTILINE):
        head = part.partition("\n")[0]
        if re.sub(r"[^\w\s-]", "", head).strip().lower().replace(" ", "-") == anchor:
            return part
    raise AssertionError(f"no head has the anchor {anchor}")


def test_figures_of_the_landing_page_are_those_of_the_pages_that_it_links_to() -> None:
    page = rendered(Templates(), demo=False, static=True)
    measured = page[page.index('id="measured"') : page.index('id="compare"')]
    rows = re.findall(r'<tr><td><a href="manual/([^"#]+)/#([^"]+)">(.*?)</tr>', measured)
    assert len(rows) == measured.count("<tr>") - 1 > 6
    price = page[page.index("With a model you pay") : page.index("A budget per day")]
    rows += [(name, anchor, price) for name, anchor in re.findall(r'href="manual/([^"#]+)/#([^"]+)"', price)]
    for name, anchor, text in rows:
        told = section((ROOT / "docs" / f"{name}.md").read_text(), anchor)
        for figure in re.findall(r"\d(?:[\d.,]*\d)?", re.sub(r"<[^>]+>", " ", text)):
            found = re.search(rf"(?<![\d.,]){re.escape(figure)}(?![.,]?\d)", told)
            assert found, f"docs/{name}.md#{anchor} does not say {figure}: correct landing.html"
