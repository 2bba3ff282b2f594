"""Reports: each format is opened, and holds what the database says."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import postgast
import pytest
from web_support import Dashboard, Person, Shop

from postai.observe.report import SECTIONS, script_of

REPORT = "/d/store/report"
API = "/api/v1/databases/store/report"


@pytest.fixture(scope="module")
def olga(dashboard: Dashboard) -> Person:
    return dashboard.log_in("olga")


def test_html_stands_alone(olga: Person) -> None:
    answer = olga.get(f"{REPORT}?hours=24")
    assert answer.status == 200
    assert "<svg" in answer.text or "Nothing." in answer.text
    for kind in SECTIONS.values():
        assert f"<h2>{kind.title}</h2>" in answer.text
    assert "src=" not in answer.text and "href=" not in answer.text
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


def test_what_is_wrong_is_said(olga: Person, dashboard: Dashboard) -> None:
    assert olga.get(f"{REPORT}?section=nothing").status == 400
    assert olga.get(f"{REPORT}?hours=5").status == 400
    assert olga.get(f"{REPORT}?format=exe").status == 422
    assert dashboard.log_in("nora").get(REPORT).status in {403, 501}


def test_from_a_shell(shop: Shop) -> None:
    with zipfile.ZipFile(io.BytesIO(written(shop, "--out", "-", "--format", "csv"))) as archive:
        assert archive.namelist() == [f"{name}.csv" for name in SECTIONS]


def written(shop: Shop, *options: str) -> bytes:
    """What `post-ai report` prints."""
    command = [sys.executable, "-m", "postai.cli.main", "report", *options, "--dsn", f"{shop.dsn} user=olga"]
    environment = {**os.environ, "PGPASSWORD": "olga"}
    return subprocess.run(command, capture_output=True, check=True, env=environment, timeout=300).stdout
