"""A TCP relay in front of an sshd, as a tunnel's agent is: the client's connection ends here.

    python tcprelay.py HOST PORT TARGET_PORT

Each half acknowledges for itself, so that sshd's own small writes never wait for the far end.
Prints "ready" once it listens.
"""

import contextlib
import socket
import sys
import threading

_CHUNK = 1 << 18


def serve(host: str, port: int, target: int) -> None:
    """Hand every connection to *host*:*port* on to 127.0.0.1:*target*, for good."""
    with socket.create_server((host, port), backlog=128) as server:
        print("ready", flush=True)
        while True:
            client, _ = server.accept()
            try:
                agent = socket.create_connection(("127.0.0.1", target))
            except OSError:
                client.close()
                continue
            for end in (client, agent):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for pair in ((client, agent), (agent, client)):
                threading.Thread(target=_pump, args=pair, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    with contextlib.suppress(OSError):
        while count := source.recv_into(buffer):
            sink.sendall(view[:count])
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
