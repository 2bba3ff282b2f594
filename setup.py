"""The one thing pyproject.toml cannot say: the wheel carries sql/ and plpython/ as `postai/_sql`."""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


class BuildWithSql(build_py):
    """Copies the SQL files, which lie beside the package in the repository."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return  # the checkout's own files are used
        for folder in ("sql", "plpython"):
            for source in sorted((ROOT / folder).rglob("*.sql")):
                target = Path(self.build_lib) / "postai" / "_sql" / source.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                self.copy_file(str(source), str(target))


setup(cmdclass={"build_py": BuildWithSql})
