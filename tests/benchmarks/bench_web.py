"""The dashboard with 1,000 statements and 30 days of history: what a slow line shows when, what twenty people wait for.

    python tests/benchmarks/bench_web.py [--clients 20] [--seconds 30] [--rounds 5]

The line: 1.6 Mbit/s with 150 ms, by Chromium's own throttling, cold cache each time. `text` is the first contentful
paint, `chart` the moment in which the first chart stands in the page, both from the start of the navigation; bytes as
they went over the line. Clients: each looks at a page, the pages in turn, and thinks for a second or so;
times are from the request's first byte to the answer's last, over the loopback. Memory is the process's, after them.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

for folder in ("", "database", "web"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
from browser import chromium  # noqa: E402
from stand import resident_mb, stand  # noqa: E402
from test_pages import walk  # noqa: E402
from web_support import Dashboard, Shop, make_shop  # noqa: E402

from postai.database import named_sql  # noqa: E402

HISTORY = Path(__file__).with_name("web_history.sql")
LINE = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 200_000}
"""Bytes a second and milliseconds, as Chromium takes them."""
FIRST_CHART = """
  const look = () => {
    if (document.querySelector("svg.chart, svg.spark, canvas")) window.chartAt = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
"""
PAINTED = "() => [performance.getEntriesByName('first-contentful-paint')[0]?.startTime, window.chartAt]"


def main() -> None:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with stand(15) as own:
        for shop in make_shop(own.server):
            _fill(shop)
            with tempfile.TemporaryDirectory() as place, Dashboard(Path(place), {"store": shop.dsn}) as web:
                print(f"load of the machine: {os.getloadavg()[0]:.1f}")
                _slow_line(web, "/", None, options.rounds)
                _slow_line(web, "/d/store/", "olga", options.rounds)
                assert web.process is not None
                print(f"memory before clients: {resident_mb(web.process.pid):.0f} MB")
                _clients(web, options.clients, options.seconds)
                print(f"memory after that: {resident_mb(web.process.pid):.0f} MB; load {os.getloadavg()[0]:.1f}")


def _fill(shop: Shop) -> None:
    with shop.database.connect() as admin:
        for block in named_sql.parse(HISTORY.read_text(), where=HISTORY.name).values():
            admin.execute(block)


def _slow_line(web: Dashboard, path: str, role: str | None, rounds: int) -> None:
    cookies = [
        {"name": one.name, "value": str(one.value), "url": web.address}
        for one in (web.log_in(role).cookies if role else ())
    ]
    texts, charts, sizes, requests = [], [], [], 0
    for browser in chromium():
        for _ in range(rounds):
            context = browser.new_context()
            context.add_cookies(cookies)
            page = context.new_page()
            page.add_init_script(FIRST_CHART)
            line = context.new_cdp_session(page)
            line.send("Network.enable")
            line.send("Network.emulateNetworkConditions", LINE)
            taken: list[float] = []
            line.on("Network.loadingFinished", lambda told, taken=taken: taken.append(told["encodedDataLength"]))
            page.goto(web.address + path, wait_until="load")
            page.wait_for_timeout(1500)
            text, chart = page.evaluate(PAINTED)
            texts.append(text)
            charts.append(chart and max(chart, text))
            sizes.append(sum(taken))
            requests = len(taken)
            context.close()
    known = [one for one in charts if one is not None]
    shown = f"{statistics.median(known):5.0f} ms (most {max(known):.0f})" if known else "none"
    print(
        f"{path:12} text {statistics.median(texts):5.0f} ms (most {max(texts):.0f}), first chart {shown},"
        f" {statistics.median(sizes) / 1000:.1f} kB in {requests} requests"
    )


def _clients(web: Dashboard, clients: int, seconds: float) -> None:
    pages = walk(web.log_in("olga")).pages
    people = [web.log_in("olga") for _ in range(clients)]
    times: dict[str, list[float]] = {route: [] for route in pages}
    wrong: list[str] = []
    until = time.monotonic() + seconds

    def look(number: int, person: Any) -> None:
        chance = random.Random(number)
        turns = itertools.cycle(pages.items())
        for _ in range(number % len(pages)):
            next(turns)
        time.sleep(chance.random())
        for route, address in turns:
            if time.monotonic() > until:
                return
            begin = time.perf_counter()
            answer = person.get(address)
            times[route].append((time.perf_counter() - begin) * 1000)
            if answer.status != 200:
                wrong.append(f"{answer.status} {address}")
            time.sleep(0.5 + chance.random())

    threads = [threading.Thread(target=look, args=one) for one in enumerate(people)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    print(
        f"{clients} clients for {seconds:g} s, {sum(map(len, times.values()))} pages, {len(wrong)} failed {wrong[:2]}"
    )
    for route, found in sorted(times.items()):
        if found:
            ordered = sorted(found)
            high = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
            print(f"  {route:40} p50 {statistics.median(found):6.0f} ms   p95 {high:6.0f} ms   of {len(found)}")


if __name__ == "__main__":
    main()
