"""A stand-in for cloudflared, both halves: ``tunnel --url`` and ``access tcp --hostname``.

The tunnel writes the log lines of the real one, makes its name resolve in /etc/hosts (use it in a
mount namespace of its own), and takes connections at a port of loopback, which the edge's folder
notes by the name. SIGUSR1 breaks the connections that are open, as a failing edge would.
"""

import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import threading
import time
from pathlib import Path

EDGE = "EDGE-FOLDER"


def install(folder: Path) -> Path:
    """Make the stand-in in *folder*, beside a ``wget`` that brings it, and return the folder."""
    (folder / "edge").mkdir(parents=True)
    text = (
        Path(__file__).read_text(encoding="utf-8").replace("EDGE-FOLDER", str(folder / "edge"), 1)
    )
    program = folder / "cloudflared"
    program.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
    wget = folder / "wget"
    wget.write_text(
        f'#!/bin/sh\necho "$@" >> "{folder}/wanted"\ncp "{program}" "$(basename "$3")"\n'
    )
    for each in (program, wget):
        each.chmod(0o755)
    return folder


def pump(source: socket.socket, target: socket.socket) -> None:
    """Carry what comes from *source* to *target* until it ends."""
    try:
        while chunk := source.recv(65536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        target.close()


def tunnel(url: str, log: str) -> None:
    """Be the tunnel's end: take connections for a new name and carry them to *url*."""
    host, _, port = url.removeprefix("ssh://").rpartition(":")
    name = f"stand-in-{secrets.token_hex(4)}.trycloudflare.com"
    listener = socket.create_server(("127.0.0.1", 0))
    with Path("/etc/hosts").open("a") as hosts:
        hosts.write(f"127.0.0.1 {name}\n")
    Path(EDGE, name).write_text(str(listener.getsockname()[1]))
    shown = ("Your quick Tunnel has been created! Visit it at:", f"|  https://{name}  |")
    with Path(log).open("a") as stream:
        for message in shown:
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            line = {"level": "info", "time": moment, "message": message}
            stream.write(json.dumps(line, separators=(",", ":")) + "\n")
    open_ends: list[socket.socket] = []

    def cut(*_: object) -> None:
        while open_ends:
            with contextlib.suppress(OSError), open_ends.pop() as end:
                end.shutdown(socket.SHUT_RDWR)

    signal.signal(signal.SIGUSR1, cut)
    while True:
        near, _ = listener.accept()
        far = socket.create_connection((host, int(port)))
        open_ends.append(near)
        for pair in ((near, far), (far, near)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


def access(name: str) -> int:
    """Be the client's end: carry stdin and stdout to the tunnel of *name*."""
    known = Path(EDGE, name)
    if not known.exists():
        print('ERR failed to connect to origin error="websocket: bad handshake"', file=sys.stderr)
        return 1
    link = socket.create_connection(("127.0.0.1", int(known.read_text())))

    def upload() -> None:
        while chunk := os.read(0, 65536):
            link.sendall(chunk)
        link.shutdown(socket.SHUT_WR)

    threading.Thread(target=upload, daemon=True).start()
    try:
        while chunk := link.recv(65536):
            os.write(1, chunk)
    except OSError:
        return 1
    return 0


if __name__ == "__main__":
    if sys.argv[1:4] == ["access", "tcp", "--hostname"]:
        sys.exit(access(sys.argv[4]))
    assert sys.argv[1] == "tunnel", sys.argv
    options = dict(zip(sys.argv[2::2], sys.argv[3::2], strict=True))
    tunnel(options["--url"], options["--logfile"])
