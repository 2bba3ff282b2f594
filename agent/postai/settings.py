"""Configuration of the sidecar and the command line.

Sources from weak to strong: the TOML file, the environment, flags. A setting that a database overrides
(`postai.set` in SQL) is not here: it is read from `postai.setting` by whoever serves that database.
"""

from __future__ import annotations

import os
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from postai.errors import UsageError

DEFAULT_MODEL = "claude-sonnet-5-5"


def config_directory() -> Path:
    """Where the configuration lies: `$POSTAI_CONFIG_DIR`, else the platform's own place for it."""
    chosen = os.environ.get("POSTAI_CONFIG_DIR")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", str(Path.home()))) / "postai"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "postai"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "postai"


def default_socket_directory() -> Path:
    """Where the agent's socket lies when nothing is configured: /run/postai for root, else a private directory.

    A unix socket path may have 107 bytes at most, so the fallback stays short.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/run/postai")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        return Path(runtime) / "postai"
    owner = os.getuid() if hasattr(os, "getuid") else 0
    return Path(tempfile.gettempdir()) / f"postai-{owner}"


class AgentSettings(BaseModel):
    """The sidecar itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    socket_directory: Path = Field(
        default_factory=default_socket_directory, description="directory of the unix socket, mode 0750"
    )
    socket_group: str | None = Field(default=None, description="OS group shared by the server's OS user and the agent")
    server_os_user: str = Field(default="postgres", description="OS user that runs PostgreSQL; its uid may connect")
    workers: int = Field(default=4, ge=1, le=64, description="threads that answer questions and run jobs")
    log_format: Literal["text", "json"] = Field(default="text", description="one line per event, text or JSON")

    @property
    def socket_path(self) -> Path:
        return self.socket_directory / "agent.sock"


class DatabaseSettings(BaseModel):
    """One database the sidecar serves.

    The connection strings carry no password: use a passfile, a service, or the environment.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="the name used in logs and commands")
    dsn: str = Field(description="connection string, keywords or URI, without a password")
    direct_dsn: str | None = Field(
        default=None, description="connection past the transaction pooler, for LISTEN and advisory locks"
    )

    @field_validator("dsn", "direct_dsn")
    @classmethod
    def _no_password(cls, value: str | None) -> str | None:
        return _without_password(value)

    @property
    def direct(self) -> str:
        """The connection string for sessions that must last."""
        return self.direct_dsn or self.dsn


def _without_password(value: str | None) -> str | None:
    if value is None:
        return value
    lowered = value.lower().replace(" ", "")
    in_uri = "://" in value and ":" in value.split("://", 1)[1].split("@", 1)[0] and "@" in value
    if "password=" in lowered or in_uri:
        raise ValueError("a connection string here carries no password; use passfile=... or service=...")
    return value


class ModelSettings(BaseModel):
    """The language model. Without a key (and without a base URL) the embedded engine works alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_key: SecretStr | None = Field(default=None, description="Anthropic API key; ANTHROPIC_API_KEY is read too")
    base_url: str | None = Field(default=None, description="another server that speaks the Messages API")
    model: str = Field(default=DEFAULT_MODEL, description="model id")
    timeout_seconds: float = Field(default=30.0, gt=0, le=600, description="one request")
    max_retries: int = Field(default=2, ge=0, le=10, description="more attempts after a failure that may pass")
    daily_budget_usd: Decimal = Field(default=Decimal(5), ge=0, description="per home database and day; 0 = no calls")
    input_usd_per_million_tokens: Decimal = Field(
        default=Decimal(15),
        ge=0,
        description="price of what is sent; take it from your price list, 0 for a model of your own",
    )
    output_usd_per_million_tokens: Decimal = Field(
        default=Decimal(75), ge=0, description="price of what is answered; the default is high, so that a budget holds"
    )
    share_values: bool = Field(default=False, description="may row values be sent to the model")

    @property
    def configured(self) -> bool:
        """Whether any model can be called."""
        return self.api_key is not None or self.base_url is not None


class AlertSettings(BaseModel):
    """Where the agent sends alerts, besides its log and NOTIFY on channel postai_alert."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    minimum_severity: Literal["LOW", "MEDIUM", "HIGH"] = Field(
        default="MEDIUM", description="alerts below it are not sent"
    )
    webhook_url: SecretStr | None = Field(
        default=None, description="http or https address that each alert is posted to as JSON; treated as a secret"
    )
    smtp_host: str | None = Field(default=None, description="mail server; alerts go by e-mail when it is set")
    smtp_port: int | None = Field(default=None, ge=1, le=65535, description="its port; 587, 465 with smtp_tls = tls")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(default="starttls", description="how the mail is encrypted")
    smtp_ca_file: Path | None = Field(default=None, description="certificates that are trusted; else the system's")
    smtp_user: str | None = Field(default=None, description="login at the mail server")
    smtp_password: SecretStr | None = Field(default=None, description="its password; never sent without encryption")
    smtp_from: str = Field(default="", description="sender of the mails")
    smtp_to: tuple[str, ...] = Field(default=(), description="receivers of the mails")
    timeout_seconds: float = Field(default=10.0, gt=0, le=60, description="for one step of sending")

    @property
    def port(self) -> int:
        """Port of the mail server."""
        return self.smtp_port or {"starttls": 587, "tls": 465, "none": 25}[self.smtp_tls]

    @field_validator("webhook_url")
    @classmethod
    def _only_http(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().lower().startswith(("http://", "https://")):
            raise ValueError("a webhook's address begins with https:// or http://")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.smtp_host is not None and not (self.smtp_from and self.smtp_to):
            raise ValueError("smtp_host needs smtp_from and smtp_to")
        if self.smtp_password is not None and self.smtp_tls == "none":
            raise ValueError("smtp_password is not sent without encryption: set smtp_tls to starttls or tls")
        return self


class RedirectSettings(BaseModel):
    """How the clients of a move are sent to the other side; which keys a driver takes says docs/switch.md.

    Only here: what a database says never names a program to run or an address to call.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="name of the move that it is for")
    driver: Literal["pgbouncer", "file", "command", "http"] = Field(description="what sends the clients")
    source: str | None = Field(
        default=None, description="where clients (or PgBouncer) reach the source; else as the connection says"
    )
    target: str | None = Field(default=None, description="the same for the target")
    admin: str | None = Field(default=None, description="PgBouncer's console, without a password")
    file: str | None = Field(default=None, description="PgBouncer's file with the lines of the databases")
    databases: tuple[str, ...] | None = Field(default=None, description="their names in it")
    path: str | None = Field(default=None, description="file with the connection string, or a service file")
    service: str | None = Field(default=None, description="section of the service file")
    command: tuple[str, ...] | None = Field(default=None, description="program and first arguments")
    url: SecretStr | None = Field(default=None, description="web service; treated as a secret")
    seconds: float | None = Field(default=None, gt=0, le=60, description="limit of one call of a program or service")

    @field_validator("source", "target", "admin")
    @classmethod
    def _no_password(cls, value: str | None) -> str | None:
        return _without_password(value)

    def options(self) -> dict[str, object]:
        """What was given, but the name; the URL as it is."""
        given = self.model_dump(exclude={"name"}, exclude_none=True)
        return {**given, "url": self.url.get_secret_value()} if self.url else given


class EdgeDatabase(BaseModel):
    """A database that clients of the edge may ask for. Without any, they may ask for every one of the server's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="name that clients give; `*` stands for all that are not named")
    server: str | None = Field(default=None, description="connection string of its server; else that of [edge]")
    dbname: str | None = Field(default=None, description="its name on the server; else the same")
    cache: bool = Field(default=False, description="keep answers in memory while nothing changes them")


class EdgeNode(BaseModel):
    """A server of a cluster; which one is the primary the edge finds out (docs/edge-routing.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=63, description="as figures and rules call it")
    server: str = Field(description="its connection string, without user and password")
    region: str | None = Field(default=None, description="where it is; rules keep data in regions")
    weight: float = Field(default=1, ge=0, le=1000, description="reads that it gets beside servers that are as near")
    patroni: str | None = Field(
        default=None, pattern="^https?://", description="address of its Patroni's REST interface: http://db1:8008"
    )

    @field_validator("server")
    @classmethod
    def _no_password(cls, value: str) -> str:
        return _without_password(value) or value


class EdgeSettings(BaseModel):
    """The edge: a process that listens like a PostgreSQL server and stands before one (docs/edge.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen_addresses: tuple[str, ...] = Field(default=("127.0.0.1",), description="where it listens; `*` = everywhere")
    port: int = Field(default=6432, ge=1, le=65535, description="TCP port that it listens on")
    unix_socket_directory: Path | None = Field(default=None, description="where it has a unix socket, too")
    unix_socket_permissions: str = Field(default="0777", pattern="^0?[0-7]{3}$", description="its mode, octal")
    processes: int = Field(default=1, ge=1, le=64, description="processes; limits of clients and pools count in each")
    runtime_directory: Path = Field(
        default_factory=default_socket_directory, description="where `post-ai edge stats` and `purge` find it"
    )
    admin_port: int | None = Field(
        default=None, ge=1, le=65535, description="TCP port on 127.0.0.1 with /metrics and /figures; else none"
    )
    server: str | None = Field(
        default=None, description="connection string of the server, without user and password; several hosts in order"
    )
    database: tuple[EdgeDatabase, ...] = Field(default=(), description="sections [[edge.database]]")
    node: tuple[EdgeNode, ...] = Field(default=(), description="sections [[edge.node]], instead of server")
    health_dsn: str | None = Field(
        default=None, description="connection of the role that asks each node how it is, without a host"
    )
    region: str | None = Field(default=None, description="where the edge is: nodes of its region are read first")
    home: str | None = Field(default=None, description="connection of a role that reads the edge's rules in postai")
    max_staleness: float = Field(
        default=1, ge=0.5, le=3600, description="seconds that an answer may be old that does not come of the primary"
    )
    ssl_cert_file: Path | None = Field(default=None, description="certificate with its chain (PEM), for TLS")
    ssl_key_file: Path | None = Field(default=None, description="its key (PEM)")
    ssl_required: bool = Field(default=False, description="refuse clients without TLS")
    auth: Literal["relay", "scram", "password"] = Field(
        default="relay",
        description="relay: the server asks the client; scram: the edge does, with what auth_file or auth_dsn says;"
        " password: the client tells it to the edge (TLS only), and the server judges",
    )
    auth_file: Path | None = Field(default=None, description='lines of `"name" "secret"`, as PgBouncer reads them')
    auth_dsn: str | None = Field(default=None, description="connection of a role that may read stored passwords")
    auth_query: str = Field(
        default="select rolpassword from pg_catalog.pg_authid where rolname = $1 and rolcanlogin"
        " and coalesce(rolvaliduntil > pg_catalog.now(), true)",
        description="what it asks there; $1 is the user's name",
    )
    max_connections: int = Field(default=10000, ge=1, le=1000000, description="clients at a time")
    authentication_timeout: float = Field(default=60, gt=0, le=600, description="seconds that a login may take")
    stop_timeout: float = Field(default=60, ge=0, le=86400, description="seconds that sessions may go on after SIGTERM")
    pool_mode: Literal["session", "transaction"] = Field(
        default="session",
        description="session: each client has a server connection; transaction: only during its transactions",
    )
    pool_size: int = Field(
        default=20, ge=1, le=10000, description="server connections of a database, user and startup parameters at most"
    )
    pool_min_size: int = Field(default=0, ge=0, le=10000, description="of these, how many stay open without clients")
    pool_queue: int = Field(default=10000, ge=0, le=1000000, description="clients that may wait for one of them")
    pool_wait_timeout: float = Field(default=60, gt=0, le=86400, description="seconds that a client may wait for one")
    pool_idle_timeout: float = Field(default=60, ge=0, le=86400, description="seconds that an unused one stays open")
    pool_statements: int = Field(
        default=500, ge=1, le=100000, description="prepared statements that a server connection keeps"
    )
    cache_dsn: str | None = Field(
        default=None,
        description="connection of a role with REPLICATION, which follows changes; without: only rules keep",
    )
    publication: str = Field(default="postai_edge", description="the publication whose tables are cached")
    cache_size: int = Field(default=256, ge=1, le=1_000_000, description="MiB for answers in memory, in each process")
    cache_max_reply: int = Field(default=1024, ge=1, le=65536, description="KiB of the largest answer that is kept")
    cache_ttl: float = Field(
        default=3600,
        gt=0,
        le=864000,
        description="seconds for which an answer is kept at most, even if nothing changes",
    )
    cache_warm: int = Field(
        default=1000,
        ge=0,
        le=100_000,
        description="answers of a database that are asked for again when all were forgotten; 0 = none",
    )
    pgbouncer: Literal["session", "transaction"] | None = Field(
        default=None, description="pool_mode of a PgBouncer that the edge starts before its server; else none"
    )
    idle_in_transaction_timeout: float = Field(
        default=0,
        ge=0,
        le=86400,
        description="seconds that a client of a pool may leave its transaction or its answer alone; 0 = no limit",
    )
    cache_directory: Path | None = Field(
        default=None, description="where replies are kept in files too, for this machine; they hold what users read"
    )
    cache_directory_mb: int = Field(default=1024, ge=1, le=1000000, description="megabytes of each database's file")
    cache_url: SecretStr | None = Field(
        default=None, description="Valkey or Redis server in which edges share replies: redis://, rediss://, unix://"
    )

    @field_validator("server", "auth_dsn", "health_dsn", "home", "cache_dsn")
    @classmethod
    def _no_password(cls, value: str | None) -> str | None:
        return _without_password(value)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.ssl_cert_file is None) != (self.ssl_key_file is None):
            raise ValueError("ssl_cert_file and ssl_key_file go together")
        if self.auth == "scram" and (self.auth_file is None) == (self.auth_dsn is None):
            raise ValueError('auth = "scram" needs auth_file or auth_dsn')
        if self.auth != "scram" and (self.auth_file or self.auth_dsn):
            raise ValueError('auth_file and auth_dsn are for auth = "scram"')
        if self.ssl_cert_file is None and (self.ssl_required or self.auth == "password"):
            raise ValueError('ssl_required and auth = "password" need ssl_cert_file and ssl_key_file')
        if self.node and self.server is not None:
            raise ValueError("server and [[edge.node]] exclude each other")
        if len({one.name for one in self.node}) < len(self.node):
            raise ValueError("two sections [[edge.node]] have one name")
        if bool(self.node) != (self.health_dsn is not None):
            raise ValueError("[[edge.node]] and health_dsn go together")
        if self.cache_directory is not None and self.cache_url is not None:
            raise ValueError("cache_directory and cache_url exclude each other")
        if self.pool_mode == "transaction" and self.auth == "relay":
            raise ValueError(
                'pool_mode = "transaction" needs auth = "scram" or "password": the edge itself must log in'
            )
        if self.pool_mode != "transaction" and any(one.cache for one in self.database):
            raise ValueError('cache = true needs pool_mode = "transaction"')
        cached = {(one.dbname or one.name, one.server) for one in self.database if one.cache}
        if len({name for name, _ in cached}) < len(cached):
            raise ValueError("cache = true for databases of one name on two servers: cache_dsn is about one of them")
        if self.pool_min_size > self.pool_size:
            raise ValueError("pool_min_size is more than pool_size")
        if self.pgbouncer is not None and (self.auth_file is None or self.node):
            raise ValueError('pgbouncer needs auth = "scram" with auth_file, and no [[edge.node]]')
        if self.pgbouncer == "transaction" and self.pool_mode == "transaction":
            raise ValueError('pgbouncer = "transaction" is for pool_mode = "session": one of them pools')
        return self


class OidcLogin(BaseModel):
    """Whom of a provider's people a login to PostgreSQL stands for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    claim: str = Field(description="claim of the ID token; email counts only where the provider verified it")
    value: str = Field(description="what it must be, or hold where it is a list")
    dsn: str = Field(description="user and passfile of their login; host and dbname are those of each database")

    @field_validator("dsn")
    @classmethod
    def _no_password(cls, value: str) -> str | None:
        return _without_password(value)


class OidcSettings(BaseModel):
    """Logging in at an OpenID Connect provider (docs/web-security.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str = Field(
        pattern=r"^(https://|http://(127\.0\.0\.1|localhost)[:/])", description="the provider's issuer, https"
    )
    client_id: str = Field(description="name of this dashboard at the provider")
    client_secret: SecretStr | None = Field(default=None, description="its secret: POSTAI_WEB__OIDC__CLIENT_SECRET")
    client_secret_file: Path | None = Field(default=None, description="file that holds the secret")
    scope: str = Field(default="openid profile email", description="what the provider is asked for")
    name_claim: str = Field(default="email", description="claim that names a person on pages and in events")
    login: tuple[OidcLogin, ...] = Field(
        default=(), description="logins by claim, the first that fits; without one, a person stands on reader_dsn"
    )


class WebSettings(BaseModel):
    """The dashboard: pages and the HTTP API (docs/web.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen_address: str = Field(default="127.0.0.1", description="address that it listens on")
    port: int = Field(default=8432, ge=1, le=65535, description="TCP port that it listens on")
    ssl_cert_file: Path | None = Field(default=None, description="certificate with its chain (PEM), for https")
    ssl_key_file: Path | None = Field(default=None, description="its key (PEM)")
    trusted_proxies: tuple[str, ...] = Field(
        default=(), description="addresses of proxies whose X-Forwarded-For and -Proto count"
    )
    session_hours: float = Field(default=12, gt=0, le=720, description="hours after which a login ends")
    idle_minutes: float = Field(default=60, gt=0, le=1440, description="minutes without use after which it ends")
    demo_dsn: str | None = Field(
        default=None,
        description="connection of a login with next to no rights, for anybody's questions on the landing page",
    )

    reader_dsn: str | None = Field(
        default=None,
        description="login that is a member of postai_reader alone, for tokens, links and people without a role; "
        "user and passfile, host and dbname are those of each database",
    )

    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/?#@]+$",
        description="address by which people reach it, without a path; then no other host is answered",
    )
    oidc: OidcSettings | None = Field(default=None, description="a provider to log in at (needs public_url)")

    @field_validator("demo_dsn", "reader_dsn")
    @classmethod
    def _no_password(cls, value: str | None) -> str | None:
        return _without_password(value)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.ssl_cert_file is None) != (self.ssl_key_file is None):
            raise ValueError("ssl_cert_file and ssl_key_file go together")
        if self.oidc is not None and self.public_url is None:
            raise ValueError("oidc needs public_url: the provider sends people back there")
        return self


class Settings(BaseSettings):
    """Everything that the file, the environment and the flags say."""

    model_config = SettingsConfigDict(
        env_prefix="POSTAI_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    agent: AgentSettings = Field(default_factory=AgentSettings)
    databases: tuple[DatabaseSettings, ...] = Field(default=(), validation_alias="database")
    model: ModelSettings = Field(default_factory=ModelSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings)
    redirects: tuple[RedirectSettings, ...] = Field(default=(), validation_alias="redirect")
    edge: EdgeSettings = Field(default_factory=EdgeSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    lint: dict[str, Any] = Field(default_factory=dict, description="read by `post-ai lint` alone (docs/lint.md)")

    @classmethod
    def load(cls, config: Path | None = None, **flags: Any) -> Settings:
        """Read all sources.

        Args:
            config: the TOML file; None = `postai.toml` in the configuration directory, which may be missing.
            flags: nested values that win over everything, for example `model={"model": "..."}`.

        Raises:
            UsageError: the file is missing or malformed, or a value does not fit; names the setting, never its value.
        """
        path = config or config_directory() / "postai.toml"
        if config is not None and not config.is_file():
            raise UsageError(f"there is no configuration file {config}", hint="Create it with `post-ai init`.")

        class Loader(cls):  # type: ignore[valid-type,misc]
            @classmethod
            def settings_customise_sources(
                cls,
                settings_cls: type[BaseSettings],
                init_settings: PydanticBaseSettingsSource,
                env_settings: PydanticBaseSettingsSource,
                dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (signature of pydantic-settings)
                file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            ) -> tuple[PydanticBaseSettingsSource, ...]:
                return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=path))

        try:
            loaded = Loader(**flags)
        except ValidationError as error:
            places = "; ".join(
                f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
                for item in error.errors(include_input=False)
            )
            raise UsageError(
                "the configuration has a mistake",
                detail=f"{path}: {places}",
                hint="docs/reference/settings.md lists every key.",
            ) from None
        except ValueError as error:
            raise UsageError(
                f"the configuration file {path} is not valid TOML",
                detail=str(error),
                hint="Mend that place; `post-ai agent --help` and docs/reference/settings.md describe the file.",
            ) from None
        except OSError as error:
            raise UsageError(
                f"the configuration file {path} cannot be read",
                detail=error.strerror,
                hint=f"Let this OS user read it: ls -l '{path}'",
            ) from None
        return cls.model_construct(
            agent=loaded.agent,
            databases=loaded.databases,
            model=_with_anthropic_environment(loaded.model),
            alerts=loaded.alerts,
            redirects=loaded.redirects,
            edge=loaded.edge,
            web=loaded.web,
        )


def _with_anthropic_environment(model: ModelSettings) -> ModelSettings:
    """Fill key and base URL from the variables that Anthropic's own tools read, where postai's are silent."""
    key = model.api_key
    if key is None and os.environ.get("ANTHROPIC_API_KEY"):
        key = SecretStr(os.environ["ANTHROPIC_API_KEY"])
    return model.model_copy(
        update={"api_key": key, "base_url": model.base_url or os.environ.get("ANTHROPIC_BASE_URL") or None}
    )
