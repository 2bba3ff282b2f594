"""The dashboard with 1,000 statements and 30 days of history: what a slow line shows when, what each page costs, what
twenty people wait for.

    python tests/benchmarks/bench_web.py [--clients 20] [--seconds 40] [--rounds 5]

The line: 1.6 Mbit/s with 150 ms, by Chromium's own throttling, cold cache each time. `text` is the first contentful
paint, `chart` the moment in which the first chart stands in the page, `complete` the load event, all from the start of
the navigation; bytes as they went over the line.

Alone: one person opens each page some times. Wall time is from the request's first byte to the answer's last, over the
loopback, on a connection that stays open, as browsers keep it; CPU is that of the dashboard and of the server, all of
their threads and processes, so that it holds on a busy machine, too.

Clients: people with roles of their own, so that no page is read for somebody else; each looks at a page, the pages in
turn, and thinks for a second or so. Memory is the process's, after them.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode, urlsplit

for folder in ("", "database", "web"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
from browser import chromium  # noqa: E402
from stand import Stand, resident_mb, stand  # noqa: E402
from test_pages import walk  # noqa: E402
from web_support import OWNER, Dashboard, Person, Shop, make_shop  # noqa: E402

from postai.database import connect, named_sql  # noqa: E402
from postai.deadline import Deadline  # noqa: E402
from postai.history.prune import prune  # noqa: E402

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
PAINTED = """() => [performance.getEntriesByName('first-contentful-paint')[0]?.startTime, window.chartAt,
  performance.getEntriesByType('navigation')[0].loadEventEnd]"""
AS_SERVICE = {"MALLOC_ARENA_MAX": "2"}
"""As packaging/systemd/post-ai-web.service has it."""
EVERYBODY = {"login": "/login", "landing page": "/about/"}
"""Pages without a login, by their names."""
SENT: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "POST /ask (SQL)": ("/ask", {"text": "select * from orders order by id limit 50"}),
    "POST /ask (explain)": ("/ask", {"text": "select * from orders where id = 7", "how": "explain"}),
    "POST /migrations/lint": ("/migrations/lint", {"ddl": "alter table orders alter column note type varchar(9)"}),
}
"""Forms that are sent, by their names: path below the database, and fields."""


def main() -> None:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with stand(15) as own:
        for shop in make_shop(own.server):
            roles = _fill(shop, options.clients)
            with (
                tempfile.TemporaryDirectory() as place,
                Dashboard(Path(place), {"store": shop.dsn}, environment=AS_SERVICE) as web,
            ):
                assert web.process is not None
                pid = web.process.pid
                print(f"load of the machine: {os.getloadavg()[0]:.1f}; memory at first {resident_mb(pid):.0f} MB")
                _slow_line(web, "/about/", None, options.rounds)
                _slow_line(web, "/d/store/", "olga", options.rounds)
                pages = _pages(web.log_in("olga"))
                _alone(web, own, pages, options.rounds)
                print(f"memory before clients: {resident_mb(pid):.0f} MB")
                _clients(web, own, pages, roles, options.seconds)
                print(f"memory after that: {resident_mb(pid):.0f} MB; load {os.getloadavg()[0]:.1f}")


def _fill(shop: Shop, people: int) -> list[str]:
    """Put the history in; gives the names of operators, whose passwords they are."""
    with shop.database.connect() as admin:
        for block in named_sql.parse(HISTORY.read_text(), where=HISTORY.name).values():
            admin.execute(block)
        roles = [f"person_{number}" for number in range(people)]
        for role in roles:
            admin.execute(f"create role {role} login password '{role}' in role postai_operator, {OWNER}")
    with connect(shop.database.dsn()) as db:  # the agent does so every ten minutes
        ((now,),) = db.query("select now()")
        done = prune(db, now, raw=timedelta(days=365), most_bytes=1 << 50, deadline=Deadline.after(60))
        assert done.finished and done.summed >= 29, done
    with shop.database.connect() as admin:
        admin.execute("analyze")  # as autovacuum would
    return roles


def _pages(olga: Person) -> dict[str, str]:
    """An address of each page."""
    walked = walk(olga)
    if walked.missed or walked.broken:
        raise SystemExit(f"pages without a link: {walked.missed}; broken: {walked.broken}")
    long = {"/queries (30 days)": "/d/store/queries?hours=720", "/report (30 days)": "/d/store/report?hours=720"}
    return {**EVERYBODY, **walked.pages, "/report": "/d/store/report", **long}


def _slow_line(web: Dashboard, path: str, role: str | None, rounds: int) -> None:
    cookies = [
        {"name": one.name, "value": str(one.value), "url": web.address}
        for one in (web.log_in(role).cookies if role else ())
    ]
    texts, charts, wholes, sizes, requests = [], [], [], [], 0
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
            text, chart, whole = page.evaluate(PAINTED)
            texts.append(text)
            wholes.append(whole)
            charts.append(chart and max(chart, text))
            sizes.append(sum(taken))
            requests = len(taken)
            context.close()
    known = [one for one in charts if one is not None]
    print(
        f"{path:12} text {_median_and_most(texts)}, first chart {_median_and_most(known)}, complete"
        f" {_median_and_most(wholes)}, {statistics.median(sizes) / 1000:.1f} kB in {requests} requests"
    )


def _median_and_most(times: list[float]) -> str:
    return f"{statistics.median(times):.0f} ms (most {max(times):.0f})" if times else "none"


class Visitor:
    """Somebody who is logged in, on one connection that stays open."""

    def __init__(self, web: Dashboard, role: str) -> None:
        person = web.log_in(role)
        self._csrf = person.csrf
        cookies = "; ".join(f"{one.name}={one.value}" for one in person.cookies)
        self._headers = {"cookie": cookies, "accept-encoding": "gzip"}
        self._connection = http.client.HTTPConnection(urlsplit(web.address).netloc, timeout=60)

    def get(self, address: str) -> tuple[int, int]:
        """Status and bytes of a page."""
        return self._send("GET", address, None, self._headers)

    def post(self, path: str, fields: Mapping[str, str]) -> tuple[int, int]:
        """Status and bytes of what a form leads to."""
        headers = {**self._headers, "content-type": "application/x-www-form-urlencoded"}
        return self._send("POST", f"/d/store{path}", urlencode({"csrf": self._csrf, **fields}), headers)

    def _send(self, method: str, address: str, body: str | None, headers: Mapping[str, str]) -> tuple[int, int]:
        self._connection.request(method, address, body, dict(headers))
        response = self._connection.getresponse()
        return response.status, len(response.read())


@dataclass(slots=True)
class Costs:
    """What a page took, time by time: milliseconds."""

    wall: list[float] = field(default_factory=list)
    web: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)
    bytes: int = 0


@contextmanager
def _taken(own: Stand, pid: int, costs: Costs) -> Iterator[None]:
    web, server, begun = _cpu_ms([pid]), _cpu_ms(own.server_pids()), time.perf_counter()
    yield
    costs.wall.append((time.perf_counter() - begun) * 1000)
    costs.web.append(_cpu_ms([pid]) - web)
    costs.server.append(_cpu_ms(own.server_pids()) - server)


def _cpu_ms(pids: list[int]) -> float:
    """CPU of processes so far, to the microsecond (the clock of /proc/PID/stat is too coarse for one page)."""
    files = (one for pid in pids for one in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    total = 0
    for file in files:
        try:
            total += int(file.read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
    return total / 1e6


def _alone(web: Dashboard, own: Stand, pages: dict[str, str], rounds: int) -> None:
    assert web.process is not None
    visitor = Visitor(web, "olga")
    costs = {name: Costs() for name in (*pages, *SENT)}
    for _ in range(rounds):
        for name, address in pages.items():
            time.sleep(0.1)  # whatever the last page left to be tidied up is not this one's
            with _taken(own, web.process.pid, costs[name]):
                status, costs[name].bytes = visitor.get(address)
            assert status == 200, f"{status} {address}"
        for name, (path, fields) in SENT.items():
            time.sleep(0.1)
            with _taken(own, web.process.pid, costs[name]):
                status, costs[name].bytes = visitor.post(path, fields)
            assert status == 200, f"{status} {path}"
    print(f"alone, medians of {rounds}: wall, CPU of the dashboard, CPU of the server (ms), kB packed")
    for name, one in sorted(costs.items(), key=lambda pair: -statistics.median(pair[1].wall)):
        wall, dashboard, server = (statistics.median(values) for values in (one.wall, one.web, one.server))
        print(f"  {name:40} {wall:6.0f} {dashboard:6.0f} {server:6.0f} {one.bytes / 1000:7.1f}")


def _clients(web: Dashboard, own: Stand, pages: dict[str, str], roles: list[str], seconds: float) -> None:
    assert web.process is not None
    people = [Visitor(web, role) for role in roles]
    times: dict[str, list[float]] = {name: [] for name in (*pages, *SENT)}
    wrong: list[str] = []
    until = time.monotonic() + seconds

    def look(number: int, person: Visitor) -> None:
        chance = random.Random(number)
        turns = itertools.cycle(times)
        for _ in range(number * len(times) // len(people)):
            next(turns)
        time.sleep(chance.random())
        for name in turns:
            if time.monotonic() > until:
                return
            begin = time.perf_counter()
            status, _ = person.get(pages[name]) if name in pages else person.post(*SENT[name])
            times[name].append((time.perf_counter() - begin) * 1000)
            if status != 200:
                wrong.append(f"{status} {name}")
            time.sleep(0.5 + chance.random())

    threads = [threading.Thread(target=look, args=one) for one in enumerate(people)]
    total = Costs()
    with _taken(own, web.process.pid, total):
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    count = sum(map(len, times.values()))
    print(
        f"{len(people)} clients for {seconds:g} s, {count} pages, {len(wrong)} failed {wrong[:2]}; CPU of a page:"
        f" {total.web[0] / count:.0f} ms of the dashboard, {total.server[0] / count:.0f} ms of the server"
    )
    for name, found in sorted(times.items(), key=lambda pair: -_high(pair[1])):
        print(f"  {name:40} p50 {statistics.median(found):6.0f} ms   p95 {_high(found):6.0f} ms   of {len(found)}")
    every = [one for found in times.values() for one in found]
    print(f"  {'all':40} p50 {statistics.median(every):6.0f} ms   p95 {_high(every):6.0f} ms")


def _high(times: list[float]) -> float:
    """The 95th percentile."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


if __name__ == "__main__":
    main()
