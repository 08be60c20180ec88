"""A crowd joins over real sockets: everybody gets a picture, the publisher is asked for one key frame a
second at most."""

import threading
import time

from tests.support.engine_peer import CAMERA, H264_KEY, V0, Peer, camera_packet, rtcp_parts, running

VIEWERS = 100
PACKET_S = 0.01


class Camera(threading.Thread):
    """A publisher that sends a packet each 10 ms and answers picture loss with a key frame."""

    def __init__(self, peer: Peer) -> None:
        super().__init__(daemon=True)
        self.peer, self.asked_at, self._stop_asked = peer, [], threading.Event()
        peer.socket.settimeout(PACKET_S)

    def run(self) -> None:
        is_key = False
        number = 0
        while not self._stop_asked.is_set():
            self.peer.send(camera_packet(number, is_key=is_key))
            number += 1
            is_key = self._is_asked()

    def _is_asked(self) -> bool:
        """Listen for a packet's time."""
        until = time.monotonic() + PACKET_S
        while time.monotonic() < until:
            try:
                data = self.peer.receive()
            except TimeoutError:
                return False
            parts = rtcp_parts(self.peer.rx.unprotect_rtcp(data))
            if any((count, kind) == (1, 206) for count, kind, _ in parts):
                self.asked_at.append(time.monotonic())
                return True
        return False

    def stop(self) -> None:
        self._stop_asked.set()
        self.join()


def test_a_hundred_joins_cost_at_most_one_key_frame_a_second() -> None:
    with running() as harness:
        peer = Peer(harness, 1)
        peer.publish(10, CAMERA)
        harness.engine.set_slot("room", "V0", 10)
        peer.connect()
        harness.wait("selected", 1)
        camera = Camera(peer)
        camera.start()
        try:
            viewers = []
            began = time.monotonic()
            for number in range(VIEWERS):
                viewer = Peer(harness, 100 + number)
                viewer.subscribe(V0)
                viewers.append(viewer.connect())
            for viewer in viewers:
                assert viewer.receive_rtp().payload.startswith(H264_KEY), "begins with a key frame"
            took = time.monotonic() - began
        finally:
            camera.stop()
        asked = [at for at in camera.asked_at if at >= began]
        # One second's group of 100 packets is cached: who comes within it costs nothing.
        assert len(asked) <= 1 + took, f"{len(asked)} requests in {took:.2f} s"
