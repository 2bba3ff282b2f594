"""What statements use their columns for."""

from __future__ import annotations

import pytest

from postai.errors import Refused
from postai.observe.columns import KnownTable, column_usage, named_tables, schemas_of

TABLES = {
    one.name: one
    for one in (
        KnownTable("farm", "cows", ("id", "name", "barn_id", "born", "weight")),
        KnownTable("farm", "barns", ("id", "name", "size")),
        KnownTable("farm", "milkings", ("cow_id", "at", "litres")),
        KnownTable("odd.Schema", "Odd Table", ("a",)),
    )
}


def find(schema: str | None, name: str) -> KnownTable | None:
    table = TABLES.get(name)
    return table if table is not None and schema in (None, table.schema) else None


def uses(sql: str) -> dict[str, dict[str, set[str]]]:
    found = column_usage(sql, find)
    return {
        table.removeprefix("farm."): {use: set(columns) for use, columns in its.items()} for table, its in found.items()
    }


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "select c.name, b.* from farm.cows c join barns b on b.id = c.barn_id where c.born > $1 order by c.weight",
            {
                "cows": {"reads": {"name"}, "joins": {"barn_id"}, "filters": {"born"}, "sorts": {"weight"}},
                "barns": {"reads": {"name", "size"}, "joins": {"id"}},
            },
        ),
        (
            "with heavy as (select barn_id as b, max(weight) as w from cows where born < $1 group by 1)"
            " select name from heavy, barns where heavy.b = barns.id and w > $2 order by w",
            {
                "cows": {"reads": {"weight"}, "filters": {"born"}, "groups": {"barn_id"}, "joins": {"barn_id"}},
                "barns": {"reads": {"name"}, "joins": {"id"}},
            },
        ),
        (
            "select x.n from (select name as n, id from cows) as x where x.id = $1 order by n",
            {"cows": {"filters": {"id"}, "sorts": {"name"}}},
        ),
        (
            "select count(*) from cows where barn_id in (select id from barns where size > $1)"
            " and exists (select from milkings where cow_id = cows.id)",
            {
                "cows": {"joins": {"barn_id", "id"}},
                "barns": {"joins": {"id"}, "filters": {"size"}},
                "milkings": {"joins": {"cow_id"}},
            },
        ),
        ("select a.id from cows a, cows b where a.barn_id = b.id", {"cows": {"joins": {"barn_id", "id"}}}),
        (
            "select count(*) from cows natural join barns",
            {"cows": {"joins": {"id", "name"}}, "barns": {"joins": {"id", "name"}}},
        ),
        (
            "select count(*) from cows c join milkings m(id, t) using (id)",
            {"cows": {"joins": {"id"}}, "milkings": {"joins": {"cow_id"}}},
        ),
        (
            "select distinct on (barn_id) name, rank() over (partition by born order by weight) from cows"
            " order by 1 limit $1",
            {"cows": {"sorts": {"barn_id", "born", "weight", "name"}}},
        ),
        (
            "select name from cows union all select name from barns order by name",
            {"cows": {"sorts": {"name"}}, "barns": {"sorts": {"name"}}},
        ),
        (
            "select lower(name) from cows where lower(name) = $1 or weight between $2 and $3",
            {"cows": {"filters": {"name", "weight"}}},
        ),
        (
            "select name from cows c where c.weight * 2 > $1 group by name having count(id) > $2",
            {"cows": {"filters": {"weight"}, "groups": {"name"}, "reads": {"id"}}},
        ),
        (
            "insert into cows (id, name) values ($1, $2) returning weight",
            {"cows": {"writes": {"id", "name"}, "reads": {"weight"}}},
        ),
        (
            "insert into milkings select id, now(), $1 from cows where name = $2 on conflict (cow_id)"
            " do update set litres = excluded.litres + milkings.litres",
            {
                "milkings": {"writes": {"cow_id", "at", "litres"}, "filters": {"cow_id"}},
                "cows": {"reads": {"id"}, "filters": {"name"}},
            },
        ),
        (
            "update cows set weight = weight + m.litres from milkings m where m.cow_id = cows.id and m.at > $1",
            {
                "cows": {"writes": {"weight"}, "joins": {"id"}},
                "milkings": {"reads": {"litres"}, "joins": {"cow_id"}, "filters": {"at"}},
            },
        ),
        (
            "delete from milkings using cows where cow_id = cows.id and name = $1",
            {"milkings": {"joins": {"cow_id"}}, "cows": {"joins": {"id"}, "filters": {"name"}}},
        ),
        (
            "merge into barns b using cows c on c.barn_id = b.id when matched and c.weight > $1"
            " then update set size = c.weight"
            " when not matched then insert (id) values (c.barn_id)",
            {
                "barns": {"joins": {"id"}, "writes": {"id", "size"}},
                "cows": {"joins": {"barn_id"}, "filters": {"weight"}},
            },
        ),
        (
            "merge into barns b using cows c on c.barn_id = b.id when not matched then insert values ($1, $2)",
            {"barns": {"joins": {"id"}, "writes": {"id", "name"}}, "cows": {"joins": {"barn_id"}}},
        ),
        (
            "select b.name, l.* from barns b, lateral (select weight from cows where barn_id = b.id) l",
            {"barns": {"reads": {"name"}, "joins": {"id"}}, "cows": {"joins": {"barn_id"}, "reads": {"weight"}}},
        ),
        (
            "with recursive r as (select id from cows where name = $1"
            " union all select c.id from cows c, r where c.barn_id = r.id) select * from r",
            {"cows": {"filters": {"name", "barn_id"}, "reads": {"id"}}},
        ),
        ('select a from "odd.Schema"."Odd Table"', {'"odd.Schema"."Odd Table"': {"reads": {"a"}}}),
        ("select c from cows c", {"cows": {"reads": {"id", "name", "barn_id", "born", "weight"}}}),
        ("select nothing, gone.x from cows, gone, generate_series(1, weight) as g", {"cows": {"reads": {"weight"}}}),
        ("select count(*) from cows", {"cows": {}}),
        ("values ($1)", {}),
    ],
)
def test_usage(sql: str, expected: dict[str, dict[str, set[str]]]) -> None:
    assert uses(sql) == expected


def test_a_with_query_hides_a_table_only_where_it_counts() -> None:
    assert uses("select cows.id from (with cows as (select 1 as id) select * from cows) x, cows") == {
        "cows": {"reads": {"id"}}
    }
    assert uses("with cows as (select id as barn from farm.cows) select barn from cows where barn = $1") == {
        "cows": {"filters": {"id"}}
    }


def test_names_of_tables() -> None:
    assert named_tables("select * from a, s.b where c in (select 1 from a join d on true)") == {
        (None, "a"), ("s", "b"), (None, "d"),
    }  # fmt: skip


def test_schemas_of_a_usage() -> None:
    found = column_usage('select * from "odd.Schema"."Odd Table", cows', find)
    assert set(schemas_of(found)) == {"odd.Schema", "farm"}
    assert schemas_of({'"a""b".c': {}}) == ('a"b',)


@pytest.mark.parametrize("sql", ["select 1; select 2", "select from where", "", "select " + "(" * 1000])
def test_what_cannot_be_parsed_is_refused(sql: str) -> None:
    with pytest.raises(Refused):
        column_usage(sql, find)


def test_deep_statements_are_answered_or_refused() -> None:
    deep = "select id from cows"
    for _ in range(15):
        deep = f"select id from ({deep}) as x where id > 0"
    assert uses(deep) == {"cows": {"filters": {"id"}}}
