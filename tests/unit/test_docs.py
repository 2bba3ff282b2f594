"""The manual is complete and up to date: generated pages, every command, every public SQL object, every link."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from typer.main import get_command

from postai.cli.main import app

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


@pytest.mark.parametrize("page", [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"], ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"
