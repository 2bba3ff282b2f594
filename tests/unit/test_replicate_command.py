"""What `post-ai replicate` reads and shows, and what the driver of a move keeps on its own disk."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from postai.cli.main import run
from postai.cli.output import show_error
from postai.cli.replicating_drive import window
from postai.cli.replicating_show import in_shell, page
from postai.errors import ErrorParts, PostaiError, Refused, UsageError
from postai.replicate import slots, store
from postai.replicate.journal import Journal
from postai.replicate.store import Copied, Ending, Row
from postai.replicate.types import Lag, Method, MoveOptions, Progress, Side, State

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def row(**other: object) -> Row:
    values = {
        "id": 7, "name": "shop", "source": "legacy", "target": "new", "method": Method.NATIVE, "state": State.COPYING,
        "resume_state": None, "serving": Side.SOURCE, "options": MoveOptions(schemas=("a",)), "report": None,
        "verified_at": None, "verified": None, "doing": None, "error": None, "lag_bytes": None, "lag_seconds": None,
        "safe_wal_bytes": None, "restarts": 0, "ending": Ending(), "requested_by": "ada", "created_at": NOON,
        "updated_at": NOON, "ended_at": None,
    }  # fmt: skip
    return Row(**{**values, **other})


@pytest.mark.parametrize(
    ("text", "begins", "hours"),
    [
        ("13:30", NOON + timedelta(hours=1.5), None),
        ("02:00", NOON + timedelta(hours=14), None),
        ("2026-03-02 02:00", NOON + timedelta(hours=14), None),
        ("2026-03-02T03:00+01:00", NOON + timedelta(hours=14), None),
        ("02:00-04:00", NOON + timedelta(hours=14), 2),
        ("11:00-13:00", NOON, 1),
        ("22:00-04:00", NOON + timedelta(hours=10), 6),
        ("18:00-12:30", NOON, 0.5),
    ],
)
def test_when_a_switch_may_begin(text: str, begins: datetime, hours: float | None) -> None:
    found = window(text, NOON)
    assert found.begins == begins
    assert found.ends == (None if hours is None else begins + timedelta(hours=hours))


@pytest.mark.parametrize("text", ["soon", "25:00", "02:00-", "2026-02-28 02:00", "02:00-04:00-05:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        window(text, NOON)
    assert caught.value.hint


def test_options_of_a_move_are_checked() -> None:
    given = {"schemas": ["a", "b"], "full_identity": True, "load": 1, "passfile": None, "keep_wal_bytes": 5}
    found = store.options_from(given)
    assert (found.schemas, found.full_identity, found.load, found.keep_wal_bytes) == (("a", "b"), True, 1.0, 5)
    for wrong in ({"nothing": 1}, {"workers": "2"}, {"workers": True}, {"schemas": "a"}, {"load": -1}, {"passfile": 3}):
        with pytest.raises(UsageError):
            store.options_from(wrong)
    assert store.merged(found, {"workers": 4}) == store.options_from({**given, "workers": 4})


def test_the_journal_tells_what_was_begun(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "deep" / "replicate.db")
    assert journal.unfinished() == () and journal.home_of("shop") is None and journal.homes() == ()
    journal.end(row())
    assert not (tmp_path / "deep").exists()
    journal.remember(row())
    journal.begin(row(state=State.READY))
    journal.note(row(), "the source serves")
    (intent,) = Journal(tmp_path / "deep" / "replicate.db").unfinished()
    assert intent.row.options == row().options and intent.row.state is State.SWITCHING
    assert intent.row.resume_state is State.READY and intent.row.serving is Side.SOURCE
    assert intent.objects == ("postai_7", "postai_7_fwd", "postai_7_rev")
    assert intent.outside[0].endswith("the source serves")
    journal.end(row())
    assert not intent.abandoned(datetime.now(UTC)) and intent.abandoned(datetime.now(UTC) + timedelta(minutes=4))
    assert replace(intent, process=2**22 + 1).abandoned(datetime.now(UTC))
    assert journal.unfinished() == () and journal.home_of("shop") == "new" and journal.homes() == ("new",)


def test_a_broken_journal_is_an_error_with_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "replicate.db"
    path.write_text("no database at all, but long enough to be taken for one")
    with pytest.raises(PostaiError) as caught:
        Journal(path).begin(row())
    assert caught.value.hint and str(path) in caught.value.message


def lag(**other: object) -> Lag:
    values = {"bytes": 0, "kept_bytes": 0, "silent": 0.1, "active": True, "wal_status": "reserved", "safe_bytes": None}
    return Lag(**{**values, "errors": 0, **other})


def test_when_the_log_that_is_kept_is_too_much() -> None:
    assert slots.danger(lag(kept_bytes=10), 0) is None and slots.danger(lag(kept_bytes=10), 10) is None
    assert "--keep-wal" in (slots.danger(lag(kept_bytes=11), 10) or "")
    assert "max_slot_wal_keep_size" in (slots.danger(lag(wal_status="lost"), 0) or "")
    assert slots.warning(lag()) is None and slots.warning(lag(safe_bytes=slots.LOW_BYTES + 1)) is None
    assert slots.warning(lag(safe_bytes=5)) and slots.warning(lag(wal_status="unreserved"))


def test_a_page_has_eighty_columns() -> None:
    large = (10**9, 10**11, 10**10, 10**12, 9e4)
    names = [f"schema_with_a_name.table_with_a_long_name_{n}" for n in range(20)]
    tables = tuple(Copied(Progress(name, "copying", *large), None) for name in names)
    why = ErrorParts("PA010", "something is wrong " * 6, "detail " * 20, "a hint\nof two lines " * 5)
    lines = page(row(error=why, doing="builds \x1b[31mindexes", lag_bytes=5, lag_seconds=0.2, restarts=2), tables)
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "\x1b" not in text and "of 20 tables ready" in text and "and 8 more" in text
    ended = page(row(state=State.COMPLETED, ended_at=NOON, verified={"equal": True}, verified_at=NOON), tables)
    assert ended[0] == "shop: completed; legacy -> new by native; the source serves"
    assert ended[1:] == ["verified: equal at 2026-03-01 12:00:00 UTC"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("status", "shop"), "--target"),
        (("start", "shop", "legacy"), "both source and target"),
        (("check", "legacy", "new"), "no connection 'legacy'"),
        (("cutover", "shop", "--at", "soon"), "--at 02:30"),
        (("cutover", "shop", "--max-pause", "99999"), "--max-pause"),
    ],
)
def test_a_command_says_what_it_lacks(
    arguments: tuple[str, ...], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("POSTAI_CONFIG_DIR", str(tmp_path))
    assert run(("replicate", *arguments)) == UsageError.exit_code
    assert says in capsys.readouterr().err
    assert run(("replicate", *arguments, "--json")) == UsageError.exit_code
    assert json.loads(capsys.readouterr().out)["error"]["sqlstate"] == "PA000"


def test_errors_have_eighty_columns_and_say_nothing_twice(capsys: pytest.CaptureFixture[str]) -> None:
    why = "nothing identifies the rows of 1 table: published so, UPDATE and DELETE of them fail in the application"
    hint = "ALTER TABLE ONLY shop.log REPLICA IDENTITY FULL\nThen go on: post-ai replicate start shop " + "x" * 90
    show_error(Refused(f"the move cannot begin: {why}", detail=why, hint=hint), as_json=False)
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if len(line) > 80] == [" " * 8 + "x" * 90]
    assert lines[0].startswith("error (PA003): the move") and not any("detail" in line for line in lines)
    assert lines[2:5] == ["hint:   ALTER TABLE ONLY shop.log REPLICA IDENTITY FULL",
                          "        Then go on: post-ai replicate start shop", " " * 8 + "x" * 90]  # fmt: skip


def test_what_is_next_is_told_in_the_words_of_the_shell() -> None:
    said = "to stay, or to go back: postai.replicate_complete('shop')\nCALL postai.rollback('shop');"
    assert in_shell(said) == "to stay, or to go back: post-ai replicate complete shop\npost-ai replicate rollback shop"
    assert in_shell("then go on: postai.replicate_start('a', 'b', 'c')") == "then go on: post-ai replicate start a"
