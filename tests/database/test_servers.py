"""The private servers that everything else stands on."""

from conftest import TestDatabase


def test_server_has_the_settings_postai_needs(database: TestDatabase) -> None:
    rows = database.execute(
        "select current_setting('wal_level'), current_setting('password_encryption'),"
        " current_setting('shared_preload_libraries')"
    )
    assert rows == [("logical", "scram-sha-256", "pg_stat_statements")]
