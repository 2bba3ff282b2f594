"""Both installations of the Python package find the SQL files: a wheel carries them, a checkout has them beside it."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from postai.setup import sql_files

ROOT = Path(__file__).parents[2]
FOUND = "from postai.setup.sql_files import find; f = find(); print(f.root); print(*(p.name for p in {}), sep='\\n')"
ALL = "[*f.core(), *f.plpython(), *f.versions().values(), *f.upgrades().values()]"


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def everything() -> list[str]:
    files = sql_files.find()
    paths = [*files.core(), *files.plpython(), *files.versions().values(), *files.upgrades().values()]
    return [path.name for path in paths]


def test_a_checkout_has_them_beside_the_package() -> None:
    assert sql_files.find().root == ROOT
    assert {"10_schema.sql", "90_rights.sql", "10_socket.sql", "0.1.0.sql", "0.1.0--0.2.0.sql"} <= set(everything())


@pytest.mark.slow
def test_a_wheel_carries_them(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("agent", "sql", "plpython"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    new_enough = int(importlib.metadata.version("setuptools").split(".")[0]) >= 77
    run(
        sys.executable,
        "-m",
        "build",
        *(["--no-isolation"] if new_enough else []),
        "--outdir",
        tmp_path,
        ".",
        cwd=source,
    )
    (wheel,) = tmp_path.glob("*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    root, *names = run(python, "-c", FOUND.format(ALL), cwd=tmp_path).split()
    assert Path(root).is_relative_to(tmp_path / "venv")
    assert sorted(names) == sorted(everything())
    # The source distribution builds the same wheel: `build` made the wheel from it.
    assert list(tmp_path.glob("*.tar.gz"))
