"""What pyproject.toml cannot say: the wheel carries sql/ and plpython/ as `postai/_sql`, and scripts of pages."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
NPM_SECONDS = 600


class BuildWithSql(build_py):
    """Adds what lies beside the package in the repository: SQL files, and the scripts made of assets/."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return  # the checkout's own files are used; `make assets` builds the scripts there
        for folder in ("sql", "plpython"):
            for source in sorted((ROOT / folder).rglob("*.sql")):
                target = Path(self.build_lib) / "postai" / "_sql" / source.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                self.copy_file(str(source), str(target))
        self._build_scripts(Path(self.build_lib).absolute() / "postai" / "web" / "static" / "built")

    def _build_scripts(self, out: Path) -> None:
        """Build in a directory of its own; pages work without scripts, so that nothing of this ends the build."""
        npm = shutil.which("npm")
        if npm is None or not (ROOT / "assets").is_dir():
            self.warn("no npm here: the dashboard's pages will be plain")
            return
        with tempfile.TemporaryDirectory() as place:
            assets = Path(place) / "assets"
            shutil.copytree(ROOT / "assets", assets, ignore=shutil.ignore_patterns("node_modules"))
            for command in (["ci", "--prefer-offline"], ["run", "build", "--", str(out)]):
                try:
                    subprocess.run([npm, *command], cwd=assets, check=True, timeout=NPM_SECONDS)
                except (OSError, subprocess.SubprocessError) as error:
                    shutil.rmtree(out, ignore_errors=True)
                    self.warn(f"the dashboard's pages will be plain: {error}")
                    return


setup(cmdclass={"build_py": BuildWithSql})
