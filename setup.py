"""The wheel carries the SQL of postai: `sql/` and `plpython/` of this directory become `postai/_sql/` in the package.

An editable install needs no copy: `postai.setup.sql_files` finds the folders beside the package.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


class BuildWithSql(build_py):
    """Copies the SQL folders when a wheel is built."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for source, target in self._sql_files():
                self.mkpath(str(target.parent))
                self.copy_file(str(source), str(target))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        return [*super().get_outputs(include_bytecode), *(str(target) for _, target in self._sql_files())]

    def _sql_files(self) -> list[tuple[Path, Path]]:
        into = Path(self.build_lib, "postai", "_sql")
        found = sorted(path for folder in ("sql", "plpython") for path in (ROOT / folder).rglob("*.sql"))
        return [(path, into / path.relative_to(ROOT)) for path in found]


setup(cmdclass={"build_py": BuildWithSql})
