"""What MkDocs does not do for the manual by itself; it runs these functions by their names (mkdocs.yml, `hooks`)."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

STATIC = Path(__file__).resolve().parents[1] / "agent" / "postai" / "web" / "static"
INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
# Examples that tests run are marked behind the language, where readers of Markdown do not see it.
MARKED_FENCE = re.compile(r"^```(\w+) (?:run|like|ends)$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The icon is the dashboard's own."""
    files.append(File.generated(config, "icon.svg", abs_src_path=str(STATIC / "icon.svg")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Take the tests' marks off the examples."""
    del page, config, files
    return MARKED_FENCE.sub(r"```\1", markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Scripts into files: the dashboard serves the manual under its own policy, which lets no inline script run."""

    def moved(found: re.Match[str]) -> str:
        name = f"assets/javascripts/page-{hashlib.sha256(found[1].encode()).hexdigest()[:12]}.js"
        target = Path(config.site_dir) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(found[1])
        return f'<script src="{get_relative_url(name, page.url)}"></script>'

    return INLINE_SCRIPT.sub(moved, output)


def on_post_build(config: MkDocsConfig) -> None:
    """Without an address of its own the manual has no list of addresses, and no page for those that are not there."""
    for name in ("404.html", "sitemap.xml", "sitemap.xml.gz"):
        (Path(config.site_dir) / name).unlink(missing_ok=True)
