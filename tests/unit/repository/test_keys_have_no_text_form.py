"""What holds a key, a password or a salt in Rust derives no `Debug`; in Python its `repr` leaves it out."""

import re
from pathlib import Path

from streaming.dtls.association import SrtpKeys

RUST = Path(__file__).resolve().parents[3] / "streaming" / "rust"
STRUCTS = re.compile(
    r"((?:#\[[^\]]*\]\s*)*)(?:pub(?:\([a-z]+\))? )?(?:struct|enum) (\w+)[^;{]*\{(.*?)\n\}", re.DOTALL
)
SECRET_FIELD = re.compile(r"\b(pwd|password|salt|keys?|secret|hmac|local|remote|material)\s*:\s*([^,\n]+)")
SECRET_TYPE = re.compile(
    r"Vec<u8>|String|\[u8|Aes|Hmac|Cipher|SessionKeys|LessSafeKey|UnboundKey|Credentials"
)


def test_no_rust_type_with_key_material_derives_debug() -> None:
    found, holders = [], set()
    for path in sorted(RUST.glob("relay_*/src/**/*.rs")):
        for attributes, name, body in STRUCTS.findall(path.read_text(encoding="utf-8")):
            if any(SECRET_TYPE.search(kind) for _, kind in SECRET_FIELD.findall(body)):
                holders.add(name)
                if re.search(r"derive\([^)]*\bDebug\b", attributes):
                    found.append(f"{path.relative_to(RUST)}: {name}")
    assert holders >= {"SessionKeys", "Credentials", "Peer"}, "the search finds those we know"
    assert found == []


def test_repr_of_srtp_keys_leaves_the_keys_out() -> None:
    text = repr(SrtpKeys("SRTP_AEAD_AES_128_GCM", local=b"l" * 28, remote=b"r" * 28))
    assert text == "SrtpKeys(profile='SRTP_AEAD_AES_128_GCM')"
