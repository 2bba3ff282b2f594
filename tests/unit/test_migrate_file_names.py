"""Files of migrations as editors and hands leave them."""

from __future__ import annotations

from pathlib import Path

import pytest

from postai.errors import UsageError
from postai.migrate.files import checksum, read_directory


@pytest.mark.parametrize("name", ["1_é b.up.sql", "x.up.sql", "0002_.down.sql", "9999999999999999999_a.up.sql"])
def test_a_file_that_would_be_passed_over_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("select 1;")
    with pytest.raises(UsageError, match="is no name of a migration") as caught:
        read_directory(tmp_path)
    assert caught.value.hint


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    for name in (".0001_a.up.sql", "README.md", "0001_a.sql"):
        (tmp_path / name).write_text("x")
    assert read_directory(tmp_path) == ()


def test_a_mark_of_byte_order_hides_no_header(tmp_path: Path) -> None:
    body = "\nALTER TABLE t ADD COLUMN v int;\n"
    header = f"-- id: 0001\n-- checksum: {checksum(body)}\n-- destructive: yes\n"
    (tmp_path / "0001_a.up.sql").write_bytes(b"\xef\xbb\xbf" + (header + body).encode())
    (found,) = read_directory(tmp_path)
    assert found.up.destructive and found.up.checksum == found.up.stated
