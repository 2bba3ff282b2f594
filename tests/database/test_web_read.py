"""Overview, queries and schema over HTTP: what each role sees, filters, ranges, live parts, hostile names."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator

import pytest
from web_support import Answer, Dashboard, Person, Shop

BASE = "/d/store"
API = "/api/v1/databases/store"


@pytest.fixture(scope="module")
def olga(dashboard: Dashboard) -> Person:
    return dashboard.log_in("olga")


@pytest.fixture(scope="module")
def rita(dashboard: Dashboard) -> Person:
    return dashboard.log_in("rita")


@pytest.fixture(scope="module")
def nora(dashboard: Dashboard) -> Person:
    return dashboard.log_in("nora")


def _page(person: Person, path: str) -> str:
    answer = person.get(BASE + path)
    assert answer.status == 200, answer.words()[:500]
    return answer.words()


def _json(person: Person, path: str) -> dict[str, object]:
    answer = person.get(API + path)
    assert answer.status == 200, answer.text
    found: dict[str, object] = answer.json
    return found


# The overview.


def test_the_overview_shows_what_there_is(olga: Person) -> None:
    text = _page(olga, "/")
    for part in ("Agent answers", "Health", "Load", "Proposals", "Statements", "Caches", "Actions", "Events"):
        assert part in text
    assert "5.0 times slower" in text
    assert "lower(note) = $1" in text
    found = _json(olga, "/")
    assert found["agent"]["reachable"] is True  # type: ignore[index]
    top = {one["queryid"]: one for one in found["statements"]}  # type: ignore[attr-defined]
    assert top[101]["share"] > top[102]["share"]
    assert 104 not in top, "postai's own statements are not ranked"
    load = [one["active"] for one in found["load"] if one["active"] is not None]  # type: ignore[attr-defined]
    assert load[:2] == [pytest.approx(0.5)] * 2
    shared_buffers = found["caches"][0]  # type: ignore[index]
    assert shared_buffers["hit_rate"] > 0.9
    kinds = {one["kind"]: one["saved_ms_per_day"] for one in found["proposals"]}  # type: ignore[attr-defined]
    assert kinds["drop_index"] is None, "what saves no time is not said to save all of it"


def test_a_reader_sees_figures_and_no_texts_of_others(rita: Person) -> None:
    text = _page(rita, "/")
    assert "lower(note)" not in text and "its text is for operators" in text
    assert "lower(note)" not in rita.get(f"{API}/").text


def test_without_rights_a_page_says_what_to_do(nora: Person) -> None:
    text = _page(nora, "/")
    assert "GRANT postai_reader TO nora;" in text and "PostgreSQL" in text
    for path in ("/queries", "/queries/101"):
        answer = nora.get(BASE + path)
        assert answer.status == 403 and "GRANT postai_reader" in answer.words()
    assert "public.orders" in _page(nora, "/schema")


def test_other_hours_and_no_others(olga: Person) -> None:
    for hours in (1, 168, 720):
        assert _json(olga, f"/?hours={hours}")["hours"] == hours
    answer = olga.get(f"{API}/?hours=5")
    assert answer.status == 400 and "720" in answer.json["error"]["hint"]


def test_a_page_has_headers_without_a_body(olga: Person, dashboard: Dashboard) -> None:
    for path in (f"{BASE}/", f"{BASE}/queries?hours=24", "/login", "/about/"):
        head, whole = olga.send("HEAD", path), olga.get(path)
        assert (head.status, head.text) == (200, "") and whole.text
        assert head.headers["content-type"] == whole.headers["content-type"]
    stranger = Person(dashboard.address).send("HEAD", f"{BASE}/queries")
    assert stranger.status == 303 and "/login?next=" in stranger.location
    assert olga.send("HEAD", f"{BASE}/live/overview").status == 405, "a stream has no length to tell"


def test_connections_are_tested_with_ones_own_login(nora: Person, olga: Person) -> None:
    assert "connected" in _page(nora, "/connections")
    answer = olga.get(f"{API}/connections")
    assert [(one["name"], one["server"]["role"]) for one in answer.json] == [("store", "olga")]


# Live parts.


class _Stream:
    """Server-sent events as they come."""

    def __init__(self, person: Person, path: str) -> None:
        host = person.address.removeprefix("http://")
        self._connection = http.client.HTTPConnection(host, timeout=60)
        cookies = "; ".join(f"{one.name}={one.value}" for one in person.cookies)
        self._connection.request("GET", path, headers={"cookie": cookies, "accept": "text/event-stream"})
        self.response = self._connection.getresponse()

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def next(self) -> tuple[str, object]:
        name, data = "", ""
        while line := self.response.readline().decode():
            if line.startswith("event: "):
                name = line[7:].strip()
            elif line.startswith("data: "):
                data = line[6:]
            elif line == "\n":
                return name, json.loads(data)
        raise AssertionError("the stream ended")


def test_parts_come_by_themselves_and_end_with_the_login(dashboard: Dashboard) -> None:
    person = dashboard.log_in("olga")
    with _Stream(person, f"{BASE}/live/overview?hours=24") as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        name, parts = stream.next()
        assert name == "parts" and isinstance(parts, dict)
        assert "Agent" in parts["state"] and "lower(note)" in parts["statements"]
        assert "alert(5)</script>" not in parts["statements"]
        person.get(f"{BASE}/")
        assert person.post("/logout").status == 303
        for _ in range(4):
            name, told = stream.next()
            if name == "over":
                break
        assert (name, told) == ("over", "Your login is over.")


def test_a_stream_tells_that_the_server_does_not_answer_and_goes_on(dashboard: Dashboard, shop: Shop) -> None:
    person = dashboard.log_in("uwe")
    with _Stream(person, f"{BASE}/live/overview") as stream:
        assert stream.next()[0] == "parts"
        shop.database.execute("alter role uwe nologin")
        try:
            shop.database.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'uwe'")
            _, told = _until(stream, "trouble")
            assert "The server does not answer" in str(told)
        finally:
            shop.database.execute("alter role uwe login")
        _, parts = _until(stream, "parts")
        assert isinstance(parts, dict) and set(parts) >= {"state", "load", "health"}, "all parts, as after a new start"


def _until(stream: _Stream, wanted: str) -> tuple[str, object]:
    """The next event of that name with something in it."""
    for _ in range(20):
        name, data = stream.next()
        if name == wanted and data:
            return name, data
    raise AssertionError(f"no {wanted}")


def test_nobody_gets_parts_without_a_login(dashboard: Dashboard) -> None:
    with _Stream(Person(dashboard.address), f"{BASE}/live/overview") as stream:
        assert stream.next() == ("over", "Your login is over.")
    assert Person(dashboard.address).get("/d/nowhere/live/overview").status == 400


def test_the_oldest_of_five_streams_makes_room(dashboard: Dashboard) -> None:
    person = dashboard.log_in("uwe")
    streams = [_Stream(person, f"{BASE}/live/overview") for _ in range(4)]
    try:
        for one in streams:
            assert one.next()[0] == "parts"
        with _Stream(person, f"{BASE}/live/overview") as fifth:
            assert fifth.next()[0] == "parts"
            name, why = streams[0].next()
            assert name == "over" and "Too many" in str(why)
    finally:
        for one in streams:
            one.__exit__()


# Queries.


def _ids(person: Person, query: str) -> list[int]:
    found = _json(person, f"/queries?{query}")["statements"]
    return [one["queryid"] for one in found if 100 < one["queryid"] < 200]  # type: ignore[attr-defined]


def test_the_ranking_sorts_and_filters(olga: Person) -> None:
    assert _ids(olga, "sort=total&hours=1") == [101, 103, 102]
    assert _ids(olga, "sort=calls&hours=1") == [103, 102, 101]
    assert _ids(olga, "sort=temp&hours=1")[0] == 101
    assert _ids(olga, "mean_ms=20&hours=1") == [101]
    assert _ids(olga, "total_ms=1e12&hours=1") == []
    assert _ids(olga, "user=olga&hours=1") == [103]
    assert _ids(olga, "table=public.customers&hours=1") == [102]
    assert _ids(olga, "text=LOWER(NOTE)&hours=1") == [101]
    early = _json(olga, "/queries?hours=24&text=lower")["statements"][0]["mean_ms"]  # type: ignore[index]
    assert early == pytest.approx(24, abs=1), "8 ms in the first hour, 40 ms in the second one"
    for wrong in ("since=yesterday", "since=2026-01-02&until=2026-01-01", "since=1000-01-01"):
        assert olga.get(f"{API}/queries?{wrong}").status == 400
    assert olga.get(f"{API}/queries?sort=age").status == 422


def test_a_reader_cannot_find_out_texts_by_filters(rita: Person) -> None:
    assert _ids(rita, "text=lower(note)&hours=1") == []
    assert _ids(rita, "table=public.orders&hours=1") == []
    assert _ids(rita, "hours=1") == [101, 103, 102]


def test_a_page_of_the_ranking_has_links_to_sort_and_to_each(olga: Person) -> None:
    answer = olga.get(f"{BASE}/queries?hours=1&mean_ms=1")
    assert "?hours=1&amp;mean_ms=1&amp;sort=calls" in answer.text
    assert f'href="{BASE}/queries/101?hours=1"' in answer.text
    assert "&lt;script&gt;alert(5)" in answer.text or "alert(5)" not in answer.text


def test_the_page_of_a_statement(olga: Person) -> None:
    text = _page(olga, "/queries/101?hours=2")
    assert "lower(note) = $1" in text
    assert "5.0 times slower" in text and "Run ANALYZE" in text
    assert "Seq Scan on orders" in text and "cost 1 234" in text
    assert "A column is compared inside a function" in text and "SELECT *" in text
    assert "public.orders" in text
    assert "another plan" in text and "Index Scan using orders_status" in text
    assert "mark plan" in olga.get(f"{BASE}/queries/101?hours=2").text
    assert re.search(r"mark slower", olga.get(f"{BASE}/queries/101?hours=2").text)
    found = _json(olga, "/queries/101?hours=2")
    assert found["figures"]["mean_ms"] == pytest.approx(24, abs=1)  # type: ignore[index]
    assert found["figures"]["slowest_ms"] == pytest.approx(40)  # type: ignore[index]
    missing = olga.get(f"{API}/queries/99")
    assert missing.status == 400 and "no statement 99" in missing.json["error"]["message"]


def test_two_ranges_are_compared(olga: Person, shop: Shop) -> None:
    ((then, middle, now),) = shop.database.execute(
        "select to_char(t - interval '2 hours', f), to_char(t - interval '1 hour', f), to_char(t, f)"
        "  from (select now() at time zone 'UTC' as t, 'YYYY-MM-DD\"T\"HH24:MI:SS' as f) as n"
    )
    query = f"before_since={then}&before_until={middle}&after_since={middle}&after_until={now}"
    found = _json(olga, f"/queries/101?{query}")
    assert found["before"]["mean_ms"] == pytest.approx(8, abs=1)  # type: ignore[index]
    assert found["after"]["mean_ms"] == pytest.approx(40, abs=1)  # type: ignore[index]
    assert "+4" in _page(olga, f"/queries/101?{query}"), "five times, so about +400 %"


def test_a_reader_sees_a_statements_figures_only(rita: Person) -> None:
    answer = rita.get(f"{BASE}/queries/101?hours=2")
    assert answer.status == 200
    assert "lower(note)" not in answer.text and "Seq Scan on" not in answer.text
    assert "other people's texts are for operators" in answer.words()


# The schema.


def test_tables_with_sizes_and_growth(olga: Person) -> None:
    found = _json(olga, "/schema?sort=growth")
    first = found["relations"][0]  # type: ignore[index]
    assert (first["name"], first["growth"]) == ("public.orders", 50000)
    assert first["table_bytes"] > 0 and first["index_bytes"] > 0 and first["rows"] > 0
    kinds = {one["relation"]: one["kind"] for one in found["relations"]}  # type: ignore[attr-defined]
    assert kinds["page_views"] == "partitioned" and kinds["monthly_revenue"] == "view"
    assert "page_views_2025_12" not in kinds


def test_names_of_anything_are_found(olga: Person) -> None:
    found = _json(olga, "/schema?text=CUSTOMER_ID")["found"]
    assert {"column"} <= {one["kind"] for one in found}  # type: ignore[attr-defined]
    answer = olga.get(f"{BASE}/schema?text=script")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text and "<script>alert" not in answer.text
    assert "There is none." in _page(olga, "/schema?text=%25")


def test_the_page_of_a_table(olga: Person) -> None:
    text = _page(olga, "/schema/table?name=public.orders")
    for part in (
        "Orders, one row each",
        "orders_pkey",
        "PRIMARY KEY (id)",
        "refers to it",
        "monthly_revenue",
        "shopkeeper",
        "insert",
    ):
        assert part in text
    partitioned = _json(olga, "/schema/table?name=public.page_views")
    assert len(partitioned["partitions"]) == 14  # type: ignore[arg-type]
    view = _json(olga, "/schema/table?name=public.monthly_revenue")
    assert "SELECT" in view["table"]["definition"]  # type: ignore[index]
    assert olga.get(f"{BASE}/schema/table?name=public.nothing").status == 400


def test_statistics_are_those_that_the_role_may_read(nora: Person, olga: Person) -> None:
    def known(person: Person) -> list[object]:
        columns = _json(person, "/schema/table?name=public.orders")["columns"]
        return [one["distinct"] for one in columns]  # type: ignore[attr-defined]

    assert any(one is not None for one in known(olga))
    assert all(one is None for one in known(nora))


def test_a_hostile_name_stays_a_name(olga: Person) -> None:
    path = "/schema/table?name=public.%22%3Cscript%3Ealert(1)%3C/script%3E%22"
    answer = olga.get(BASE + path)
    assert answer.status == 200
    assert "<script>alert" not in answer.text and "<img src=x" not in answer.text
    assert "a table of somebody who tries" in answer.words()


def test_a_locked_table_does_not_hold_the_pages_up(olga: Person, shop: Shop) -> None:
    with shop.database.connect() as holder:
        holder.execute("begin; lock table coupons in access exclusive mode")
        assert "locked" in _page(olga, "/schema/table?name=public.coupons")
        assert "public.coupons" in _page(olga, "/schema?sort=name&of=public")
        holder.execute("rollback")


def _diagram(person: Person, query: str) -> Answer:
    answer = person.get(f"{BASE}/schema/diagram?{query}")
    assert answer.status == 200, answer.words()[:300]
    return answer


def test_a_diagram_is_drawn_without_scripts(olga: Person) -> None:
    near = _diagram(olga, "name=public.orders").text
    assert '<svg class="diagram"' in near and ">order_items<" in near and ">warehouses<" not in near
    assert ">warehouses<" in _diagram(olga, "name=public.orders&depth=2").text
    found = _json(olga, "/schema/diagram?name=public.orders")
    assert {one["name"] for one in found["keys"]} >= {"orders_customer_id_fkey", "order_items_order_id_fkey"}  # type: ignore[attr-defined]
    assert olga.get(f"{API}/schema/diagram?depth=3").status == 422


@pytest.fixture
def crowd(shop: Shop) -> Iterator[None]:
    shop.database.execute(
        "create schema crowd; create table crowd.hub (id int primary key);"
        " do $$ begin for i in 1..120 loop execute format("
        " 'create table crowd.t%s (id int primary key, hub_id int references crowd.hub)', i); end loop; end $$;"
        " grant usage on schema crowd to public"
    )
    yield
    shop.database.execute("drop schema crowd cascade")


def test_a_diagram_of_many_tables_stays_small(olga: Person, crowd: None) -> None:
    found = _json(olga, "/schema/diagram?name=crowd.hub")
    assert len(found["tables"]) == 40 and found["left_out"] == 81  # type: ignore[arg-type]
    assert "81 more tables" in _diagram(olga, "name=crowd.hub").text
