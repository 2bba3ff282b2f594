"""The lists of reads.txt, held against real servers."""

from __future__ import annotations

import re
from pathlib import Path

from conftest import superuser
from postai.setup.server import LocalServer
from postai.sql.reads import KEYED_SETTINGS
from postai.sql.reads_catalog import Lists

SIGNATURES = """
select proname || '(' || pg_catalog.oidvectortypes(proargtypes) || ')', provolatile::text, prosrc
from pg_catalog.pg_proc where oid < 16384 and pronamespace = 'pg_catalog'::regnamespace
"""
MOMENT = re.compile(
    r"now|clock|timeofday|statement_|transaction_|current|session|txid|xact|snapshot|random|uuid|nextval|pg_|inet_|"
    r"has_|_tz\(|populate|to_record"
)


def signatures(server: LocalServer) -> dict[str, str]:
    with superuser(server) as connection:
        return {name: volatility for name, volatility, _ in connection.execute(SIGNATURES).fetchall()}


def test_every_listed_function_is_stable_and_exists(pg15: LocalServer, pg18: LocalServer) -> None:
    lists = Lists.load()
    old, new = signatures(pg15), signatures(pg18)
    for one in lists.stable | lists.unreachable:
        found = {servers[one] for servers in (old, new) if one in servers}
        # What is volatile takes time with time zone; some became immutable.
        assert found and found <= ({"s", "i", "v"} if one in lists.unreachable else {"s", "i"}), (one, found)
        assert not MOMENT.search(one), one
    assert {one for one in lists.stable if "time with time zone" in one} == set()


def test_nothing_stable_is_missed_by_a_change_of_versions(pg15: LocalServer, pg18: LocalServer) -> None:
    """What the older server has as stable and the newer one as immutable, or the other way round, was looked at."""
    lists = Lists.load()
    old, new = signatures(pg15), signatures(pg18)
    changed = {one for one in old.keys() & new.keys() if {old[one], new[one]} == {"s", "i"}}
    assert {one for one in changed if not lists.keeps("s", one)} == set()


def test_types_exist(server: LocalServer) -> None:
    lists = Lists.load()
    with superuser(server) as connection:
        rows = connection.execute(
            "select typname, typtype::text, p.provolatile::text from pg_type t "
            "join pg_proc p on p.oid = t.typinput "
            "where typnamespace = 'pg_catalog'::regnamespace and t.oid < 16384"
        ).fetchall()
    inputs = {name: (kind, volatility) for name, kind, volatility in rows}
    assert lists.plain_types | lists.date_types <= inputs.keys()
    assert {inputs[name][0] for name in lists.plain_types | lists.date_types} <= {"b", "r", "m"}
    # These read text by more than the text: by settings, or as what they are ranges of does.
    dependent = {name for name in lists.plain_types if inputs[name][1] != "i" and inputs[name][0] == "b"}
    assert dependent == {"interval", "money"}


def test_settings_exist_and_are_documented(server: LocalServer) -> None:
    page = (Path(__file__).parents[2] / "docs" / "cacheable.md").read_text()
    with superuser(server) as connection:
        for name in KEYED_SETTINGS:
            assert connection.execute("select current_setting(%s)", [name]).fetchone()
            assert f"`{name}`" in page
