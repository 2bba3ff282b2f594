"""The wheel alone is a working client, and so is an editable install: both find their SQL."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import TestDatabase
from postai import __version__

ROOT = Path(__file__).resolve().parents[2]
BUILD = "import sys; from setuptools import build_meta as b; print(getattr(b, sys.argv[1])(sys.argv[2]))"


@pytest.fixture(scope="module", autouse=True)
def no_python_path() -> Iterator[None]:
    """A PYTHONPATH of the person who runs the tests would hide what is installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        yield


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, so that no build directory of ours disturbs the checkout."""
    copy = tmp_path_factory.mktemp("sources")
    for name in ("agent", "sql", "plpython"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "built"))
    shutil.copytree(ROOT / "assets", copy / "assets", ignore=shutil.ignore_patterns("node_modules"))
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment that has pip and setuptools."""
    environment = tmp_path_factory.mktemp("tools")
    venv.create(environment, with_pip=True)
    if subprocess.run(
        [*pip(environment / "bin" / "python"), "setuptools>=77"], capture_output=True, check=False
    ).returncode:
        pytest.skip("no package index within reach")
    return environment / "bin" / "python"


def pip(tools: Path, *options: str) -> list[str]:
    return [str(tools), "-m", "pip", "-q", "--disable-pip-version-check", *options, "install"]


def build(tools: Path, sources: Path, what: str, into: Path) -> Path:
    """A wheel, built by the setuptools of the new environment."""
    done = subprocess.run(
        [str(tools), "-W", "ignore", "-c", BUILD, what, str(into)],
        cwd=sources, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (wheel,) = into.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def whole(tools: Path, sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tools, sources, "build_wheel", tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module", params=["build_wheel", "build_editable"])
def post_ai(
    request: pytest.FixtureRequest, tools: Path, sources: Path, whole: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The program in a fresh environment that borrows the dependencies of this one."""
    place = tmp_path_factory.mktemp(request.param)
    wheel = whole if request.param == "build_wheel" else build(tools, sources, request.param, place)
    environment = place / "venv"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    subprocess.run([*pip(tools, "--python", str(python)), "--no-deps", "--no-index", str(wheel)], check=True)
    (packages,) = (environment / "lib").glob("python*/site-packages")
    assert not (packages / "psycopg").exists()
    # Later on the path than the package itself, so that the installed postai is the one that is found.
    borrowed = {*site.getsitepackages(), sysconfig.get_path("platlib"), sysconfig.get_path("purelib")}
    (packages / "zz_borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n")
    where = subprocess.run(
        [str(python), "-c", "import postai; print(postai.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    ).stdout
    assert where.startswith(str(packages if request.param == "build_wheel" else sources)), where
    return environment / "bin" / "post-ai"


def run(program: Path, *arguments: str) -> str:
    done = subprocess.run([str(program), *arguments], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_it_says_its_version(post_ai: Path) -> None:
    assert run(post_ai, "--version") == f"post-ai {__version__}\n"
    assert run(post_ai.with_name("postai"), "--version") == f"post-ai {__version__}\n"


@pytest.mark.slow
def test_it_installs_its_sql(post_ai: Path, database15: TestDatabase) -> None:
    planned = run(post_ai, "install", "--dry-run", "--dsn", _passfile(database15, post_ai.parent))
    assert "create schema postai" in planned
    assert "language plpython3u" in planned
    installed = run(post_ai, "install", "--json", "--dsn", _passfile(database15, post_ai.parent))
    assert f'"version_after": "{__version__}"' in installed


def _passfile(database: TestDatabase, folder: Path) -> str:
    file = folder / "passfile"
    file.write_text(f"*:*:*:postgres:{database.server.password()}\n")
    file.chmod(0o600)
    return f"host=127.0.0.1 port={database.server.port} dbname={database.name} user=postgres passfile={file}"


@pytest.mark.slow
def test_the_wheel_carries_everything(whole: Path) -> None:
    held = set(zipfile.ZipFile(whole).namelist())
    for folder in ("sql", "plpython"):
        for file in (ROOT / folder).rglob("*.sql"):
            assert f"postai/_sql/{file.relative_to(ROOT)}" in held
    for file in (ROOT / "agent" / "postai").rglob("*"):
        if file.is_file() and file.suffix != ".pyc" and file.parent.name != "built":
            assert str(file.relative_to(ROOT / "agent")) in held, f"{file.name} is missing in the wheel"
    assert not [name for name in held if name.startswith(("tests", "packaging", "docs", "assets"))]


@pytest.mark.slow
def test_the_wheel_carries_the_scripts_and_not_what_they_are_made_of(whole: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("no npm: the wheel has no scripts")
    built = {Path(name).name for name in zipfile.ZipFile(whole).namelist() if "/static/built/" in name}
    assert "app.js" in built
    assert any(name.startswith("chunk-") for name in built)
    assert not [name for name in built if name.endswith((".mjs", ".map", "package.json"))]


@pytest.mark.slow
def test_the_action_installs_it(tools: Path, sources: Path, tmp_path: Path) -> None:
    """The step "Install" of the action as it is written, on the copy; dependencies are those that are there."""
    text = (ROOT / "packaging" / "action" / "action.yml").read_text("utf-8")
    (step,) = (line.partition(": ")[2] for line in text.splitlines() if line.startswith("      run: python"))
    action = sources / "packaging" / "action"
    action.mkdir(parents=True)
    # pip reads "0" here as its option --no-build-isolation.
    settings = {"PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_TARGET": str(tmp_path)}
    path = f"{tools.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step],
        env={**os.environ, **settings, "PATH": path, "GITHUB_ACTION_PATH": str(action)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "bin" / "post-ai").exists() and (tmp_path / "postai" / "_sql").is_dir()
