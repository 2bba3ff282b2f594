# ruff: noqa: E501
"""Labelled schema changes for the linter: what each is run on, and which hazards it has.

The labels were checked by running every case on servers of the versions named: locks, rewrites, scans and errors
(`tests/eval/lint_by_running.py`). Of a case that says `static` the linter finds the same without a database.
"""

from __future__ import annotations

from dataclasses import dataclass

SCHEMAS: dict[str, tuple[str, ...]] = {
    "farm": (
        "create table barn (id bigint generated always as identity primary key, label text not null)",
        "insert into barn (label) select 'b' || g from generate_series(1, 300) g",
        "create table animal (id bigint primary key, barn_id bigint, tag varchar(30), weight numeric(8,2), legs int,"
        " born timestamp, chip text, sold boolean not null default false)",
        "insert into animal select g, 1 + g % 300, 't' || g, g, 4, now(), 'c' || g from generate_series(1, 600) g",
    ),
    "yield": (
        "create table milk (cow bigint not null, day date not null, litres numeric not null) partition by range (day)",
        "create table milk_2023 partition of milk for values from ('2023-01-01') to ('2024-01-01')",
        "create table milk_2024 partition of milk for values from ('2024-01-01') to ('2025-01-01')",
        "insert into milk select g, date '2023-01-01' + g % 700, 1 from generate_series(1, 900) g",
    ),
    "milk_2025": (
        "create table milk_2025 (cow bigint not null, day date not null, litres numeric not null)",
        "insert into milk_2025 select g, date '2025-01-01' + g % 300, 1 from generate_series(1, 400) g",
    ),
    "milk_rest": (
        "create table milk_rest partition of milk default",
        "insert into milk_rest select g, date '2030-01-01' + g % 300, 1 from generate_series(1, 400) g",
    ),
    "moods": (
        "create type mood as enum ('calm', 'wild')",
        "create table ride (id bigint primary key, mood mood, note text)",
        "insert into ride select g, 'calm', 'n' from generate_series(1, 200) g",
    ),
    "domains": (
        "create domain kilo as numeric check (value >= 0)",
        "create domain plain as text",
        "create domain must as int not null",
        "create domain unused as int",
        "create table sack (id bigint primary key, weight kilo, name plain)",
        "insert into sack select g, g, 's' from generate_series(1, 200) g",
    ),
    "views": (
        "create view tagged as select id, tag from animal",
        "create view heavy as select a.id, b.label from animal a join barn b on b.id = a.barn_id where a.weight > 9",
    ),
    "summary": (
        "create materialized view herd as select barn_id, count(*) as heads from animal group by barn_id",
        "create unique index herd_barn on herd (barn_id)",
    ),
}


@dataclass(frozen=True)
class Case:
    """One text and its hazards, over the whole text.

    Attributes:
        sql: the text.
        hazards: their names, separated by blanks.
        schema: names of `SCHEMAS`, separated by blanks.
        more: further statements of the set-up.
        pg: the version it is for; 0 = 15 and 18 alike.
        static: whether the linter must say the same without a database.
    """

    sql: str
    hazards: str = ""
    schema: str = "farm"
    more: tuple[str, ...] = ()
    pg: int = 0
    static: bool = False

    @property
    def setup(self) -> tuple[str, ...]:
        """All statements of the set-up."""
        return (*(statement for name in self.schema.split() for statement in SCHEMAS[name]), *self.more)


NOT_NULL_PROOF = "alter table animal add constraint chip_there check (chip is not null)"
BOUNDS = "alter table milk_2025 add constraint bounds check (day >= '2025-01-01' and day < '2026-01-01')"

CASES: tuple[Case, ...] = (
    # index_build_blocks_writes
    Case("CREATE UNIQUE INDEX ON animal (chip)", "index_build_blocks_writes", static=True),
    Case('CREATE INDEX "Odd Name" ON public."animal" USING hash (chip)', "index_build_blocks_writes", static=True),
    Case("CREATE INDEX IF NOT EXISTS animal_born ON animal (born) WHERE sold", "index_build_blocks_writes", static=True),
    Case("CREATE INDEX IF NOT EXISTS animal_born ON animal (born)", more=("create index animal_born on animal (born)",)),
    Case("CREATE INDEX ON milk (cow)", "index_build_blocks_writes", "yield", static=True),
    Case("CREATE INDEX ON ONLY milk (cow)", "", "yield", static=True),
    Case("CREATE INDEX ON herd (heads)", "", "farm summary"),
    Case("CREATE TABLE IF NOT EXISTS pen (id bigint); CREATE INDEX ON pen (id)", "", static=True),
    Case("CREATE TEMP TABLE pen AS SELECT * FROM animal; CREATE INDEX ON pen (id)", "", static=True),
    Case("CREATE TABLE pen (id bigint); ALTER TABLE pen RENAME TO box; CREATE INDEX ON box (id)", "", static=True),
    Case("DROP TABLE animal; CREATE TABLE animal (id bigint); CREATE INDEX ON animal (id)", "drop_table", static=True),
    Case("ALTER TABLE animal ALTER born TYPE timestamptz", "index_build_blocks_writes",
         more=("create index animal_born on animal (born)",)),
    Case("ALTER TABLE animal ALTER tag TYPE text", "index_build_blocks_writes",
         more=("create index animal_lower on animal (lower(tag))",)),
    Case("ALTER TABLE animal ALTER tag TYPE varchar(90)", "index_build_blocks_writes",
         more=("create index animal_some on animal (legs) where tag <> 'x'",)),
    Case("ALTER TABLE animal ALTER tag TYPE text", "", more=("create index animal_tag on animal (tag)",)),
    # index_drop_blocks_all
    Case("DROP INDEX IF EXISTS public.animal_born CASCADE", "index_drop_blocks_all",
         more=("create index animal_born on animal (born)",), static=True),
    Case("DROP INDEX IF EXISTS nothing_here"),
    Case("DROP INDEX CONCURRENTLY IF EXISTS animal_born", more=("create index animal_born on animal (born)",), static=True),
    Case("CREATE TABLE pen (id bigint); CREATE INDEX pen_id ON pen (id); DROP INDEX pen_id", "", static=True),
    Case("DROP INDEX milk_cow", "index_drop_blocks_all", "yield", ("create index milk_cow on milk (cow)",), static=True),
    # reindex_blocks
    Case("REINDEX TABLE animal", "reindex_blocks", static=True),
    Case("REINDEX (VERBOSE) SCHEMA public", "reindex_blocks", static=True),
    Case("REINDEX (CONCURRENTLY TRUE, VERBOSE) TABLE animal", "", static=True),
    Case("REINDEX (CONCURRENTLY false) INDEX animal_pkey", "reindex_blocks", static=True),
    Case("REINDEX TABLE CONCURRENTLY animal", "", static=True),
    # table_rewrite
    Case("ALTER TABLE animal ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid(), ADD COLUMN a int",
         "table_rewrite", static=True),
    Case("ALTER TABLE animal ADD COLUMN luck float8 DEFAULT (random() * 10)", "table_rewrite", static=True),
    Case("ALTER TABLE animal ADD COLUMN seen timestamptz DEFAULT clock_timestamp()", "table_rewrite", static=True),
    Case("ALTER TABLE animal ADD COLUMN seen timestamptz NOT NULL DEFAULT now() + interval '1 day'", "", static=True),
    Case("ALTER TABLE animal ADD COLUMN seen date DEFAULT CURRENT_DATE", "", static=True),
    Case("ALTER TABLE animal ADD COLUMN who text DEFAULT session_user", "", static=True),
    Case("ALTER TABLE animal ADD COLUMN code text DEFAULT next_code()", "table_rewrite",
         more=("create function next_code() returns text language plpgsql as 'begin return 1; end'",), static=True),
    Case("ALTER TABLE animal ADD COLUMN letter text DEFAULT letter()", "",
         more=("create function initial() returns text language sql return 'a'::text",
               "create function letter() returns text language sql as 'select upper(initial())'"), pg=18),
    Case("ALTER TABLE animal ADD COLUMN letter text DEFAULT letter()", "table_rewrite",
         more=("create function letter() returns text language sql as 'select md5(random()::text)'",)),
    Case("ALTER TABLE animal ADD COLUMN letter text DEFAULT letter()", "table_rewrite", pg=15,
         more=("create function letter() returns text language sql as 'select max(chip) from animal'",)),
    Case("CREATE FUNCTION today() RETURNS date LANGUAGE sql RETURN current_date;"
         " ALTER TABLE animal ADD COLUMN since date DEFAULT today()", "", static=True),
    Case("CREATE FUNCTION chance() RETURNS float LANGUAGE sql AS 'select random()';"
         " ALTER TABLE animal ADD COLUMN luck float DEFAULT chance()", "table_rewrite", static=True),
    Case("ALTER TABLE animal ADD COLUMN code text DEFAULT fixed_code()", "",
         more=("create function fixed_code() returns text stable language sql as 'select ''x''::text'",)),
    Case("CREATE FUNCTION fixed_code() RETURNS text IMMUTABLE LANGUAGE sql AS 'select ''x''::text';"
         " ALTER TABLE animal ADD COLUMN code text DEFAULT fixed_code()", "", static=True),
    Case("ALTER TABLE animal ADD COLUMN nr bigint GENERATED BY DEFAULT AS IDENTITY", "table_rewrite", static=True),
    Case("ALTER TABLE animal ADD COLUMN pounds numeric GENERATED ALWAYS AS (weight * 2.2) STORED", "table_rewrite",
         static=True),
    Case("ALTER TABLE animal ADD COLUMN pounds numeric GENERATED ALWAYS AS (weight * 2.2) VIRTUAL", "", pg=18, static=True),
    Case("ALTER TABLE animal ADD COLUMN pounds numeric GENERATED ALWAYS AS (weight * 2.2)", "", pg=18, static=True),
    Case("ALTER TABLE animal ADD COLUMN nr serial NOT NULL", "table_rewrite serial_instead_of_identity", static=True),
    Case("ALTER TABLE ONLY animal ALTER COLUMN legs SET DATA TYPE smallint USING legs::smallint", "table_rewrite",
         static=True),
    Case("ALTER TABLE animal ALTER legs TYPE bigint, ALTER chip SET DEFAULT 'x'", "table_rewrite", static=True),
    Case("ALTER TABLE animal ALTER tag TYPE varchar(60)"),
    Case("ALTER TABLE animal ALTER tag TYPE varchar(20)", "table_rewrite"),
    Case("ALTER TABLE animal ALTER tag TYPE varchar"),
    Case("ALTER TABLE animal ALTER tag TYPE varchar(60) USING tag::varchar(60)"),
    Case("ALTER TABLE animal ALTER tag TYPE varchar(60) USING tag::text", "table_rewrite"),
    Case("ALTER TABLE animal ALTER tag TYPE varchar(60) USING lower(tag)", "table_rewrite", static=True),
    Case("ALTER TABLE animal ALTER chip TYPE varchar(60)", "table_rewrite varchar_limit"),
    Case("ALTER TABLE animal ALTER weight TYPE numeric(12,2)"),
    Case("ALTER TABLE animal ALTER weight TYPE numeric"),
    Case("ALTER TABLE animal ALTER weight TYPE numeric(12,3)", "table_rewrite"),
    Case("ALTER TABLE animal ALTER born TYPE timestamptz"),
    Case("ALTER TABLE animal ALTER born TYPE timestamptz USING born AT TIME ZONE 'Europe/Berlin'", "table_rewrite",
         static=True),
    Case("SET timezone = 'Europe/Berlin'; ALTER TABLE animal ALTER born TYPE timestamptz", "table_rewrite"),
    Case("ALTER TABLE animal ALTER chip TYPE jsonb USING chip::jsonb", "table_rewrite",
         more=("update animal set chip = '{}'",), static=True),
    Case("ALTER TABLE animal ALTER sold TYPE int USING sold::int", "table_rewrite",
         more=("alter table animal alter sold drop default",), static=True),
    Case("ALTER TABLE sack ADD COLUMN net kilo", "table_rewrite", "domains"),
    Case("ALTER TABLE sack ADD COLUMN second plain", "", "domains"),
    Case("ALTER TABLE sack ALTER name TYPE text", "", "domains"),
    Case("ALTER TABLE animal ALTER chip TYPE plain", "", "farm domains"),
    Case("ALTER TABLE animal ALTER weight TYPE kilo", "table_rewrite", "farm domains"),
    Case("CLUSTER animal USING animal_pkey", "table_rewrite", static=True),
    Case("VACUUM (FULL, ANALYZE) animal", "table_rewrite", static=True),
    Case("VACUUM (FULL false, ANALYZE) animal", "", static=True),
    Case("ALTER TABLE animal SET UNLOGGED", "table_rewrite", static=True),
    Case("ALTER TABLE IF EXISTS nothing_here ADD COLUMN a uuid DEFAULT gen_random_uuid()"),
    Case("CREATE TABLE pen (id bigint); ALTER TABLE pen ADD COLUMN a uuid DEFAULT gen_random_uuid()", "", static=True),
    Case("ALTER TABLE animal ADD COLUMN IF NOT EXISTS chip text DEFAULT gen_random_uuid()::text"),
    Case("ALTER TABLE animal ALTER half SET EXPRESSION AS (legs / 4)", "", pg=18,
         more=("alter table animal add column half int generated always as (legs / 2) virtual",)),
    Case("ALTER TABLE animal ALTER half SET EXPRESSION AS (legs / 4)", "table_rewrite", pg=18,
         more=("alter table animal add column half int generated always as (legs / 2) stored",)),
    # set_not_null_scan
    Case("ALTER TABLE animal ADD COLUMN half int GENERATED ALWAYS AS (legs / 2) VIRTUAL NOT NULL", "set_not_null_scan",
         pg=18, static=True),
    Case("ALTER TABLE animal ALTER chip SET NOT NULL, ALTER tag SET NOT NULL", "set_not_null_scan", static=True),
    Case("ALTER TABLE animal ALTER chip SET NOT NULL", more=(NOT_NULL_PROOF,)),
    Case("ALTER TABLE animal ALTER chip SET NOT NULL", "set_not_null_scan", more=(NOT_NULL_PROOF + " not valid",)),
    Case("ALTER TABLE animal ALTER sold SET NOT NULL"),
    Case("ALTER TABLE animal ADD CONSTRAINT chip_there CHECK (chip IS NOT NULL) NOT VALID;"
         " ALTER TABLE animal VALIDATE CONSTRAINT chip_there; ALTER TABLE animal ALTER chip SET NOT NULL;"
         " ALTER TABLE animal DROP CONSTRAINT chip_there;", "", static=True),
    Case("ALTER TABLE animal ADD CONSTRAINT chip_there NOT NULL chip", "set_not_null_scan", pg=18, static=True),
    Case("ALTER TABLE animal ADD CONSTRAINT chip_there NOT NULL chip NOT VALID;"
         " ALTER TABLE animal VALIDATE CONSTRAINT chip_there", "", pg=18, static=True),
    Case("ALTER TABLE animal ADD CONSTRAINT chip_there NOT NULL chip NOT VALID; ALTER TABLE animal ALTER chip SET NOT NULL",
         "set_not_null_scan", pg=18, static=True),
    # check_scan
    Case("ALTER TABLE public.animal ADD CHECK (legs BETWEEN 0 AND 100)", "check_scan", static=True),
    Case("ALTER TABLE animal ADD COLUMN pos int CHECK (pos > 0)", "check_scan", static=True),
    Case("ALTER TABLE animal ADD COLUMN pos int NOT NULL DEFAULT 1 CONSTRAINT pos_ok CHECK (pos > 0)", "check_scan",
         static=True),
    Case("ALTER TABLE milk ADD CONSTRAINT positive CHECK (litres >= 0)", "check_scan", "yield", static=True),
    Case("ALTER TABLE milk ADD CONSTRAINT positive CHECK (litres >= 0) NOT VALID", "", "yield", static=True),
    Case("ALTER TABLE animal ADD CONSTRAINT four CHECK (legs = 4) NOT ENFORCED", "", pg=18, static=True),
    Case("ALTER TABLE animal ADD CONSTRAINT four CHECK (legs = 4) NOT VALID;\nALTER TABLE animal VALIDATE CONSTRAINT four;",
         "", static=True),
    Case("ALTER TABLE animal ALTER tag TYPE text", "check_scan", more=("alter table animal add check (tag <> '')",)),
    Case("ALTER TABLE animal ALTER tag TYPE text", "", more=("alter table animal add check (tag <> '') not valid",)),
    Case("ALTER TABLE animal ALTER tag TYPE varchar(20)", "table_rewrite",
         more=("alter table animal add check (tag <> '')", "create index on animal (lower(tag))")),
    # fk_scan, fk_without_index
    Case("ALTER TABLE animal ADD FOREIGN KEY (barn_id) REFERENCES barn ON DELETE CASCADE", "fk_scan",
         more=("create index on animal (barn_id, tag)",)),
    Case("ALTER TABLE animal ADD CONSTRAINT f FOREIGN KEY (barn_id) REFERENCES barn NOT VALID", "fk_without_index"),
    Case("ALTER TABLE animal ADD CONSTRAINT f FOREIGN KEY (barn_id) REFERENCES barn NOT VALID", "fk_without_index",
         more=("create index on animal (tag, barn_id)",)),
    Case("CREATE INDEX CONCURRENTLY animal_barn ON animal (barn_id);"
         " ALTER TABLE animal ADD CONSTRAINT f FOREIGN KEY (barn_id) REFERENCES barn NOT VALID;"
         " ALTER TABLE animal VALIDATE CONSTRAINT f;", "", static=True),
    Case("ALTER TABLE animal ADD COLUMN second_barn bigint REFERENCES barn", "fk_without_index", static=True),
    Case("ALTER TABLE animal ADD COLUMN second_barn bigint REFERENCES barn;"
         " CREATE INDEX CONCURRENTLY ON animal (second_barn)", "", static=True),
    Case("ALTER TABLE animal ADD COLUMN second_barn bigint DEFAULT 1 REFERENCES barn", "fk_scan fk_without_index",
         static=True),
    Case("CREATE TABLE stall (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, barn_id bigint REFERENCES barn)",
         "fk_without_index", static=True),
    Case("CREATE TABLE stall (barn_id bigint REFERENCES barn, nr bigint, PRIMARY KEY (barn_id, nr))", "", static=True),
    Case("CREATE TABLE stall (id bigint PRIMARY KEY, barn_id bigint REFERENCES barn); CREATE INDEX ON stall (barn_id)",
         "", static=True),
    Case("CREATE TABLE moved (id bigint PRIMARY KEY); INSERT INTO moved SELECT id FROM animal;"
         " ALTER TABLE moved ADD FOREIGN KEY (id) REFERENCES animal", "fk_scan", static=True),
    Case("CREATE TABLE moved (id bigint PRIMARY KEY); ALTER TABLE moved ADD FOREIGN KEY (id) REFERENCES animal;"
         " INSERT INTO moved SELECT id FROM animal", "", static=True),
    Case("ALTER TABLE animal ADD CONSTRAINT f FOREIGN KEY (barn_id) REFERENCES barn NOT ENFORCED", "", pg=18, static=True),
    Case("ALTER TABLE milk ADD CONSTRAINT f FOREIGN KEY (cow) REFERENCES animal NOT VALID",
         "not_valid_unsupported_on_partitioned", "farm yield", ("create index on milk (cow)",), pg=15),
    Case("ALTER TABLE milk ADD CONSTRAINT f FOREIGN KEY (cow) REFERENCES animal NOT VALID", "", "farm yield",
         ("create index on milk (cow)",), pg=18),
    Case("CREATE TABLE log (cow bigint, day date) PARTITION BY RANGE (day); CREATE INDEX ON log (cow);"
         " ALTER TABLE log ADD CONSTRAINT f FOREIGN KEY (cow) REFERENCES animal NOT VALID",
         "not_valid_unsupported_on_partitioned", pg=15, static=True),
    # unique_build, primary_key_build, pk_using_nullable_index, exclusion_build
    Case("ALTER TABLE animal ADD COLUMN ear text UNIQUE", "unique_build", static=True),
    Case("ALTER TABLE animal ADD UNIQUE NULLS NOT DISTINCT (chip)", "unique_build", static=True),
    Case("ALTER TABLE milk ADD UNIQUE (cow, day)", "unique_build", "yield", static=True),
    Case("CREATE UNIQUE INDEX CONCURRENTLY animal_chip ON animal (chip);"
         " ALTER TABLE animal ADD CONSTRAINT animal_chip UNIQUE USING INDEX animal_chip", "", static=True),
    Case("ALTER TABLE token ADD CONSTRAINT token_pk PRIMARY KEY (id, kind)", "primary_key_build",
         more=("create table token (id bigint not null, kind text not null)",
               "insert into token select g, 'k' from generate_series(1, 100) g"), static=True),
    Case("ALTER TABLE token ADD PRIMARY KEY USING INDEX token_id", "pk_using_nullable_index",
         more=("create table token (id bigint)", "insert into token select g from generate_series(1, 100) g",
               "create unique index token_id on token (id)")),
    Case("ALTER TABLE token ADD PRIMARY KEY USING INDEX token_id", "",
         more=("create table token (id bigint not null)", "insert into token select g from generate_series(1, 100) g",
               "create unique index token_id on token (id)")),
    Case("ALTER TABLE token ADD PRIMARY KEY USING INDEX token_id", "",
         more=("create table token (id bigint check (id is not null))",
               "insert into token select g from generate_series(1, 100) g",
               "create unique index token_id on token (id)")),
    Case("ALTER TABLE animal ADD CONSTRAINT one EXCLUDE USING btree (chip WITH =)", "exclusion_build", static=True),
    Case("CREATE TABLE slot (id bigint, EXCLUDE USING btree (id WITH =))", "", static=True),
    # partitions
    Case("ALTER TABLE milk ATTACH PARTITION milk_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
         "attach_partition_scan", "yield milk_2025", static=True),
    Case("ALTER TABLE milk ATTACH PARTITION milk_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')", "",
         "yield milk_2025", (BOUNDS,)),
    Case("ALTER TABLE milk ATTACH PARTITION milk_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
         "attach_partition_scan", "yield milk_2025", (BOUNDS + " not valid",)),
    Case("ALTER TABLE milk ATTACH PARTITION milk_2025 FOR VALUES FROM ('2025-01-01') TO ('2027-01-01')", "",
         "yield milk_2025", (BOUNDS,)),
    Case("ALTER TABLE milk_2025 ADD CONSTRAINT b CHECK (day >= '2025-01-01' AND day < '2026-01-01') NOT VALID;"
         " ALTER TABLE milk_2025 VALIDATE CONSTRAINT b;"
         " ALTER TABLE milk ATTACH PARTITION milk_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');"
         " ALTER TABLE milk_2025 DROP CONSTRAINT b", "", "yield milk_2025", static=True),
    Case("ALTER TABLE milk ATTACH PARTITION milk_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
         "attach_partition_scan", "yield milk_2025 milk_rest", (BOUNDS,)),
    Case("ALTER TABLE milk ATTACH PARTITION milk_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')", "",
         "yield milk_2025 milk_rest", (BOUNDS, "alter table milk_rest add check (day >= '2030-01-01')")),
    Case("CREATE TABLE milk_2025 (LIKE milk INCLUDING ALL);"
         " ALTER TABLE milk ATTACH PARTITION milk_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')", "", "yield",
         static=True),
    Case("ALTER TABLE zoo ATTACH PARTITION zoo_a FOR VALUES IN ('a', 'b')", "",
         more=("create table zoo (k text not null) partition by list (k)",
               "create table zoo_a (k text not null check (k in ('a', 'b')))",
               "insert into zoo_a select 'a' from generate_series(1, 100)")),
    Case("ALTER TABLE zoo ATTACH PARTITION zoo_a FOR VALUES IN ('a')", "attach_partition_scan",
         more=("create table zoo (k text not null) partition by list (k)",
               "create table zoo_a (k text not null check (k in ('a', 'b')))",
               "insert into zoo_a select 'a' from generate_series(1, 100)")),
    Case("ALTER TABLE milk DETACH PARTITION public.milk_2023", "detach_partition_blocks", "yield", static=True),
    Case("ALTER TABLE milk DETACH PARTITION milk_2023 CONCURRENTLY", "", "yield", static=True),
    Case("BEGIN; ALTER TABLE milk DETACH PARTITION milk_2023 CONCURRENTLY; COMMIT", "cic_in_transaction", "yield",
         static=True),
    Case("CREATE TABLE milk_2025 PARTITION OF milk FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
         "parent_partition_lock", "yield", static=True),
    Case("CREATE TABLE milk_2025 PARTITION OF milk FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
         "parent_partition_lock attach_partition_scan", "yield milk_rest"),
    Case("CREATE TABLE log (day date) PARTITION BY RANGE (day); CREATE TABLE log_1 PARTITION OF log DEFAULT", "",
         static=True),
    Case("DROP TABLE milk_2023", "drop_table parent_partition_lock", "yield"),
    Case("CREATE INDEX CONCURRENTLY ON milk (cow)", "cic_on_partitioned", "yield"),
    Case("DROP INDEX CONCURRENTLY milk_cow", "cic_on_partitioned", "yield", ("create index milk_cow on milk (cow)",)),
    Case("CREATE TABLE log (day date) PARTITION BY RANGE (day); CREATE INDEX CONCURRENTLY ON log (day)",
         "cic_on_partitioned", static=True),
    Case("ALTER TABLE tick ATTACH PARTITION tick_a FOR VALUES FROM ('2024-03-01') TO ('2024-04-01')", "",
         more=("create table tick (at timestamptz not null) partition by range (at)", "create table tick_a (like tick)",
               "insert into tick_a select '2024-03-03' from generate_series(1, 200)",
               "alter table tick_a add check (at >= '2024-03-01' and at < timestamptz '2024-04-01 00:00:00+00')")),
    Case("ALTER TABLE tick ATTACH PARTITION tick_a FOR VALUES FROM ('2024-03-01') TO (MAXVALUE)", "",
         more=("create table tick (at timestamptz not null) partition by range (at)", "create table tick_a (like tick)",
               "insert into tick_a select '2024-03-03' from generate_series(1, 200)",
               "alter table tick_a add check (at > '2024-03-01')")),
    Case("ALTER TABLE milk ATTACH PARTITION milk_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
         "attach_partition_scan", "farm yield milk_2025",
         (BOUNDS, "create table cow (id bigint primary key)", "insert into cow select g from generate_series(1, 900) g",
          "alter table milk add foreign key (cow) references cow")),
    Case("ALTER TABLE milk ATTACH PARTITION milk_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')", "",
         "farm yield milk_2025",
         (BOUNDS, "create table cow (id bigint primary key)", "insert into cow select g from generate_series(1, 900) g",
          "alter table milk add foreign key (cow) references cow",
          "alter table milk_2025 add foreign key (cow) references cow")),
    Case("ALTER TABLE milk ATTACH PARTITION milk_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
         "attach_partition_scan", "yield milk_2025", (BOUNDS, "create index on milk (cow)")),
    Case("ALTER TABLE milk ATTACH PARTITION milk_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')", "",
         "yield milk_2025", (BOUNDS, "create index on milk (cow)", "create index on milk_2025 (cow)")),
    Case("CREATE INDEX CONCURRENTLY ON milk_2024 (cow); CREATE INDEX milk_cow ON ONLY milk (cow);"
         " ALTER INDEX milk_cow ATTACH PARTITION milk_2024_cow_idx", "", "yield", static=True),
    Case("ALTER TABLE milk DETACH PARTITION milk_2023 CONCURRENTLY; DROP TABLE milk_2023", "drop_table", "yield",
         static=True),
    # domains
    Case("ALTER DOMAIN kilo ADD CONSTRAINT light CHECK (value < 5000)", "domain_constraint_scan", "domains", static=True),
    Case("ALTER DOMAIN kilo ADD CONSTRAINT light CHECK (value < 5000) NOT VALID", "", "domains", static=True),
    Case("ALTER DOMAIN kilo SET NOT NULL", "domain_constraint_scan", "domains", static=True),
    Case("ALTER DOMAIN kilo DROP CONSTRAINT kilo_check", "", "domains", static=True),
    Case("ALTER DOMAIN unused ADD CHECK (value > 0)", "", "domains"),
    Case("CREATE DOMAIN fresh AS int; ALTER DOMAIN fresh ADD CHECK (value > 0)", "", static=True),
    # materialized views
    Case("REFRESH MATERIALIZED VIEW herd", "matview_refresh_blocks_reads", "farm summary", static=True),
    Case("REFRESH MATERIALIZED VIEW CONCURRENTLY herd", "", "farm summary", static=True),
    Case("REFRESH MATERIALIZED VIEW fresh", "", more=("create materialized view fresh as select 1 as a with no data",)),
    Case("CREATE MATERIALIZED VIEW fresh AS SELECT 1 AS a WITH NO DATA; REFRESH MATERIALIZED VIEW fresh", "", static=True),
    # transactions
    Case("START TRANSACTION; ALTER TABLE animal ADD CONSTRAINT f FOREIGN KEY (barn_id) REFERENCES barn NOT VALID;"
         " ALTER TABLE animal VALIDATE CONSTRAINT f; END", "validate_in_same_transaction",
         more=("create index on animal (barn_id)",), static=True),
    Case("ALTER TABLE animal ADD CONSTRAINT four CHECK (legs = 4) NOT VALID, VALIDATE CONSTRAINT four",
         "validate_in_same_transaction", static=True),
    Case("BEGIN; ALTER TABLE animal ADD CHECK (legs = 4) NOT VALID; ALTER TABLE animal VALIDATE CONSTRAINT animal_legs_check;"
         " COMMIT", "validate_in_same_transaction", static=True),
    Case("BEGIN; ALTER TABLE animal ADD CONSTRAINT four CHECK (legs = 4) NOT VALID; COMMIT;"
         " BEGIN; ALTER TABLE animal VALIDATE CONSTRAINT four; COMMIT", "", static=True),
    Case("BEGIN; ALTER TABLE animal ADD COLUMN fed boolean; UPDATE animal SET fed = false; COMMIT;",
         "unbatched_backfill lock_held_across_statements", static=True),
    Case("BEGIN; ALTER TABLE animal ADD COLUMN fed boolean; CREATE INDEX ON animal (fed); COMMIT;",
         "index_build_blocks_writes lock_held_across_statements", static=True),
    Case("BEGIN; ALTER TABLE animal ADD COLUMN fed boolean; INSERT INTO barn (label) SELECT chip FROM animal; COMMIT;",
         "lock_held_across_statements", static=True),
    Case("BEGIN; LOCK TABLE animal; SELECT count(*) FROM barn; COMMIT", "lock_held_across_statements", static=True),
    Case("BEGIN; ALTER TABLE animal ADD COLUMN fed boolean; ALTER TABLE barn ADD COLUMN area int; COMMIT;", "", static=True),
    Case("BEGIN; ALTER TABLE animal ADD COLUMN fed boolean; INSERT INTO barn (label) VALUES ('new'); COMMIT;", "",
         static=True),
    Case("BEGIN; CREATE TABLE pen (id bigint); INSERT INTO pen SELECT id FROM animal; CREATE INDEX ON pen (id); COMMIT;", "",
         static=True),
    Case("BEGIN; ALTER TABLE animal SET (fillfactor = 90); UPDATE animal SET sold = true WHERE id = 4; COMMIT;", "",
         static=True),
    Case("BEGIN; ALTER TABLE barn ADD COLUMN area int; ALTER TABLE animal ALTER chip SET NOT NULL;"
         " ALTER TABLE animal ALTER tag SET NOT NULL; COMMIT",
         "set_not_null_scan lock_held_across_statements multiple_alters_same_table", static=True),
    Case("BEGIN; CREATE INDEX ON animal (chip); ALTER TABLE animal ADD COLUMN fed boolean; COMMIT",
         "index_build_blocks_writes", static=True),
    Case("BEGIN; ALTER TABLE animal ADD COLUMN fed boolean; COMMIT AND CHAIN; SELECT 1", "uncommitted_transaction",
         static=True),
    Case("BEGIN; DROP INDEX CONCURRENTLY animal_born; ROLLBACK", "cic_in_transaction",
         more=("create index animal_born on animal (born)",), static=True),
    Case("BEGIN; REINDEX INDEX CONCURRENTLY animal_pkey; COMMIT", "cic_in_transaction", static=True),
    Case("DO $$ BEGIN EXECUTE 'CREATE INDEX CONCURRENTLY ON animal (born)'; END $$", "cic_in_transaction", static=True),
    Case("BEGIN; BEGIN; SELECT 1; COMMIT", "nested_transaction", static=True),
    Case("BEGIN; SAVEPOINT one; ALTER TABLE animal ADD COLUMN fed boolean; RELEASE one; COMMIT", "", static=True),
    Case("BEGIN; ALTER TABLE animal ADD COLUMN fed boolean;", "uncommitted_transaction", static=True),
    Case("BEGIN; ALTER TABLE animal ADD COLUMN fed boolean; ROLLBACK;", "", static=True),
    # enums
    Case("BEGIN; ALTER TYPE mood ADD VALUE 'shy' AFTER 'calm'; INSERT INTO ride VALUES (999, 'shy'); COMMIT",
         "enum_value_used_in_same_transaction", "moods", static=True),
    Case("BEGIN; ALTER TYPE mood ADD VALUE 'shy' BEFORE 'wild'; ALTER TABLE ride ALTER mood SET DEFAULT 'shy'; COMMIT",
         "enum_value_used_in_same_transaction", "moods", static=True),
    Case("ALTER TYPE mood ADD VALUE 'shy' AFTER 'calm'; INSERT INTO ride VALUES (999, 'shy')", "", "moods", static=True),
    Case("BEGIN; CREATE TYPE gait AS ENUM ('walk'); ALTER TYPE gait ADD VALUE 'trot' AFTER 'walk';"
         " CREATE TABLE step (g gait DEFAULT 'trot'); COMMIT", "", "moods", pg=18, static=True),
    Case("BEGIN; CREATE TYPE gait AS ENUM ('walk'); ALTER TYPE gait ADD VALUE 'trot' AFTER 'walk';"
         " CREATE TABLE step (g gait DEFAULT 'trot'); COMMIT", "enum_value_used_in_same_transaction", "moods", pg=15,
         static=True),
    Case("BEGIN; CREATE TYPE gait AS ENUM ('walk'); CREATE TABLE step (g gait DEFAULT 'walk'); COMMIT", "", static=True),
    Case("ALTER TYPE public.mood ADD VALUE IF NOT EXISTS 'shy'", "enum_value_without_position", "moods", static=True),
    Case("ALTER TYPE mood RENAME VALUE 'wild' TO 'fierce'", "rename_enum_value", "moods", static=True),
    Case("BEGIN; ALTER TYPE mood ADD VALUE IF NOT EXISTS 'calm' BEFORE 'wild'; INSERT INTO ride VALUES (999, 'calm'); COMMIT",
         "", "moods"),
    Case("BEGIN; ALTER TYPE mood ADD VALUE 'shy' AFTER 'calm'; INSERT INTO barn (label) VALUES ('shy'); COMMIT", "",
         "farm moods"),
    # compatibility
    Case('ALTER TABLE animal RENAME tag TO "Tag"', "rename_column", static=True),
    Case("ALTER VIEW tagged RENAME COLUMN tag TO label", "rename_column", "farm views", static=True),
    Case("ALTER TABLE animal ADD COLUMN a int; ALTER TABLE animal RENAME COLUMN a TO b", "", static=True),
    Case("ALTER TABLE IF EXISTS public.animal RENAME TO beast", "rename_table", static=True),
    Case("BEGIN; ALTER TABLE animal RENAME TO beast; CREATE VIEW animal AS SELECT * FROM beast; COMMIT", "", static=True),
    Case("ALTER TABLE animal RENAME CONSTRAINT animal_pkey TO pk", "", static=True),
    Case("ALTER INDEX animal_pkey RENAME TO pk", "", static=True),
    Case("ALTER SCHEMA old RENAME TO new", "rename_schema", more=("create schema old",), static=True),
    Case("ALTER TABLE animal DROP COLUMN IF EXISTS tag, DROP COLUMN chip", "drop_column", static=True),
    Case("ALTER TABLE animal DROP COLUMN IF EXISTS never_was"),
    Case("ALTER TABLE animal DROP tag", "drop_column dependent_view_blocks_change", "farm views"),
    Case("ALTER TABLE animal ALTER COLUMN weight TYPE text", "dependent_view_blocks_change", "farm views"),
    Case("ALTER TABLE animal ALTER COLUMN legs TYPE bigint", "table_rewrite", "farm views"),
    Case("DROP VIEW tagged; ALTER TABLE animal ALTER tag TYPE text; CREATE VIEW tagged AS SELECT id, tag FROM animal", "",
         "farm views"),
    Case("CREATE VIEW v AS SELECT legs FROM animal; ALTER TABLE animal ALTER legs TYPE bigint",
         "dependent_view_blocks_change", static=True),
    Case("DROP TABLE IF EXISTS animal", "drop_table", static=True),
    Case("DROP TABLE IF EXISTS nothing_here"),
    Case("CREATE TABLE pen (id bigint); DROP TABLE pen", "", static=True),
    Case("DROP SCHEMA old CASCADE", "drop_table", more=("create schema old", "create table old.t (id int)"), static=True),
    Case("DROP DATABASE IF EXISTS other_one", "drop_database", static=True),
    Case("ALTER TABLE animal ALTER COLUMN sold DROP NOT NULL", "drop_not_null", static=True),
    Case("ALTER TABLE animal ALTER COLUMN chip DROP NOT NULL"),
    Case("TRUNCATE TABLE ONLY barn, animal RESTART IDENTITY CASCADE", "truncate_cascade", static=True),
    Case("TRUNCATE barn", "", static=True),
    Case("CREATE TABLE pen (id bigint); TRUNCATE pen CASCADE", "", static=True),
    # backfill
    Case("DELETE FROM animal", "unbatched_backfill", static=True),
    Case("DELETE FROM animal WHERE born < now() - interval '1 year'", "unbatched_backfill", static=True),
    Case("UPDATE animal a SET chip = b.label FROM barn b WHERE b.id = a.barn_id", "unbatched_backfill", static=True),
    Case("UPDATE animal SET chip = 'x' WHERE id BETWEEN 1 AND 1000", "", static=True),
    Case("UPDATE animal SET chip = 'x' WHERE id >= 1 AND id < 1000 AND chip IS NULL", "", static=True),
    Case("UPDATE animal SET chip = 'x' WHERE id = 17", "", static=True),
    Case("UPDATE animal SET chip = 'x' WHERE id IN (1, 2, 3)", "", static=True),
    Case("UPDATE animal SET chip = 'x' WHERE id IN (SELECT id FROM animal WHERE chip IS NULL LIMIT 500)", "", static=True),
    Case("UPDATE animal SET chip = 'x' WHERE id IN (SELECT id FROM animal WHERE chip IS NULL)", "unbatched_backfill",
         static=True),
    Case("WITH few AS (SELECT id FROM animal WHERE chip IS NULL LIMIT 500)"
         " UPDATE animal a SET chip = 'x' FROM few WHERE few.id = a.id", "", static=True),
    Case("WITH gone AS (DELETE FROM animal WHERE sold RETURNING id) SELECT count(*) FROM gone", "unbatched_backfill",
         static=True),
    Case("DO $$ BEGIN FOR i IN 1..10 LOOP UPDATE animal SET chip = 'x' WHERE id BETWEEN i * 100 AND i * 100 + 99;"
         " END LOOP; END $$", "", static=True),
    Case("DO $$ BEGIN IF true THEN UPDATE animal SET chip = 'x'; END IF; END $$", "unbatched_backfill", static=True),
    Case("CREATE TABLE pen AS SELECT * FROM animal; UPDATE pen SET chip = 'x'", "", static=True),
    # columns
    Case("ALTER TABLE animal ADD COLUMN a text NOT NULL, ADD COLUMN b int", "required_column_without_default", static=True),
    Case("ALTER TABLE animal ADD COLUMN a text NOT NULL DEFAULT NULL", "required_column_without_default", static=True),
    Case("ALTER TABLE animal ADD COLUMN a int, ALTER COLUMN a SET NOT NULL", "required_column_without_default", static=True),
    Case("ALTER TABLE animal ADD COLUMN a must", "required_column_without_default", "farm domains"),
    Case("CREATE TABLE pen (id bigint); ALTER TABLE pen ADD COLUMN a text NOT NULL", "", static=True),
    Case("CREATE TABLE pen (a bigint, b text, a text)", "duplicate_column_assignment", static=True),
    Case("UPDATE animal SET legs = 1, chip = 'x', legs = 2 WHERE id = 1", "duplicate_column_assignment", static=True),
    Case("INSERT INTO animal (id, chip, chip) VALUES (1, 'a', 'b')", "duplicate_column_assignment", static=True),
    Case("ALTER TABLE animal ADD COLUMN a int, ADD COLUMN a text", "duplicate_column_assignment", static=True),
    Case("CREATE TABLE pen (id bigint, doc json, docs json[])", "json_column", static=True),
    Case("CREATE TABLE pen (id bigint, doc jsonb)", "", static=True),
    Case("CREATE TABLE pen (id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)", "int_key_overflow", static=True),
    Case("CREATE TABLE pen (id serial, PRIMARY KEY (id))", "int_key_overflow serial_instead_of_identity", static=True),
    Case("CREATE TABLE pen (barn bigint, nr int, PRIMARY KEY (barn, nr))", "", static=True),
    Case("CREATE TABLE pen (id uuid PRIMARY KEY, country char(2), big bigserial)",
         "char_column serial_instead_of_identity", static=True),
    Case("CREATE TABLE pen (a varchar(10), b character varying, c timestamp(3), d timestamptz, e time)",
         "varchar_limit timestamp_without_tz", static=True),
    Case("ALTER TABLE animal ADD COLUMN a character(3), ADD COLUMN b varchar(8)", "char_column varchar_limit", static=True),
    Case("CREATE TEMP TABLE pen (a varchar(10), b timestamp)", "", static=True),
    Case("CREATE INDEX CONCURRENTLY ON animal (tag, legs, born, chip)", "wide_index", static=True),
    Case("CREATE INDEX CONCURRENTLY ON animal (tag, legs) INCLUDE (born, chip)", "", static=True),
    Case("CREATE UNIQUE INDEX CONCURRENTLY ON animal (tag, legs, born, chip)", "", static=True),
    Case(f"ALTER TABLE animal ADD COLUMN {'a' * 64} int", "identifier_too_long", static=True),
    Case(f"ALTER TABLE animal ADD COLUMN {'a' * 63} int", "", static=True),
    Case(f"CREATE VIEW \"{'ü' * 32}\" AS SELECT 1 AS a", "identifier_too_long", static=True),
    Case(f"COMMENT ON TABLE animal IS '{'a' * 99}'", "", static=True),
    Case("ALTER TABLE animal ALTER legs TYPE bigint; ALTER TABLE animal ALTER weight TYPE float8",
         "table_rewrite multiple_alters_same_table", static=True),
    Case("ALTER TABLE animal ADD COLUMN a int; ALTER TABLE animal ADD COLUMN b int", "", static=True),
    # harmless all over
    Case("ALTER TABLE animal ALTER legs SET DEFAULT 4, ALTER legs SET STATISTICS 500, SET (fillfactor = 80)", "", static=True),
    Case("ALTER TABLE animal ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON animal USING (sold)", "", static=True),
    Case("GRANT SELECT ON animal TO PUBLIC; COMMENT ON COLUMN animal.tag IS 'x'; ANALYZE animal; VACUUM animal", "",
         static=True),
    Case("INSERT INTO barn (label) VALUES ('a'), ('b') ON CONFLICT DO NOTHING", "", static=True),
    Case("CREATE SCHEMA zoo CREATE TABLE cage (id bigint PRIMARY KEY) CREATE INDEX ON cage (id)", "", static=True),
)  # fmt: skip
