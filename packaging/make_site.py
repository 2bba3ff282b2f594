"""`make site`: the landing page as files for a plain web server, below which the manual goes (dist/site/manual)."""

from __future__ import annotations

import shutil
import sys
from importlib import resources
from pathlib import Path

from postai.web.landing import rendered
from postai.web.rendering import Templates


def write_site(out: Path) -> None:
    """Write the landing page and the files that it names into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "index.html").write_text(rendered(Templates(), demo=False, static=True))
    for name in ("site.css", "icon.svg"):
        with resources.as_file(resources.files("postai.web") / "static" / name) as source:
            shutil.copyfile(source, out / name)


if __name__ == "__main__":
    write_site(Path(sys.argv[1]))
