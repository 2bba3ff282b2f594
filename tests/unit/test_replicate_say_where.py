"""What an error of a server says once the driver of a move has met it."""

from __future__ import annotations

import pytest
from test_replicate_command import row

from postai.database.errors import HostUnreachable, ServerError
from postai.database.failures import connection_failure
from postai.errors import PostaiError, Refused, from_parts
from postai.replicate.cutover import SwitchUndone
from postai.replicate.machine import passing
from postai.replicate.move import Move, say_where
from postai.replicate.types import Side

MOVE = Move(row(), {Side.SOURCE: "host=old user=mover dbname=shop", Side.TARGET: "host=new user=mover dbname=shop"})


def denied() -> ServerError:
    return ServerError("42501", "permission denied for database shop", target="mover@old/shop")


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (denied(), "the source refused as the move copies roles: permission denied for database shop", True),
        (HostUnreachable("nobody there", hint="Look.", target="mover@new/shop"), "the target: nobody there", False),
        (ServerError("42501", "no", target="mover@elsewhere/shop"), "no", False),
        (Refused("no"), "no", False),
    ],
)
def test_where_an_error_came_from(error: PostaiError, message: str, hint: bool) -> None:
    known = error.sqlstate
    say_where(MOVE, error, "copies roles")
    assert (error.message, error.sqlstate) == (message, known)
    assert ("post-ai replicate check legacy new" in (error.hint or "")) is hint


def test_an_undone_switch_names_what_undid_it() -> None:
    error = SwitchUndone("the switch was undone after 1.00 s: permission denied for database shop")
    error.__cause__ = denied()
    say_where(MOVE, error, "is switched to the target")
    assert error.message.endswith("1.00 s: the source refused: permission denied for database shop")
    assert error.detail == "SQLSTATE 42501"


def test_the_servers_own_sqlstate_crosses_processes() -> None:
    assert from_parts(denied().as_parts()).sqlstate == "42501"
    assert type(from_parts(Refused("no").as_parts())) is Refused and PostaiError("no").sqlstate == "PA000"


def test_a_right_to_connect_that_is_missing() -> None:
    found = connection_failure("mover@old/shop", None, 'FATAL:  permission denied for database "shop"', ())
    assert (found.sqlstate, found.target) == ("42501", "mover@old/shop") and "GRANT CONNECT" in (found.hint or "")


@pytest.mark.parametrize(("sqlstate", "passes"), [("53100", True), ("57P03", True), ("42501", False)])
def test_what_is_tried_again(sqlstate: str, passes: bool) -> None:
    assert passing(ServerError(sqlstate, "x")) is passes
