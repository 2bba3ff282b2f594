"""The text of pg_dump as statements, whatever names, comments and bodies are in it; what another server is to take."""

from __future__ import annotations

import pytest

from postai.replicate import ddl_add, dump_text
from postai.replicate.dump_text import Target, adapted, statements, taken

OLDER, NEWER = Target(150_000, superuser=True), Target(180_000, superuser=True)

HOSTILE = r"""
--
-- PostgreSQL database dump; drop table x;
--

\restrict abc123

SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA "a;b";
COMMENT ON SCHEMA "a;b" IS 'one; two
\unrestrict abc123
--';
CREATE FUNCTION "f(""$body$;"() RETURNS text LANGUAGE plpgsql AS $_$begin return '$a$;'; end; /* ; */$_$;
CREATE FUNCTION g() RETURNS int
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT CASE WHEN (1 > 0) THEN 1 ELSE 2 END;
 SELECT 2 AS "END;";
END;
CREATE RULE r AS ON INSERT TO t DO ALSO ( INSERT INTO u VALUES (E'\';'); DELETE FROM v;);
/* a /* nested; */ comment; */ CREATE TABLE t (a int DEFAULT 1.5, "b;" text DEFAULT 'it""s;');
ALTER TABLE ONLY t ALTER COLUMN a SET (pg_attver=18272408);
ALTER TABLE ONLY t ALTER COLUMN "b;" SET (n_distinct=5, pg_attver=18272408);

\unrestrict abc123
"""


def test_statements_are_cut_by_their_tokens() -> None:
    found = tuple(statements(HOSTILE))
    assert [one.split("(")[0].split("\n")[0][:24] for one in found] == [
        "SET statement_timeout = ", "SELECT pg_catalog.set_co", 'CREATE SCHEMA "a;b"', 'COMMENT ON SCHEMA "a;b" ',
        'CREATE FUNCTION "f', "CREATE FUNCTION g", "CREATE RULE r AS ON INSE", "CREATE TABLE t ",
        "ALTER TABLE ONLY t ALTER", "ALTER TABLE ONLY t ALTER",
    ]  # fmt: skip
    assert found[3].endswith("--'") and found[5].endswith("END") and found[7].endswith("'it\"\"s;')")


def test_what_another_server_takes() -> None:
    found = taken(HOSTILE, NEWER)
    assert found[0] == 'CREATE SCHEMA IF NOT EXISTS "a;b"'
    assert found[-1] == 'ALTER TABLE ONLY t ALTER COLUMN "b;" SET (n_distinct=5)' and len(found) == 7


@pytest.mark.parametrize(
    ("statement", "older"),
    [
        ('GRANT SELECT,MAINTAIN ON TABLE "a"."b" TO "c"', 'GRANT SELECT ON TABLE "a"."b" TO "c"'),
        ('GRANT MAINTAIN ON TABLE "a"."b" TO "c"', None),
        ("COMMENT ON TABLE \"a\" IS 'GRANT MAINTAIN ON '", "COMMENT ON TABLE \"a\" IS 'GRANT MAINTAIN ON '"),
        ('CREATE EXTENSION IF NOT EXISTS "hstore" WITH SCHEMA "public"', None),
        ("CREATE PUBLICATION \"postai_7_fwd\" WITH (publish = 'insert')", None),
        ('ALTER PUBLICATION "postai_7_fwd" ADD TABLE ONLY "a"', None),
        ('CREATE PUBLICATION "postai" FOR ALL TABLES', 'CREATE PUBLICATION "postai" FOR ALL TABLES'),
        ('CREATE TRIGGER "postai_7_capture" AFTER INSERT ON "a"', None),
        ('ALTER TABLE "a"."b" ENABLE ALWAYS TRIGGER "postai_7_capture"', None),
        ('CREATE EVENT TRIGGER "postai_7_sql_drop" ON "sql_drop" EXECUTE FUNCTION "x"()', None),
        ("SET transaction_timeout = 0", None),
        ("SET default_table_access_method = heap", "SET default_table_access_method = heap"),
    ],
)
def test_forms_for_an_older_server(statement: str, older: str | None) -> None:
    assert adapted(statement, OLDER) == older


def test_what_is_said_as_another_role_stays_together() -> None:
    text = 'SET SESSION AUTHORIZATION "a";\nGRANT SELECT ON TABLE x TO "b";\nRESET SESSION AUTHORIZATION;\n'
    text += "CREATE TABLE y ();"
    assert taken(text, Target(180_000, superuser=False)) == (
        'SET ROLE "a";\nGRANT SELECT ON TABLE x TO "b";\nRESET ROLE', "CREATE TABLE y ()"
    )  # fmt: skip


def test_objects_of_a_superuser_stay_with_who_moves() -> None:
    target = Target(180_000, superuser=False, unreachable=frozenset({'the "boss"'}))
    boss = '"the ""boss"""'
    assert adapted(f'ALTER TABLE "a"."b" OWNER TO {boss}', target) is None
    assert adapted(f'ALTER FUNCTION "a"."f"("x" "text", VARIADIC "y" integer[]) OWNER TO {boss}', target) is None
    assert adapted(f"ALTER DEFAULT PRIVILEGES FOR ROLE {boss} GRANT SELECT ON TABLES TO PUBLIC", target) is None
    assert adapted('ALTER TABLE "a"."b" OWNER TO "other"', target) is not None
    assert dump_text.owner_change('ALTER TABLE "a""."."b" OWNER TO "o"') == ('a".', "o")


def test_no_password_is_shown() -> None:
    statement = 'CREATE USER MAPPING FOR "a" SERVER "s" OPTIONS (\n    password \'hidden\',\n    "user" \'x\'\n)'
    assert dump_text.secret(statement) and "hidden" not in dump_text.shown(statement)
    assert not dump_text.secret("COMMENT ON TABLE x IS 'CREATE SERVER y OPTIONS (password)'")


def test_names_are_read_as_they_are_written() -> None:
    assert ddl_add.names('"Odd ""Name"""."a.b"') == ('Odd "Name"', "a.b")
    assert ddl_add.quoted('"Odd ""Name""".item') == '"Odd ""Name"""."item"'
