"""Redirect drivers of moves in the configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from postai.errors import UsageError
from postai.replicate.redirect import Address, FileDriver, make_driver
from postai.replicate.types import Side
from postai.service.replicating import Places
from postai.settings import Settings

BOTH = {side: Address("127.0.0.1", port, "shop") for side, port in ((Side.SOURCE, 5432), (Side.TARGET, 5433))}


def loaded(directory: Path, text: str) -> Settings:
    path = directory / "postai.toml"
    path.write_text(text)
    return Settings.load(path)


def test_drivers_are_named_by_their_move(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        '[[redirect]]\nname = "shop"\ndriver = "file"\npath = "/etc/shop/dsn"\nsource = "host=10.0.0.5 dbname=shop"\n'
        '[[redirect]]\nname = "erp"\ndriver = "http"\nurl = "https://ops.example.com/hook?token=hidden"\n',
    )
    places = Places.of(tmp_path, settings.redirects)
    assert places.redirects["shop"] == {
        "driver": "file", "path": "/etc/shop/dsn", "source": "host=10.0.0.5 dbname=shop",
    }  # fmt: skip
    assert places.redirects["erp"]["url"] == "https://ops.example.com/hook?token=hidden"
    assert "hidden" not in repr(settings) + repr(places)
    assert isinstance(make_driver("file", {"path": "/etc/shop/dsn"}, BOTH), FileDriver)


@pytest.mark.parametrize(
    "text",
    [
        '[[redirect]]\nname = "shop"\ndriver = "mail"\n',
        '[[redirect]]\nname = "shop"\ndriver = "pgbouncer"\nadmin = "host=b password=secret-word"\n',
        '[[redirect]]\nname = "shop"\ndriver = "file"\ntarget = "postgresql://u:secret-word@h/shop"\n',
        '[[redirect]]\ndriver = "file"\n',
    ],
)
def test_mistakes_are_told_without_secrets(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        loaded(tmp_path, text)
    assert "secret-word" not in f"{caught.value} {caught.value.detail}"
