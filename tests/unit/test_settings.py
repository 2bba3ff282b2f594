"""Precedence (file < environment < flags), secrets stay hidden, mistakes are named."""

from pathlib import Path

import pytest

from postai.errors import UsageError
from postai.settings import Settings


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "postai.toml"
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "POSTAI_MODEL__MODEL"):
        monkeypatch.delenv(name, raising=False)


def test_flags_win_over_environment_and_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(tmp_path, '[model]\nmodel = "from-file"\ntimeout_seconds = 7\n')
    assert Settings.load(config).model.model == "from-file"
    monkeypatch.setenv("POSTAI_MODEL__MODEL", "from-environment")
    assert Settings.load(config).model.model == "from-environment"
    flagged = Settings.load(config, model={"model": "from-flag"})
    assert flagged.model.model == "from-flag"
    assert flagged.model.timeout_seconds == 7


def test_databases_are_read_in_order(tmp_path: Path) -> None:
    config = write(tmp_path, '[[database]]\nname = "a"\ndsn = "dbname=a"\n[[database]]\nname = "b"\ndsn = "dbname=b"\n')
    assert [d.name for d in Settings.load(config).databases] == ["a", "b"]


def test_the_key_is_in_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-very-secret")
    settings = Settings.load(write(tmp_path, ""))
    assert settings.model.configured
    assert "sk-very-secret" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize("dsn", ["host=h password=geheim", "postgresql://me:geheim@h/db", "host=h password = geheim"])
def test_a_password_in_a_connection_string_is_refused_without_repeating_it(tmp_path: Path, dsn: str) -> None:
    config = write(tmp_path, f'[[database]]\nname = "a"\ndsn = "{dsn}"\n')
    with pytest.raises(UsageError) as caught:
        Settings.load(config)
    assert "passfile" in str(caught.value.detail)
    assert "geheim" not in str(caught.value) + str(caught.value.detail) + str(caught.value.hint)


@pytest.mark.parametrize("text", ["[agent]\nworker = 3\n", "[agent\n", "[agent]\nworkers = 0\n"])
def test_mistakes_name_the_file(tmp_path: Path, text: str) -> None:
    config = write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        Settings.load(config)
    assert "postai.toml" in f"{caught.value} {caught.value.detail}"


def test_a_missing_default_file_is_fine_and_a_missing_named_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTAI_CONFIG_DIR", str(tmp_path))
    assert Settings.load().databases == ()
    with pytest.raises(UsageError):
        Settings.load(tmp_path / "none.toml")


def test_alerts_from_the_file_keep_their_secrets(tmp_path: Path) -> None:
    config = write(
        tmp_path,
        '[alerts]\nwebhook_url = "https://chat.example/hooks/s3cr3t"\nsmtp_host = "mail.example"\n'
        'smtp_from = "postai@example.org"\nsmtp_to = ["dba@example.org"]\nsmtp_password = "s3cr3t"\n',
    )
    alerts = Settings.load(config).alerts
    assert (alerts.port, alerts.smtp_to, alerts.minimum_severity) == (587, ("dba@example.org",), "MEDIUM")
    assert "s3cr3t" not in repr(alerts)
    config.write_text('[alerts]\nwebhook_url = "file:///s3cr3t"\n')
    with pytest.raises(UsageError) as failure:
        Settings.load(config)
    assert "alerts.webhook_url" in str(failure.value.detail) and "s3cr3t" not in str(failure.value.detail)
