"""A TCP connection with the interface of a UDP socket: one packet a call, framed by RFC 4571 §2."""

import select
import socket
import struct


class FramedTcp:
    """What `engine_peer.Peer` needs of a socket, over ICE-TCP."""

    def __init__(self, remote: tuple[str, int], timeout_s: float) -> None:
        self._tcp = socket.create_connection(remote, timeout=timeout_s)
        self._tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._remote = remote
        self._bytes = b""

    def getsockname(self) -> tuple[str, int]:
        """The near address."""
        return self._tcp.getsockname()[:2]

    def sendto(self, packet: bytes, _remote: object) -> None:
        """Send one packet."""
        self.send_raw(struct.pack("!H", len(packet)) + packet)

    def send_raw(self, octets: bytes) -> None:
        """Send bytes as they are."""
        self._tcp.sendall(octets)

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
        """The next packet. Raises ConnectionError at the end of the connection."""
        return self.recv(size), self._remote

    def recv(self, _size: int) -> bytes:
        """The next packet. Raises ConnectionError at the end of the connection."""
        while True:
            if len(self._bytes) >= 2:
                (length,) = struct.unpack("!H", self._bytes[:2])
                if len(self._bytes) >= 2 + length:
                    packet, self._bytes = self._bytes[2 : 2 + length], self._bytes[2 + length :]
                    return packet
            more = self._tcp.recv(65536)
            if not more:
                raise ConnectionError("the other side closed the connection")
            self._bytes += more

    def has_more(self, timeout_s: float) -> bool:
        """Wait for bytes, at most so long."""
        return bool(self._bytes or select.select([self._tcp], [], [], timeout_s)[0])

    def is_closed_by_peer(self) -> bool:
        """Wait for the end of the connection; packets before it are thrown away."""
        try:
            while True:
                self.recv(0)
        except ConnectionError:
            return True

    def close(self) -> None:
        """Close it."""
        self._tcp.close()
