"""A stand-in for the ngrok agent: an executable that really relays, on loopback only.

`install` copies it to where ``PYNGROK_NGROK_PATH`` may point. Beside the copy lie ``agents.jsonl``
(what each start was given) and ``refuse.json``: ``{"start": text}`` or ``{"endpoint": text}`` makes
the agent refuse as ngrok's service would, with that text, and ``{"wait": text}`` makes it start
only when that is taken back. SIGUSR1 moves the tunnel to another port.
"""

import argparse
import contextlib
import http.server
import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any  # the agent API speaks JSON


def install(folder: Path) -> Path:
    """Make the stand-in in *folder*, run by this very interpreter, and return its path."""
    folder.mkdir(parents=True)
    program = folder / "ngrok"
    program.write_text(f"#!{sys.executable}\n{Path(__file__).read_text(encoding='utf-8')}")
    program.chmod(0o700)
    return program


def agents(program: Path) -> list[dict[str, Any]]:
    """Return what each start of *program* was given: argv, environment, pid."""
    record = program.with_name("agents.jsonl")
    return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []


def endpoints(program: Path) -> list[dict[str, Any]]:
    """Return what each endpoint that *program* opened was asked for."""
    record = program.with_name("endpoints.jsonl")
    return [json.loads(line) for line in record.read_text().splitlines()]


def refuse(program: Path, moment: str = "", text: str = "") -> None:
    """Make *program* refuse at a *moment* (``start``, ``endpoint``, ``wait``), or no more."""
    program.with_name("refuse.json").write_text(json.dumps({moment: text}))


class Relay:
    """A port of loopback that leads to *upstream* (``host:port``)."""

    def __init__(self, upstream: str, reserved: int = 0) -> None:
        host, _, port = upstream.rpartition(":")
        self._upstream = (host, int(port))
        self.move(reserved)

    def move(self, port: int = 0) -> None:
        """Take another port; what is connected through the old one goes on."""
        listener = socket.create_server(("127.0.0.1", port))
        self.url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        old, self._listener = getattr(self, "_listener", None), listener
        if old:
            old.shutdown(socket.SHUT_RDWR)
            old.close()
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # closed by a move
            while True:
                near, _ = listener.accept()
                try:
                    far = socket.create_connection(self._upstream)
                except OSError:  # nobody is there now: the endpoint itself stays
                    near.close()
                    continue
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                target.sendall(chunk)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


class Api(http.server.BaseHTTPRequestHandler):
    """The agent's local API, as far as a tunnel needs it (ngrok's docs, agent/api)."""

    endpoints: dict[str, tuple[dict[str, Any], Relay]] = {}  # noqa: RUF012 - one agent a process

    def do_GET(self) -> None:
        name = self.path.removeprefix("/api/endpoints").strip("/")
        if self.path == "/api/status":
            self._answer(200, {"status": "online", "agent_version": "3.39.10", "uri": self.path})
        elif self.path == "/api/endpoints":
            self._answer(200, {"endpoints": [self._shown(each) for each in self.endpoints]})
        elif name in self.endpoints:
            self._answer(200, self._shown(name))
        else:
            self._answer(404, {"status_code": 404, "msg": "Resource not found"})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if text := _refusals().get("endpoint"):
            error = {"error_code": 103, "status_code": 502, "msg": "failed to start tunnel"}
            self._answer(502, {**error, "details": {"err": f"failed to start tunnel: {text}\r\n"}})
            return
        assert asked["url"].startswith("tcp://"), asked
        assert len(asked.get("metadata", "").encode()) < 1000, asked
        with Path(__file__).with_name("endpoints.jsonl").open("a") as stream:
            stream.write(json.dumps(asked) + "\n")
        port = int(asked["url"].rpartition(":")[2].strip("/") or 0)
        self.endpoints[asked["name"]] = (asked, Relay(asked["upstream"]["url"], port))
        self._answer(201, self._shown(asked["name"]))

    def do_DELETE(self) -> None:
        known = self.endpoints.pop(self.path.rpartition("/")[2], None)
        self._answer(204 if known else 404, {})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
        """Say nothing: stdout is the agent's log."""

    def _shown(self, name: str) -> dict[str, Any]:
        asked, relay = self.endpoints[name]
        uri = f"/api/endpoints/{name}"
        return {"name": name, "uri": uri, "url": relay.url, "upstream": asked["upstream"]}

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        payload = b"" if status == 204 else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


def main() -> int:
    """Be the agent: ``ngrok start --none --log stdout --config FILE``."""
    parser = argparse.ArgumentParser(prog="ngrok")
    parser.add_argument("verb", choices=["start", "version"])
    parser.add_argument("--none", action="store_true")
    parser.add_argument("--log")
    parser.add_argument("--config")
    parser.add_argument("--authtoken")
    arguments = parser.parse_args()
    if arguments.verb == "version":
        print("ngrok version 3.39.10")
        return 0
    record = {"argv": sys.argv, "environ": dict(os.environ), "pid": os.getpid()}
    with Path(__file__).with_name("agents.jsonl").open("a") as stream:
        stream.write(json.dumps(record) + "\n")
    return _serve(arguments)


def _serve(arguments: argparse.Namespace) -> int:
    import yaml

    while "wait" in _refusals():
        time.sleep(0.05)
    settings = yaml.safe_load(Path(arguments.config).read_text())
    assert str(settings["version"]) == "3", settings
    token = arguments.authtoken or settings["agent"].get("authtoken")
    text = _refusals().get("start") or ("" if token else "No authtoken.\r\n\r\nERR_NGROK_4018")
    if text:
        # The real agent repeats the token it was refused for.
        said = json.dumps(f"authentication failed: {text}\r\nYour authtoken: {token}\r\n")
        _log("eror", "failed to auth", f"obj=tunnels.session err={said}")
        _log("eror", "terminating with error", f"obj=app err={said}")
        return 1
    host, _, port = settings["agent"]["web_addr"].rpartition(":")
    with http.server.ThreadingHTTPServer((host, int(port)), Api) as server:
        signal.signal(signal.SIGUSR1, _move)
        _log("info", "starting web service", f"obj=web addr={host}:{port} allow_hosts=[]")
        _log("info", "client session established", "obj=tunnels.session")
        _log("info", "tunnel session started", "obj=tunnels.session")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        server.serve_forever()
    return 0


def _move(*_: object) -> None:
    for _asked, relay in Api.endpoints.values():
        relay.move()


def _refusals() -> dict[str, str]:
    path = Path(__file__).with_name("refuse.json")
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _log(level: str, message: str, rest: str) -> None:
    print(f't={time.strftime("%FT%T%z")} lvl={level} msg="{message}" {rest}', flush=True)


if __name__ == "__main__":
    sys.exit(main())
