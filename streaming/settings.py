"""Settings of the media node, from the environment (`ZHIJIAN_*`). Every field says what it does; nothing is
read elsewhere."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

AddressList = Annotated[tuple[str, ...], NoDecode]


class StreamingSettings(BaseSettings):
    """All the media node can be told. Lists are comma-separated."""

    model_config = SettingsConfigDict(env_prefix="ZHIJIAN_", extra="ignore", frozen=True)

    data_dir: Path = Field(Path("data"), description="Directory for everything this installation keeps.")
    media_port: int = Field(
        8001,
        ge=0,
        le=65535,
        description="Port of all media, UDP and TCP alike; 0 takes a free one (tests).",
    )
    media_addresses: AddressList = Field(
        (),
        description="Local addresses to open media sockets on; empty means every address of every interface.",
    )
    media_public_addresses: AddressList = Field(
        (),
        description="Addresses announced in addition, for NAT 1:1: `public` or `public=private`.",
    )
    media_ice_servers: AddressList = Field(
        (), description="STUN and TURN addresses told to clients, such as `stun:stun.example.org:3478`."
    )
    turn_urls: AddressList = Field(
        (),
        description="TURN servers with a shared secret, such as `turn:turn.example.org:3478?transport=tcp`; "
        "clients get credentials for 12 hours.",
    )
    turn_secret: SecretStr | None = Field(
        None,
        description="The secret those TURN servers know (coturn: `use-auth-secret`, `static-auth-secret`).",
    )
    media_max_sessions: int = Field(
        2000, ge=1, description="WHIP and WHEP sessions at a time; more are answered 503."
    )
    media_max_handshakes: int = Field(
        300,
        ge=1,
        description="Sessions that may be connecting at a time; more are told to come back in a moment.",
    )
    media_max_rooms: int = Field(
        500, ge=1, description="Rooms at a time; a session in one more is answered 503."
    )
    media_max_sessions_per_room: int = Field(
        1000, ge=1, description="Sessions of one room at a time; more are answered 503."
    )
    media_max_publications_per_room: int = Field(
        64, ge=1, description="Tracks published in one room at a time; a publisher beyond is answered 503."
    )
    media_max_sessions_per_participant: int = Field(
        12,
        ge=1,
        description="Sessions of one participant at a time: two devices with camera, screen and player fit. "
        "Silent ones give way to new ones; beyond it new ones are answered 429.",
    )
    media_max_offers_per_address: int = Field(
        600,
        ge=1,
        description="WHIP and WHEP offers one IPv4 address or IPv6 /64 network may send at once, and in ten "
        "seconds in the long run; more are answered 429.",
    )
    media_handshake_seconds: float = Field(
        15.0, gt=0, description="Time from the offer until ICE and DTLS must be connected."
    )
    media_workers: int = Field(
        0, ge=0, le=32, description="Media threads; 0 takes one for each core, at most eight."
    )
    media_remb_bps: int = Field(
        2_500_000, ge=100_000, description="Most bits a second a publisher is told to send (goog-remb)."
    )
    media_remb_min_bps: int = Field(
        150_000,
        ge=10_000,
        description="Fewest bits a second a publisher is told to send, however narrow its path.",
    )
    media_event_limit: int = Field(
        200_000,
        ge=1000,
        description="Unacknowledged events kept; beyond it the oldest are given up, counted and logged.",
    )
    media_token_key: Path | None = Field(
        None,
        description="PEM file with the public key (or keys) of room tokens; "
        "default `keys/room_token.pub.pem` in the data directory.",
    )
    media_metrics_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="Bearer token with which Prometheus may read `/metrics`, and nothing else; "
        "without it only control tokens may.",
    )
    media_http_host: str = Field(
        "127.0.0.1", description="Address of the HTTP interface when the media node runs apart."
    )
    media_http_port: int = Field(
        8002, ge=0, le=65535, description="TCP port of the HTTP interface when the media node runs apart."
    )

    @field_validator(
        "media_addresses", "media_public_addresses", "media_ice_servers", "turn_urls", mode="before"
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("media_metrics_token", mode="before")
    @classmethod
    def _none_when_empty(cls, value: object) -> object:
        return value or None

    @model_validator(mode="after")
    def _has_both_or_none(self) -> Self:
        if bool(self.turn_urls) != (self.turn_secret is not None):
            raise ValueError("ZHIJIAN_TURN_URLS and ZHIJIAN_TURN_SECRET are set together or not at all")
        return self

    @property
    def token_key_path(self) -> Path:
        """Where the public keys of room tokens are read from."""
        return self.media_token_key or self.data_dir / "keys" / "room_token.pub.pem"

    @property
    def event_spool_path(self) -> Path:
        """JSON lines file of events that the API has not acknowledged."""
        return self.data_dir / "media" / "events.jsonl"

    @property
    def feed_socket_path(self) -> Path:
        """Unix stream socket on which recorders are fed (docs/protocol/recorder_feed.md)."""
        return self.data_dir / "media" / "feed.sock"
