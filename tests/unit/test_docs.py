"""The manual is complete and up to date: generated pages, every command, every public SQL object, every link."""

import importlib.util
import re
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
        assert getattr(parameter, "help", None) or parameter.name in ("help", "port"), f"{command}: {parameter.name}"


@pytest.mark.parametrize("name", sorted(docs.public_objects()))
def test_every_public_sql_object_has_a_comment(name: str) -> None:
    comment = docs.public_objects()[name]
    assert len(comment) > 20
    assert "\n\n" not in comment


@pytest.mark.parametrize("page", [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"], ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"
