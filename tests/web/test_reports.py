"""Reports: each format is opened, and holds what the database says."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import postgast
import pytest
from browser import Watched
from web_support import Dashboard, Person, Shop

from postai.observe.report import SECTIONS, script_of

LONG = 120_000
"""Milliseconds after which a test gives up waiting; says nothing about how fast things are."""
REPORT = "/d/store/report"
API = "/api/v1/databases/store/report"


@pytest.fixture(scope="module")
def olga(dashboard: Dashboard) -> Person:
    return dashboard.log_in("olga")


def test_html_stands_alone(olga: Person) -> None:
    answer = olga.get(f"{REPORT}?hours=24")
    assert answer.status == 200
    assert answer.text.count("<svg") == len(SECTIONS["load"].columns) - 1, "a line for each figure of the load"
    for kind in SECTIONS.values():
        assert f"<h2>{kind.title}</h2>" in answer.text
    assert not re.search(r"<[^>]*\s(src|href)=", answer.text)
    assert "script-src" not in answer.headers["content-security-policy"]


def test_json_and_csv_hold_the_same(olga: Person) -> None:
    told = json.loads(olga.get(f"{API}?format=json&section=storage").text)
    (section,) = told["sections"]
    lines = list(csv.reader(io.StringIO(olga.get(f"{API}?format=csv&section=storage").text)))
    assert lines[0] == [column["name"] for column in section["columns"]]
    assert [line[0] for line in lines[1:]] == [row[0] for row in section["rows"]]
    assert "public.orders" in {line[0] for line in lines[1:]}


def test_the_script_is_sql(olga: Person, shop: Shop) -> None:
    script = olga.get(f"{REPORT}?format=sql").text
    assert postgast.parse(script) is not None
    open_ones = shop.database.execute("select count(*) from postai.proposals where state <> 'closed'")
    assert script.count("\n\n-- ") == open_ones[0][0]


def test_a_title_cannot_leave_its_comment() -> None:
    script = script_of([(1, "x\n; drop table orders; --", "why\r\ndrop table y", ["select 1"], ["a\nb"])])
    assert [str(one.stmt.WhichOneof("node")) for one in postgast.parse(script).stmts] == ["select_stmt"]


def test_pdf(shop: Shop, tmp_path: Path) -> None:
    pytest.importorskip(
        "weasyprint", reason="no WeasyPrint or no Pango: pip install 'postai[pdf]'", exc_type=(ImportError, OSError)
    )
    from pypdf import PdfReader

    written(shop, "--format", "pdf", "--section", "health", "--section", "storage", "--out", str(tmp_path / "one.pdf"))
    text = "".join(page.extract_text() for page in PdfReader(tmp_path / "one.pdf").pages)
    assert "Storage" in text and "public.orders" in text


def downloaded(seen: Watched, to: Path, form: str, *sections: str) -> Path:
    """The file that the form of the page Reports gives."""
    seen.open("/d/store/reports")
    for name in SECTIONS:
        seen.page.locator(f"[name=section][value={name}]").set_checked(name in sections)
    seen.page.select_option("[name=format]", form)
    seen.page.select_option("[name=hours]", "24")
    with seen.page.expect_download(timeout=LONG) as told:
        seen.page.click("text=Make it", no_wait_after=True)
    file = to / told.value.suggested_filename
    told.value.save_as(file)
    return file


@pytest.mark.parametrize("scripts", [True, False])
def test_each_file_is_taken_in_a_browser_and_opened(
    window: Callable[..., Watched], shop: Shop, tmp_path: Path, scripts: bool
) -> None:
    seen = window("olga", scripts=scripts)
    one = downloaded(seen, tmp_path, "csv", "storage")
    assert one.suffix == ".csv" and "public.orders" in one.read_text()
    with zipfile.ZipFile(downloaded(seen, tmp_path, "csv", "storage", "events")) as archive:
        assert archive.namelist() == ["storage.csv", "events.csv"]
        assert "actor" in archive.read("events.csv").decode().splitlines()[0]
    told = json.loads(downloaded(seen, tmp_path, "json", "health", "storage").read_text())
    assert [section["name"] for section in told["sections"]] == ["health", "storage"]
    script = downloaded(seen, tmp_path, "sql", "proposals").read_text()
    assert "ALTER TABLE" in script and postgast.parse(script) is not None
    seen.open("/d/store/reports")
    seen.page.click("text=Make it")
    seen.page.wait_for_url("**/report?*")
    assert seen.page.locator("h2").all_inner_texts() == [kind.title for kind in SECTIONS.values()]
    assert not seen.sideways()


def test_a_pdf_in_a_browser_holds_the_sections(window: Callable[..., Watched], tmp_path: Path) -> None:
    pytest.importorskip(
        "weasyprint", reason="no WeasyPrint or no Pango: pip install 'postai[pdf]'", exc_type=(ImportError, OSError)
    )
    from pypdf import PdfReader

    pages = PdfReader(downloaded(window(), tmp_path, "pdf", "storage", "events")).pages
    text = " ".join("".join(page.extract_text() for page in pages).split())
    assert "Storage" in text and "public.orders" in text and "proposal.dismissed" in text


def test_rows_are_taken_in_a_browser(window: Callable[..., Watched], tmp_path: Path) -> None:
    seen = window("olga", scripts=False)
    seen.open("/d/store/ask?text=select+id,+name+from+products+order+by+id+limit+3")
    seen.page.click("button[value=run]")
    for form in ("CSV", "JSON"):
        with seen.page.expect_download() as told:
            seen.page.click(f"button:has-text('{form}')")
        file = tmp_path / told.value.suggested_filename
        told.value.save_as(file)
        assert "Thing 3" in file.read_text()


def test_what_is_wrong_is_said(olga: Person, dashboard: Dashboard) -> None:
    assert olga.get(f"{REPORT}?section=nothing").status == 400
    assert olga.get(f"{REPORT}?hours=5").status == 400
    assert olga.get(f"{REPORT}?format=exe").status == 422
    refused = dashboard.log_in("nora").get(REPORT)
    assert refused.status == 403 and "GRANT postai_reader" in refused.words()


def test_from_a_shell(shop: Shop) -> None:
    with zipfile.ZipFile(io.BytesIO(written(shop, "--out", "-", "--format", "csv"))) as archive:
        assert archive.namelist() == [f"{name}.csv" for name in SECTIONS]


def written(shop: Shop, *options: str) -> bytes:
    """What `post-ai report` prints."""
    command = [sys.executable, "-m", "postai.cli.main", "report", *options, "--dsn", f"{shop.dsn} user=olga"]
    environment = {**os.environ, "PGPASSWORD": "olga"}
    return subprocess.run(command, capture_output=True, check=True, env=environment, timeout=300).stdout
