"""The harness itself: what a page must not do is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from browser import NARROW, SIDEWAYS, Watched
from browser import window as opened
from web_support import Dashboard


@pytest.mark.parametrize(
    "script",
    [
        "console.error('no')",
        "console.warn('no')",
        "setTimeout(() => { throw new Error('no') })",
        "fetch('http://elsewhere.invalid/').catch(() => 0)",
        "document.body.append(Object.assign(new Image(), {src: 'https://elsewhere.invalid/x.png'}))",
        "document.body.innerHTML += '<p style=\"color: red\">'",
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'alert(1)'}))",
        "alert('no')",
    ],
)
def test_a_fault_is_seen(chromium: Any, dashboard: Dashboard, script: str) -> None:
    seen_as = r"no\b|elsewhere|Content Security Policy"
    with pytest.raises(AssertionError, match=seen_as), opened(chromium, dashboard.address) as seen:
        seen.open("/login")
        seen.page.evaluate(f"() => {{ {script} }}")
        seen.page.wait_for_timeout(200)


def test_findings_and_width_are_seen(window: Callable[..., Watched]) -> None:
    seen = window(None)
    seen.open("/login")
    assert seen.findings() == []
    seen.page.evaluate("document.querySelector('main').innerHTML += '<img src=\"/static/icon.svg\" width=\"900\">'")
    seen.look(NARROW, "light")
    assert seen.page.evaluate(SIDEWAYS) > 0
    assert any("image-alt" in one for one in seen.findings())
