"""The HTTP API, called with what its own description allows and forbids: no status 5xx, no answer that breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from web_support import Dashboard, Person, Shop, make_shop

from postai.setup.server import LocalServer

EXAMPLES = 5
"""Calls of each operation."""
LEFT_OUT = [
    # A proposal that is not there, or not in that state, is refused although its number has the right form.
    "positive_data_acceptance",
    # Parameters that nobody knows are left alone: links may carry marks of others.
    "negative_data_rejection",
]


@pytest.fixture(scope="module")
def own_shop(pg15: LocalServer) -> Iterator[Shop]:
    """Its own: the calls change it."""
    yield from make_shop(pg15)


def described(person: Person) -> Any:
    """The API as it describes itself; the database of the paths is the one that is there."""
    told = person.get("/api/v1/openapi.json").json
    for operation in (one for path in told["paths"].values() for one in path.values()):
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path" and parameter["name"] == "database":
                parameter["schema"]["enum"] = ["store"]
    return schemathesis.openapi.from_dict(told)


def problems(person: Person, examples: int) -> dict[str, str]:
    """What came of each operation: "" or what went wrong."""
    load_all_checks()
    token = next(one for one in person.cookies if one.name == "postai_session")
    headers = {"x-csrf-token": person.csrf, "cookie": f"{token.name}={token.value}"}
    found: dict[str, str] = {}
    for result in described(person).get_all_operations():
        operation = result.ok()

        @settings(max_examples=examples, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def call(case: Any) -> None:
            case.call_and_validate(
                base_url=person.address, headers=headers, excluded_checks=CHECKS.get_by_names(LEFT_OUT), timeout=60
            )

        found[operation.label] = ""
        try:
            call()
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001  (every operation is looked at)
            found[operation.label] = str(error)
    return found


def test_whatever_the_description_allows(own_shop: Shop) -> None:
    with Dashboard(own_shop.place / "api", {"store": own_shop.dsn}) as web:
        found = problems(web.log_in("olga"), EXAMPLES)
    assert "GET /api/v1/databases/{database}/" in found
    assert not any(found.values()), "\n\n".join(f"{label}: {text}" for label, text in found.items() if text)
