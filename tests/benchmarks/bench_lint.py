"""How long the linter takes for 1,000 statements, and what it finds beside squawk on the labelled cases.

    python tests/benchmarks/bench_lint.py [--squawk PATH]

CPU of the static pass (limit: 0.5 s for 1,000 statements), the best of five. squawk is run when it is installed (PyPI:
squawk-cli); its rules are mapped to our names, and its rules about time-outs, idempotence and style beyond ours do not
count.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from eval.lint_scoring import judge
from lint_cases import CASES
from postai.migrate.lint import LintOptions, lint_text

HAZARDOUS = (
    "ALTER TABLE t{n} ADD CONSTRAINT c{n} CHECK (a > 0)", "CREATE INDEX i{n} ON t{n} (a, b)",
    "UPDATE t{n} SET a = 1 WHERE b = 'x'", "ALTER TABLE t{n} ADD COLUMN r uuid DEFAULT gen_random_uuid()",
    "ALTER TABLE t{n} ALTER COLUMN a TYPE bigint", "DROP TABLE u{n}",
    "CREATE TABLE v{n} (id serial PRIMARY KEY, a varchar(20), b timestamp, c bigint REFERENCES t{n})",
    "ALTER TABLE t{n} ADD FOREIGN KEY (a) REFERENCES w", "ALTER TABLE t{n} ALTER a SET NOT NULL",
    "ALTER TABLE t{n} RENAME a TO b",
)  # fmt: skip
SAFE = (
    "CREATE TABLE q{n} (id bigint PRIMARY KEY, a text, b timestamptz)", "CREATE INDEX i{n} ON q{n} (a)",
    "INSERT INTO q{n} VALUES (1, 'a')", "ALTER TABLE q{n} ADD COLUMN x int", "COMMENT ON TABLE q{n} IS 'x'",
    "CREATE INDEX CONCURRENTLY j{n} ON t (a)", "ALTER TABLE t ADD COLUMN c{n} text",
    "UPDATE t SET a = 1 WHERE id = {n}", "GRANT SELECT ON q{n} TO x", "CREATE VIEW v{n} AS SELECT id, a FROM q{n}",
)  # fmt: skip
RULES_OF_SQUAWK = {
    "require-concurrent-index-creation": "index_build_blocks_writes",
    "require-concurrent-index-deletion": "index_drop_blocks_all",
    "require-concurrent-reindex": "reindex_blocks",
    "require-concurrent-partition-detach": "detach_partition_blocks",
    "ban-concurrent-index-creation-in-transaction": "cic_in_transaction",
    "adding-not-nullable-field": "set_not_null_scan",
    "adding-required-field": "required_column_without_default",
    "adding-field-with-default": "table_rewrite",
    "changing-column-type": "table_rewrite",
    "adding-serial-primary-key-field": "primary_key_build",
    "adding-foreign-key-constraint": "fk_scan",
    "constraint-missing-not-valid": "check_scan",
    "disallowed-unique-constraint": "unique_build",
    "transaction-nesting": "nested_transaction",
    "ban-uncommitted-transaction": "uncommitted_transaction",
    "ban-char-field": "char_column",
    "prefer-text-field": "varchar_limit",
    "prefer-timestamp-tz": "timestamp_without_tz",
    "prefer-bigint-over-int": "int_key_overflow",
    "prefer-bigint-over-smallint": "int_key_overflow",
    "prefer-identity": "serial_instead_of_identity",
    "renaming-column": "rename_column",
    "renaming-table": "rename_table",
    "ban-drop-column": "drop_column",
    "ban-drop-table": "drop_table",
    "ban-drop-database": "drop_database",
    "ban-drop-not-null": "drop_not_null",
    "ban-truncate-cascade": "truncate_cascade",
    "ban-alter-domain-with-add-constraint": "domain_constraint_scan",
    "require-enum-value-ordering": "enum_value_without_position",
    "identifier-too-long": "identifier_too_long",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--squawk", default=shutil.which("squawk"), help="the peer's program")
    squawk = parser.parse_args().squawk
    for name, forms in (("hazardous", HAZARDOUS), ("safe", SAFE), ("mixed", HAZARDOUS + SAFE)):
        text = ";\n".join(forms[i % len(forms)].format(n=i // len(forms)) for i in range(1000))
        times = []
        for _ in range(5):
            began = time.process_time()
            report = lint_text(text)
            times.append(time.process_time() - began)
        print(f"1,000 {name} statements: {min(times):.3f} s CPU, {len(report.findings)} findings")
    ours = judge((case.sql, set(case.hazards.split()), _named(case.sql, case.pg or 18)) for case in CASES)
    print(f"{len(CASES)} labelled cases from the text alone: {ours}")
    if squawk:
        theirs = judge(
            (case.sql, set(case.hazards.split()), _squawk(squawk, case.sql, case.pg or 18)) for case in CASES
        )
        print(f"squawk on the same: {theirs}")
    else:
        print("squawk is not installed: pip install squawk-cli")


def _named(text: str, version: int) -> set[str]:
    return {hazard for one in lint_text(text, LintOptions(version)).statements for hazard in one.hazards}


def _squawk(program: str, text: str, version: int) -> set[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(text)
        file.flush()
        done = subprocess.run(
            [program, "--reporter", "json", "--pg-version", f"{version}.0", file.name], capture_output=True, text=True
        )
    found = json.loads(done.stdout or "[]")
    return {RULES_OF_SQUAWK[one["rule_name"]] for one in found if one["rule_name"] in RULES_OF_SQUAWK}


if __name__ == "__main__":
    main()
