"""What an idle DTLS association costs in memory, so that it can be told from what the relay adds a viewer.

Run as a program it makes N bare OpenSSL associations in the very context of `streaming.dtls` (shared by all,
DTLS 1.2), lets each finish its handshake in memory with a client that is then thrown away,
and prints the growth of resident memory for each in KB.
"""

import gc
import json
import subprocess
import sys

import psutil
from OpenSSL import SSL

from streaming.dtls.aiortc_server import PROFILES, _SharedContextCertificate

ASSOCIATIONS = 400
WARM_UP = 50


def measured_in_a_child() -> float:
    """KB of resident memory an association, measured in a process that has nothing else to do."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.dtls_context"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return float(json.loads(done.stdout)["kb"])


def _handshaken(server_context: SSL.Context, client_context: SSL.Context) -> SSL.Connection:
    server, client = SSL.Connection(server_context, None), SSL.Connection(client_context, None)
    server.set_accept_state()
    client.set_connect_state()
    pending = {client, server}
    while pending:
        for one, other in ((client, server), (server, client)):
            try:
                one.do_handshake()
                pending.discard(one)
            except SSL.WantReadError:
                pass
            while True:
                try:
                    other.bio_write(one.bio_read(1500))
                except SSL.WantReadError:
                    break
    return server


def main() -> int:
    server, client = (
        _SharedContextCertificate.generateCertificate()._create_ssl_context(PROFILES) for _ in range(2)
    )
    kept = [_handshaken(server, client) for _ in range(WARM_UP)]
    gc.collect()
    process = psutil.Process()
    before = process.memory_info().rss
    kept += [_handshaken(server, client) for _ in range(ASSOCIATIONS)]
    gc.collect()
    grown = process.memory_info().rss - before
    print(json.dumps({"kb": round(grown / 1024 / ASSOCIATIONS, 1), "associations": len(kept)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
