"""Settings of the API and of the embedded server, from `ZHIJIAN_*`; documented in docs/settings.md."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """Every setting has a working default; `make run` needs none."""

    model_config = SettingsConfigDict(env_prefix="ZHIJIAN_", extra="ignore")

    http_host: str = Field("127.0.0.1", description="Address the HTTP server binds to.")
    http_port: int = Field(
        8000, ge=0, le=65535, description="TCP port of pages, API, WHIP/WHEP and replay; 0 takes a free one."
    )
    data_dir: Path = Field(
        Path("data"), description="Folder of everything that is kept: database, keys, recordings, backups."
    )
    public_url: str | None = Field(
        None,
        description="Address people use, such as `https://zhijian.example.edu`; default: the bound address.",
    )
    tls_cert: Path | None = Field(
        None, description="Certificate chain (PEM); with `ZHIJIAN_TLS_KEY` the server speaks HTTPS itself."
    )
    tls_key: Path | None = Field(None, description="Private key (PEM) of `ZHIJIAN_TLS_CERT`.")
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Comma-separated addresses or networks whose X-Forwarded-For and -Proto are believed.",
    )
    database_url: str | None = Field(
        None,
        description="SQLAlchemy URL, `sqlite+aiosqlite:///…` or `postgresql+psycopg://…`; default: a file.",
    )
    redis_url: str | None = Field(
        None, description="Redis that wakes other processes; default: wake-ups within this process."
    )
    media_url: str | None = Field(
        None, description="Where the API reaches a media node that runs apart; default: embedded."
    )
    recordings_url: str | None = Field(
        None, description="Where the API reaches a recordings service that runs apart; default: embedded."
    )
    web_dist: Path | None = Field(
        None, description="Folder of the built web client; default: `web_client/dist` of the checkout."
    )
    log_format: Literal["console", "json"] = Field("console", description="How log lines look.")
    login_idle_minutes: int = Field(
        720, ge=5, description="A login not used for so long ends; a running lecture keeps it alive."
    )
    login_days: int = Field(
        30, ge=1, description="A login ends after so many days at the latest; a running lecture is never cut."
    )
    auto_end_minutes: int = Field(
        30, ge=1, description="A gathering with nothing published for so long ends by itself."
    )
    resume_minutes: int = Field(10, ge=0, description="For so long after End the host may resume.")

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )

    @property
    def keys_dir(self) -> Path:
        """Folder of the installation's keys."""
        return self.data_dir / "keys"

    @property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir.absolute() / 'zhijian.sqlite3'}"

    @property
    def feed_socket(self) -> Path:
        """The engine's recorder feed (docs/protocol/recorder_feed.md)."""
        return self.data_dir.absolute() / "media" / "feed.sock"
