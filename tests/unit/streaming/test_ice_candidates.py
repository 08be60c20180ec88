"""Which addresses are announced, and in which order."""

import ipaddress
import socket

import pytest

from streaming.ice.candidates import announced_addresses, candidate_lines
from streaming.ice.credentials import IceCredentials
from streaming.ice.servers import IceServers
from streaming.relay.addresses import local_addresses
from streaming.settings import StreamingSettings

LOCAL = [
    ("127.0.0.1", 8001),
    ("192.168.1.5", 8001),
    ("2001:db8::5", 8001),
    ("203.0.113.9", 8001),
    ("::1", 8001),
]


def hosts(public: list[str]) -> list[str]:
    return [
        host
        for host, _ in announced_addresses(
            [("127.0.0.1", 8001), ("192.168.1.5", 8001), ("8.8.4.4", 8001)], public
        )
    ]


def test_global_addresses_come_before_private_ones_and_loopback_last() -> None:
    assert hosts([]) == ["8.8.4.4", "192.168.1.5", "127.0.0.1"]


def test_public_address_is_announced_first() -> None:
    assert hosts(["9.9.9.9"]) == ["9.9.9.9", "8.8.4.4", "192.168.1.5", "127.0.0.1"]


def test_mapped_public_address_stands_for_its_private_one() -> None:
    assert hosts(["9.9.9.9=192.168.1.5"]) == ["9.9.9.9", "8.8.4.4", "127.0.0.1"]


@pytest.mark.parametrize("entry", ["not an address", "9.9.9.9=10.0.0.1", "9.9.9.9:8001"])
def test_public_address_that_cannot_be_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        announced_addresses(LOCAL, [entry])


def test_every_address_is_a_udp_and_a_passive_tcp_candidate_with_falling_priorities() -> None:
    lines = [line.split() for line in candidate_lines(LOCAL)]
    over_udp, over_tcp = lines[: len(LOCAL)], lines[len(LOCAL) :]
    assert all(line[1:3] == ["1", "udp"] and line[6:] == ["typ", "host"] for line in over_udp)
    assert all(
        line[1:3] == ["1", "tcp"] and line[6:] == ["typ", "host", "tcptype", "passive"] for line in over_tcp
    )
    for group in (over_udp, over_tcp):
        assert [(line[4], int(line[5])) for line in group] == LOCAL
    priorities = [int(line[3]) for line in lines]
    assert priorities == sorted(set(priorities), reverse=True)
    assert priorities[0] == 2130706431
    # RFC 6544 §4.2 with type preference 90 and direction preference 4 (passive).
    assert priorities[len(LOCAL)] == (90 << 24) + ((4 * 2**13 + 8191) << 8) + 255
    assert len({line[0] for line in lines}) == 2 * len(LOCAL)


def test_local_addresses_have_loopback_and_can_be_bound() -> None:
    found = local_addresses()
    assert "127.0.0.1" in found
    for text in found:
        address = ipaddress.ip_address(text)
        assert not address.is_link_local
        with socket.socket(
            socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM
        ) as probe:
            probe.bind((text, 0))


def test_credentials_have_the_entropy_and_letters_of_ice() -> None:
    first, second = IceCredentials.generate(), IceCredentials.generate()
    assert first.ufrag != second.ufrag
    assert len(first.pwd) >= 22
    assert first.pwd not in repr(first)


def test_turn_credentials_are_what_coturn_computes_and_are_told_to_nobody_else() -> None:
    servers = IceServers(["stun:stun.example.net"], ["turn:turn.example.net"], "secret")
    plain, turn = servers.links('membér "7"', 1_790_000_000)
    assert plain == '<stun:stun.example.net>; rel="ice-server"'
    # echo -n 1790043200:memb%C3%A9r%20%227%22 | openssl dgst -sha1 -hmac secret -binary | base64
    assert turn == (
        '<turn:turn.example.net>; rel="ice-server"; username="1790043200:memb%C3%A9r%20%227%22"; '
        'credential="Q25N+2xzlCVQ//N5u6ZKCa3fua4="; credential-type="password"'
    )
    assert "secret" not in repr(servers)


def test_turn_urls_need_their_secret() -> None:
    with pytest.raises(ValueError, match="together"):
        StreamingSettings(turn_urls="turn:turn.example.net")  # type: ignore[arg-type]


def test_settings_are_read_from_the_environment_and_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIJIAN_MEDIA_PORT", "9001")
    monkeypatch.setenv("ZHIJIAN_MEDIA_PUBLIC_ADDRESSES", "9.9.9.9=192.168.1.5, 9.9.9.10")
    settings = StreamingSettings()
    assert settings.media_port == 9001
    assert settings.media_public_addresses == ("9.9.9.9=192.168.1.5", "9.9.9.10")
    assert all(field.description for field in StreamingSettings.model_fields.values())
