"""A real Chromium for the tests of pages: whatever a page does that it must not do fails the test."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "assets" / "node_modules" / "axe-core" / "axe.min.js"
BUILT = ROOT / "agent" / "postai" / "web" / "static" / "built" / "app.js"
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first one has no window to draw at all, and takes four fifths of the time of the others."""
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
ISLANDS = "() => [...document.querySelectorAll('[data-island]')].every((one) => one.dataset.alive === 'yes')"
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
FINDINGS = """async (rules) => (await axe.run(document, {
        resultTypes: ["violations"], ...(rules && {runOnly: {type: "rule", values: rules}})})).violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => one.id + ": " + one.nodes.map((node) => node.html.slice(0, 200)).join(" | "))"""
BY_LOOKS = ("color-contrast", "link-in-text-block", "scrollable-region-focusable")
"""Rules whose answer depends on the size and the colours; the others need to be asked once a page."""
ARMED = """() => [...document.querySelectorAll("*")].filter((one) =>
        [...one.attributes].some((each) => each.name.startsWith("on")
            || ["href", "src", "action", "formaction"].includes(each.name)
                && /^\\s*(javascript|vbscript):/i.test(each.value))
        || one.localName === "script" && !one.src.startsWith(location.origin + "/static/")
        || ["img", "iframe", "object", "embed", "base"].includes(one.localName)
            && !(one.src ?? "").startsWith(location.origin + "/"))
    .map((one) => one.outerHTML.slice(0, 200))"""
"""What a text of somebody else would have become if it had been taken for HTML; our own pages have none of it."""


def program() -> str:
    """The machine's Chromium; its absence skips the test."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium: apt-get install chromium-headless-shell")
    return found


def chromium() -> Iterator[Any]:
    """A browser without a window, for as long as the generator lives."""
    found = program()
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    with api.sync_playwright() as playwright:
        # Chromium's sandbox does not start as root; the pages are our own.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


class Watched:
    """A window of one person; `with` it, and nothing that a page must not do goes unseen.

    What the test itself provokes is taken out of `faults` by the test.

    Args:
        browser: of Playwright.
        address: of the dashboard; every request that goes elsewhere is a fault.
        scripts: whether pages may run scripts.
        options: more of Playwright's, for the new context.
    """

    def __init__(self, browser: Any, address: str, *, scripts: bool = True, **options: Any) -> None:
        self.address = address
        self.scripts = scripts
        self.faults: list[str] = []
        self.context = browser.new_context(
            java_script_enabled=scripts, base_url=address, **{"viewport": WIDE, "color_scheme": "light", **options}
        )
        self.context.set_default_timeout(15_000)
        self.context.on("page", self._watch)
        self.page = self.context.new_page()

    def _watch(self, page: Any) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        page.on("request", self._asked)
        page.on("dialog", self._opened)

    def _said(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(f"{message.location.get('url', '')}: {message.type}: {message.text}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((f"{self.address}/", "data:", "blob:", "about:")):
            self.faults.append(f"a request to {request.url}")

    def _opened(self, dialog: Any) -> None:
        self.faults.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def log_in(self, role: str, database: str = "store") -> None:
        """As a person does, at the form."""
        self.page.goto("/login")
        self.page.select_option("[name=database]", database)
        self.page.fill("[name=role]", role)
        self.page.fill("[name=password]", role)
        self.page.click("main button")
        self.page.wait_for_url(f"**/d/{database}/")

    def open(self, path: str) -> Any:
        """Go there and wait for the islands; Playwright's response."""
        response = self.page.goto(path)
        self.settle()
        return response

    def settle(self) -> None:
        """Wait for the islands of the page that is there, and look for what a hostile text may have become."""
        if BUILT.exists() and self.scripts:
            self.page.wait_for_function(ISLANDS)
        self.faults += [f"{self.page.url}: armed: {one}" for one in self.page.evaluate(ARMED)]

    def forgive(self, status: int) -> None:
        """Take out what the browser says of an answer with this status, which the test wanted."""
        self.faults[:] = [one for one in self.faults if f"the server responded with a status of {status}" not in one]

    def look(self, width: dict[str, int], scheme: str) -> None:
        """Show the page at that size and in these colours, and let it settle."""
        self.page.set_viewport_size(width)
        self.page.emulate_media(color_scheme=scheme)
        self.page.wait_for_timeout(60)

    def sideways(self) -> list[str]:
        """Whether the page is wider than the window."""
        too_wide = self.page.evaluate(SIDEWAYS) > 0
        return [f"{self.page.viewport_size['width']} px are too few"] if too_wide else []

    def looks(self) -> list[str]:
        """What is wrong with the page wide and light, then narrow and dark: half of the looks show all of it."""
        found = []
        for size, scheme, rules in ((WIDE, "light", None), (NARROW, "dark", BY_LOOKS)):
            self.look(size, scheme)
            found += self.sideways() + [f"{scheme}: {one}" for one in self.findings(rules)]
        self.look(WIDE, "light")
        return found

    def findings(self, rules: tuple[str, ...] | None = None) -> list[str]:
        """What axe-core finds that is serious or critical, by these rules or by all."""
        if not AXE.exists():
            pytest.skip("axe-core is not installed: make assets")
        if self.page.evaluate("() => !window.axe"):
            self.page.evaluate(AXE.read_text("utf-8"))
        found: list[str] = self.page.evaluate(FINDINGS, rules)
        return found


@contextlib.contextmanager
def window(browser: Any, address: str, **options: Any) -> Iterator[Watched]:
    """A window whose faults are looked at when the block ends well."""
    watched = Watched(browser, address, **options)
    try:
        yield watched
        assert not watched.faults, watched.faults
    finally:
        watched.context.close()
