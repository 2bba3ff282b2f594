"""Write the files of the extensions `postai` and `postai_plpython` from the SQL sources.

    python packaging/extension/build.py --out "$(pg_config --sharedir)/extension" --socket /run/postai/agent.sock

The scripts of older versions are frozen files; the one of this version is made of sql/*.sql in load order.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import postai
from postai.errors import PostaiError
from postai.setup.sql_files import SqlFiles, find, with_socket_path

HERE = Path(__file__).parent
DEFAULT_SOCKET = Path("/run/postai/agent.sock")


def core_script(files: SqlFiles, version: str) -> str:
    """`postai--VERSION.sql`: everything a new installation needs."""
    frozen = files.versions().get(version)
    parts = [frozen] if frozen else list(files.core())
    body = [files.read(path) for path in parts]
    return _script("CREATE EXTENSION postai", [_own("guard.sql"), *body, _own("dumped.sql"), _note(version)])


def upgrade_script(files: SqlFiles, before: str, after: str) -> str:
    """`postai--BEFORE--AFTER.sql`."""
    body = files.read(files.upgrades()[before, after])
    return _script("ALTER EXTENSION postai UPDATE", [body, _own("dumped.sql"), _note(after)])


def plpython_script(files: SqlFiles) -> str:
    """`postai_plpython--VERSION.sql`; the server puts the control file's path in the place of MODULE_PATHNAME."""
    return _script("CREATE EXTENSION postai_plpython", [files.read(path) for path in files.plpython()])


def build(out: Path, socket: Path) -> tuple[Path, ...]:
    """Write all files.

    Args:
        out: directory, usually the server's share/extension.
        socket: the agent's socket, written into the control file.

    Returns:
        what was written.
    """
    files = find()
    with_socket_path("", socket)  # refuses a path that cannot be written as a literal
    version = postai.__version__
    texts = {
        "postai.control": _control("postai", version, socket),
        "postai_plpython.control": _control("postai_plpython", version, socket),
        f"postai_plpython--{version}.sql": plpython_script(files),
        **{f"postai--{one}.sql": core_script(files, one) for one in (*files.versions(), version)},
        **{f"postai--{a}--{b}.sql": upgrade_script(files, a, b) for a, b in files.upgrades()},
    }
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in sorted(texts.items()):
        (out / name).write_text(text, encoding="utf-8")
        (out / name).chmod(0o644)
        written.append(out / name)
    return tuple(written)


def _own(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _control(name: str, version: str, socket: Path) -> str:
    return _own(f"{name}.control.in").replace("@VERSION@", version).replace("@SOCKET@", str(socket))


def _note(version: str) -> str:
    table = "postai.schema_version (version, installed_as)"
    return f"insert into {table} values ('{version}', 'extension');\n"  # noqa: S608 - our own version number


def _script(command: str, parts: list[str]) -> str:
    head = (
        "-- made by packaging/extension/build.py from sql/ and plpython/; do not edit\n"
        f'\\echo Use "{command}" to load this file. \\quit\n'
        "set local search_path = pg_catalog, pg_temp;\n"
    )
    return "\n".join([head, *parts])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="directory for the files")
    parser.add_argument("--socket", type=Path, default=DEFAULT_SOCKET, help=f"the agent's socket ({DEFAULT_SOCKET})")
    options = parser.parse_args()
    try:
        written = build(options.out, options.socket)
    except (PostaiError, OSError) as error:
        print(f"the extensions were not built: {error}", file=sys.stderr)  # noqa: T201 - a program's own output
        return 1
    for path in written:
        print(path)  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
