"""Settings of the recordings service, read from `ZHIJIAN_*`. No defaults hide elsewhere.

Media constants with a reason stay by their use.
"""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class RecordingsSettings(BaseSettings):
    """What an operator may choose."""

    model_config = SettingsConfigDict(env_prefix="ZHIJIAN_", extra="ignore")

    data_dir: Path = Field(
        default=Path("data"),
        description="Root of everything on disk; recordings are in `recordings/`, keys in `keys/`.",
    )
    disk_low_ratio: float = Field(
        default=0.10, ge=0, lt=1, description="Free share of the disk below which the studio warns."
    )
    disk_reserve_mib: int = Field(
        default=64, ge=0, description="Free MiB below which recording pauses before the database starves."
    )
    recorder_restart_s: float = Field(
        default=0.2, gt=0, description="Seconds between a recorder's death and its restart."
    )

    @property
    def recordings_dir(self) -> Path:
        """Directory with one directory (0700) for each recording."""
        return self.data_dir / "recordings"

    @property
    def room_token_public_key(self) -> Path:
        """Ed25519 public key, PEM SubjectPublicKeyInfo, that verifies control tokens."""
        return self.data_dir / "keys" / "room_token.pub.pem"

    @property
    def replay_key(self) -> Path:
        """32 bytes shared with the API, which mints replay grants."""
        return self.data_dir / "keys" / "replay.key"
