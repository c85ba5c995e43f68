"""A stand-in for cloudflared's client half: ``cloudflared access tcp --hostname NAME``.

Beside it lies ``edge.json``, which maps each name that the edge knows to a port of loopback.
"""

import json
import os
import socket
import sys
import threading
from pathlib import Path


def install(folder: Path, **edge: int) -> Path:
    """Make the stand-in in *folder*; the edge knows ``NAME.trycloudflare.com`` for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "cloudflared"
    program.write_text(f"#!{sys.executable}\n{Path(__file__).read_text(encoding='utf-8')}")
    program.chmod(0o700)
    names = {f"{name}.trycloudflare.com": port for name, port in edge.items()}
    (folder / "edge.json").write_text(json.dumps(names))
    return program


def main() -> int:
    """Carry stdin and stdout to where the edge leads."""
    assert sys.argv[1:4] == ["access", "tcp", "--hostname"], sys.argv
    edge = json.loads(Path(__file__).with_name("edge.json").read_text())
    if sys.argv[4] not in edge:
        print('ERR failed to connect to origin error="websocket: bad handshake"', file=sys.stderr)
        return 1
    link = socket.create_connection(("127.0.0.1", edge[sys.argv[4]]))

    def upload() -> None:
        while chunk := os.read(0, 65536):
            link.sendall(chunk)
        link.shutdown(socket.SHUT_WR)

    threading.Thread(target=upload, daemon=True).start()
    while chunk := link.recv(65536):
        os.write(1, chunk)
    return 0


if __name__ == "__main__":
    sys.exit(main())
