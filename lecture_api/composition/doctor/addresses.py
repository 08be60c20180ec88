"""Where browsers are told to send media to: whether those addresses are ours, and who can reach them."""

import ipaddress
from collections.abc import Iterator, Sequence

import psutil

from lecture_api.composition.doctor.findings import Finding
from streaming.ice.candidates import announced_addresses
from streaming.relay.addresses import local_addresses
from streaming.settings import StreamingSettings


def announced(media: StreamingSettings) -> Iterator[Finding]:
    """The addresses that answers will name."""
    present = _on_interfaces()
    local = list(media.media_addresses) or local_addresses()
    missing = [address for address in local if _canonical(address) not in present]
    subject = "media addresses"
    if missing:
        yield Finding.problem(
            "media_addresses",
            subject,
            f"not on any interface of this machine: {', '.join(missing)}",
            "correct ZHIJIAN_MEDIA_ADDRESSES, or leave it empty to use every address there is",
        )
        return
    if not local:
        yield Finding.problem(
            "media_addresses",
            subject,
            "none: browsers have nowhere to send to",
            "bring an interface up",
        )
        return
    try:
        told = announced_addresses(
            [(address, media.media_port) for address in local], media.media_public_addresses
        )
    except ValueError as error:
        advice = "write ZHIJIAN_MEDIA_PUBLIC_ADDRESSES as public or public=private, with addresses, not names"
        yield Finding.problem("media_addresses", subject, str(error), advice)
        return
    yield Finding.ok("media_addresses", subject, ", ".join(address for address, _ in told))
    yield _reach([address for address, _ in told], media)


def _reach(told: Sequence[str], media: StreamingSettings) -> Finding:
    """Who can take part, by the kind of the addresses announced; only a browser outside can tell for sure."""
    code, subject = "public_addresses", "reach"
    kinds = [ipaddress.ip_address(address) for address in told]
    public = [str(address) for address in kinds if address.is_global]
    firewall = f"a firewall in between must let UDP and TCP port {media.media_port} in; /diagnose shows it"
    if public:
        return Finding.ok(code, subject, f"from everywhere, by {', '.join(public)}; {firewall}")
    advice = "behind NAT set ZHIJIAN_MEDIA_PUBLIC_ADDRESSES to the address the outside world sees"
    if all(address.is_loopback for address in kinds):
        return Finding.note(code, subject, "only browsers on this machine can take part", advice)
    return Finding.note(code, subject, f"only the networks of these addresses; {firewall}", advice)


def _on_interfaces() -> set[str]:
    entries = (entry for found in psutil.net_if_addrs().values() for entry in found)
    return {canonical for entry in entries if (canonical := _canonical(entry.address))}


def _canonical(text: str) -> str:
    """One spelling an address; empty for what is none (a MAC address)."""
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return ""
