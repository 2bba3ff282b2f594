"""The manual is complete and up to date: generated pages, every command, every public SQL object, every link."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from typer.main import get_command

from postai.cli.main import app
from postai.errors import ERRORS
from postai.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


docs = load(ROOT / "packaging" / "make_docs.py")
COMMANDS = dict(docs.walk(get_command(app), "post-ai"))


@pytest.mark.parametrize("name", sorted(docs.PAGES))
def test_generated_pages_are_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / "reference" / name).read_text() == docs.PAGES[name](), "run `make docs`"


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_and_option_has_help(command: str) -> None:
    assert COMMANDS[command].help
    for parameter in COMMANDS[command].params:
        assert getattr(parameter, "help", None) or parameter.name == "help", f"{command}: {parameter.name}"


@pytest.mark.parametrize("name", sorted(docs.public_objects()))
def test_every_public_sql_object_has_a_comment(name: str) -> None:
    one = docs.public_objects()[name]
    assert len(one.comment) > 20
    assert "\n\n" not in one.comment
    assert f"postai.{name}" in one.comment, "no example"
    assert one.signatures or one.kind == "view"


def test_every_setting_is_documented() -> None:
    names = [setting[0] for setting in docs.known_settings()]
    assert "ask_timeout" in names
    assert all(len(setting[4]) > 20 for setting in docs.known_settings())


def test_every_key_of_the_configuration_is_documented() -> None:
    for row in docs.settings_page().splitlines():
        if row.startswith("| `"):
            assert len(row.split("|")[4].strip()) > 5, row


def test_every_table_of_the_configuration_is_documented() -> None:
    page = docs.settings_page()
    tables = Settings.model_json_schema(by_alias=True)["$defs"]
    assert len(re.findall(r"^## \[", page, re.MULTILINE)) == len(tables) + 1  # [lint] is free in form
    for name, table in tables.items():
        own = page[page.index(" ".join(table["description"].split())[:30]) :].partition("\n## ")[0]
        assert set(re.findall(r"^\| `(\w+)`", own, re.MULTILINE)) == set(table["properties"]), name


def raised() -> set[str]:
    """Every SQLSTATE that postai itself gives: in SQL, in its own classes of errors, at the edge."""
    found: set[str] = set()
    for folder, pattern in (
        ("sql", r"(?:_raise\(|errcode = |code := )'([0-9A-Z]{5})'"),
        ("plpython", r"(?:_raise\(|errcode = |sqlstate=)['\"]([0-9A-Z]{5})['\"]"),
        ("agent", r"""(?:sqlstate(?:: ClassVar\[str\])? ?=|error_response\(|Refusal\() ?"([0-9A-Z]{5})\""""),
    ):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in (".sql", ".py") and "versions" not in file.parts:
                found.update(re.findall(pattern, file.read_text()))
    return found


def test_troubleshooting_has_every_sqlstate() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    heads = "\n".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    told = set(re.findall(r"`([0-9A-Z]{5})`", heads))
    assert {kind.sqlstate for kind in ERRORS} <= raised()
    assert len(raised()) > 30
    assert raised() - told == set()


@pytest.mark.parametrize("page", [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"], ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"
