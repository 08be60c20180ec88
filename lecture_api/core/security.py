"""Passwords, encrypted fields, searchable indexes of encrypted fields, random tokens.

person_no, phone and e-mail are stored encrypted and found by an HMAC index (joints.md §11). No login logic
here.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from lecture_api.core import key_files

_NONCE_BYTES = 12
# Look-alikes left out: these are read from a slip of paper.
_TYPEABLE = "abcdefghjkmnpqrstuvwxyz23456789"


def new_token() -> str:
    """256 random bits, URL-safe: a login cookie."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What of a token is stored: SHA-256 in hex. Enough for a random token; never for a password."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_password() -> str:
    """A one-time or demo password that can be typed from paper: three groups of four, about 59 bits."""
    groups = ("".join(secrets.choice(_TYPEABLE) for _ in range(4)) for _ in range(3))
    return "-".join(groups)


class PasswordKeeper:
    """argon2id, off the event loop: one check takes tens of milliseconds by design."""

    def __init__(self, *, time_cost: int = 3, memory_kib: int = 65536) -> None:
        self._hasher = PasswordHash([Argon2Hasher(time_cost=time_cost, memory_cost=memory_kib)])
        self._decoy = self._hasher.hash(new_token())

    async def hash(self, password: str) -> str:
        """The string to store."""
        return await asyncio.to_thread(self._hasher.hash, password)

    async def fits(self, password: str, stored: str | None) -> bool:
        """Whether the password is right. `stored=None` (no such account) takes just as long and is False."""
        fits = await asyncio.to_thread(self._hasher.verify, password, stored or self._decoy)
        return fits and stored is not None


class KeyRing:
    """The field encryption keys (several, newest first used) and the index key of one installation.

    `fields.json`: {"current": id, "keys": {id: base64 of 32 bytes}}. `rotate` adds a key; values under old
    keys stay readable until they are written again.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "fields.json"
        self._current: str
        self._keys: dict[str, bytes]
        self._load(key_files.load_or_create(self._path, _first_ring))
        self._index_key = key_files.load_or_create(folder / "index.key", lambda: secrets.token_bytes(32))

    def encrypt(self, text: str, field: str) -> str:
        """`key id:base64(nonce ‖ ciphertext)`, bound to the name of the field, so values cannot be
        swapped."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self._keys[self._current]).encrypt(nonce, text.encode(), field.encode())
        return f"{self._current}:{base64.b64encode(nonce + sealed).decode()}"

    def decrypt(self, value: str, field: str) -> str:
        """The text again.

        Raises:
            ValueError: the key is gone, or the value was changed or belongs to another field.
        """
        key_id, _, body = value.partition(":")
        if key_id not in self._keys:
            raise ValueError(f"no field key of this id: {key_id}")
        raw = base64.b64decode(body)
        try:
            return (
                AESGCM(self._keys[key_id])
                .decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], field.encode())
                .decode()
            )
        except InvalidTag as error:
            raise ValueError(f"field does not decrypt: {field}") from error

    def index(self, text: str, field: str) -> str:
        """HMAC-SHA256 in hex, by which an encrypted value is found again. Case and outer spaces do not
        matter."""
        message = f"{field}\0{text.strip().casefold()}".encode()
        return hmac.new(self._index_key, message, hashlib.sha256).hexdigest()

    def rotate(self) -> str:
        """Add a new field key and use it from now on; returns its id."""
        key_id = f"k{len(self._keys) + 1}"
        self._keys[key_id] = secrets.token_bytes(32)
        self._current = key_id
        encoded = {name: base64.b64encode(key).decode() for name, key in self._keys.items()}
        key_files.replace(self._path, json.dumps({"current": key_id, "keys": encoded}).encode())
        return key_id

    def _load(self, content: bytes) -> None:
        ring = json.loads(content)
        self._current = ring["current"]
        self._keys = {name: base64.b64decode(key) for name, key in ring["keys"].items()}


def _first_ring() -> bytes:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return json.dumps({"current": "k1", "keys": {"k1": key}}).encode()


def mask(text: str) -> str:
    """A number with its middle hidden: `DEMO0001` → `DE***01`."""
    return f"{text[:2]}***{text[-2:]}" if len(text) > 4 else "***"
