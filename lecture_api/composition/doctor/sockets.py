"""What the kernel gives a media socket: buffer sizes, and several packets in one send (UDP GSO).

Tried on sockets of our own, set up as the engine sets up its (relay_runtime `socket.rs`, `sys.rs`).
"""

import platform
import socket
from collections.abc import Iterator

from lecture_api.composition.doctor.findings import Finding
from streaming.relay.addresses import local_addresses
from streaming.settings import StreamingSettings

#: What the engine asks for on each socket.
WANTED_BYTES = 4 << 20
# linux/socket.h, linux/udp.h; Python does not name them.
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE, _UDP_SEGMENT = 32, 33, 103
_SEGMENT = 1200


def buffers_and_segmentation(media: StreamingSettings) -> Iterator[Finding]:
    """One finding for the buffers of all sockets, one for the way of sending."""
    hosts = list(media.media_addresses) or local_addresses()
    yield _buffers()
    without = [host for host in hosts if not sends_segments(host)]
    subject = "send batching"
    if not without:
        text = f"UDP GSO on every media socket (kernel {platform.release()})"
        yield Finding.ok("gso", subject, text)
        return
    yield Finding.note(
        "gso",
        subject,
        f"no UDP GSO on {', '.join(without)} (kernel {platform.release()}): packets are sent by sendmmsg, "
        "which costs about twice the CPU",
        "a Linux kernel from 4.18 on has it; some virtual networks refuse it",
    )


def _buffers() -> Finding:
    receive, send = granted_buffers()
    text = f"receive {receive >> 10} KiB, send {send >> 10} KiB"
    if min(receive, send) >= WANTED_BYTES:
        return Finding.ok("buffers", "socket buffers", text)
    limit = f"net.core.rmem_max={WANTED_BYTES} net.core.wmem_max={WANTED_BYTES}"
    return Finding.note(
        "buffers",
        "socket buffers",
        f"{text} of {WANTED_BYTES >> 10} KiB wanted: bursts may be lost with many viewers",
        f"sysctl -w {limit} (and the same in /etc/sysctl.d), then restart",
    )


def granted_buffers() -> tuple[int, int]:
    """What a media socket gets of WANTED_BYTES: (receive, send), bytes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for force, plain in (
            (_SO_RCVBUFFORCE, socket.SO_RCVBUF),
            (_SO_SNDBUFFORCE, socket.SO_SNDBUF),
        ):
            try:
                probe.setsockopt(socket.SOL_SOCKET, force, WANTED_BYTES)
            except OSError:
                # Not ours to force (CAP_NET_ADMIN): the system's limit holds.
                probe.setsockopt(socket.SOL_SOCKET, plain, WANTED_BYTES)
        # The kernel doubles what it was asked for, for its own bookkeeping (socket(7)).
        return (
            probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2,
            probe.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 2,
        )


def sends_segments(host: str) -> bool:
    """Whether one send of three segments from this address arrives as three datagrams."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with (
            socket.socket(family, socket.SOCK_DGRAM) as sender,
            socket.socket(family, socket.SOCK_DGRAM) as receiver,
        ):
            receiver.bind((host, 0))
            receiver.settimeout(1)
            sender.bind((host, 0))
            sender.setsockopt(socket.IPPROTO_UDP, _UDP_SEGMENT, _SEGMENT)
            sender.sendto(bytes(2 * _SEGMENT + 100), receiver.getsockname()[:2])
            return [len(receiver.recv(65536)) for _ in range(3)] == [_SEGMENT, _SEGMENT, 100]
    except OSError:
        return False
