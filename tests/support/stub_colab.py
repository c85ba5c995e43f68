"""A stand-in for Google's CLI ``colab``, as its published source has it answer.

Beside it lies ``colab.json``: *sessions*, what it knows by name; *stale*, what ended after it was
asked about; *port*, where the SSH server of every runtime listens on loopback; *keys*, the
authorized_keys that ``/colab/ssh`` writes each visitor's key into; *answers*, a command and the
HTTP status or the words that it fails with; *slow*, whether ``new`` waits for a file ``go``.
``colab.log`` has a line for each call and bridge.
"""

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any  # a JSON object of anything

HERE = Path(__file__).parent

# `_explain_handshake_failure` in the CLI's commands/ssh.py, the beginnings of it.
STATUSES = {
    "400": "Server rejected pubkey: unsupported key type. (HTTP 400)",
    "401": "Authentication failed (HTTP 401): the runtime-proxy token is invalid.",
    "404": "Endpoint not found (HTTP 404): this runtime does not expose the /colab/ssh endpoint.",
    "429": "Already-active SSH session (HTTP 429): another `colab ssh` is connected.",
    "502": "Bad gateway (HTTP 502): the runtime's local sshd is unreachable.",
}


def install(folder: Path, port: int, keys: Path, *sessions: str) -> Path:
    """Make the stand-in in *folder*; it knows *sessions*."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "colab"
    program.write_text(f"#!{sys.executable}\n{Path(__file__).read_text(encoding='utf-8')}")
    program.chmod(0o700)
    known = dict.fromkeys(sessions, "NONE")
    state = {
        "sessions": known,
        "port": port,
        "keys": str(keys),
        "answers": {},
        "stale": [],
        "slow": False,
    }
    (folder / "colab.json").write_text(json.dumps(state))
    (folder / "colab.log").touch()
    return program


def state(folder: Path = HERE, **changes: Any) -> dict[str, Any]:
    """Return what it knows, after *changes*."""
    path = folder / "colab.json"
    known: dict[str, Any] = json.loads(path.read_text()) | changes
    if changes:
        path.with_suffix(".new").write_text(json.dumps(known))
        path.with_suffix(".new").replace(path)
    return known


def calls(folder: Path, first: str = "") -> list[list[str]]:
    """Return what it was called with so far, of the calls whose first word is *first*."""
    lines = (folder / "colab.log").read_text().splitlines()
    return [words for words in map(json.loads, lines) if words[0].startswith(first)]


def main(words: list[str]) -> int:
    """Answer one command as published."""
    note(words)
    name = words[words.index("-s") + 1]
    known = state()
    if said := known["answers"].get(words[0]):
        print(f"[colab] {STATUSES.get(said, said)}", file=sys.stderr)
        return 1
    if words[0] == "status":
        if name not in {*known["sessions"], *known["stale"]}:
            print(f"[colab] Session '{name}' not found.")
            return 0
        hardware = known["sessions"].get(name, "NONE").replace("NONE", "CPU")
        print(f"[{name}] m-s-kkb-usc1 | Hardware: {hardware} | Variant: GPU | Status: IDLE")
        return 0
    if words[0] == "new":
        print(f"[colab] Creating session '{name}'...")
        while known["slow"] and HERE.exists() and not (HERE / "go").exists():
            time.sleep(0.02)
        gpu = words[words.index("--gpu") + 1] if "--gpu" in words else "NONE"
        state(sessions=known["sessions"] | {name: gpu})
        print("[colab] Session READY.")
        return 0
    assert words[:2] == ["ssh", "--proxy-mode"], words
    if name not in known["sessions"]:
        print(f"[colab] Creating runtime '{name}'...", file=sys.stderr)
        state(sessions=known["sessions"] | {name: "NONE"})
    return bridge(known, words[words.index("--identity") + 1])


def bridge(known: dict[str, Any], identity: str) -> int:
    """Carry stdin and stdout to the runtime's SSH server, one connection at a time."""
    done = subprocess.run(["ssh-keygen", "-y", "-f", identity], stdout=subprocess.PIPE, check=True)
    with (HERE / "colab.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"[colab] {STATUSES['429']}", file=sys.stderr)
            return 1
        Path(known["keys"]).write_bytes(done.stdout)
        note(["bridge", str(os.getpid())])
        with socket.create_connection(("127.0.0.1", known["port"])) as link:
            threading.Thread(target=upload, args=(link,), daemon=True).start()
            while chunk := link.recv(65536):
                os.write(1, chunk)
    return 0


def upload(link: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := os.read(0, 8192):
            link.sendall(chunk)
        link.shutdown(socket.SHUT_RDWR)


def note(words: list[str]) -> None:
    with (HERE / "colab.log").open("a") as log:
        log.write(json.dumps(words) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
