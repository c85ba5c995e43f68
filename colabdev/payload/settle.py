"""Make a machine that ran no cell one that colabdev knows again, and say what it is."""

import json
import os
import secrets
import struct
import sys

HELLO = b"\0colabdev settle 1\n"


def main() -> None:
    """Answer one frame ``f``: the boot id and the workspace root, made where they are not yet."""
    send(HELLO)
    folder = os.path.join(os.path.expanduser("~"), ".colabdev")
    path = os.path.join(folder, "runtime.json")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    facts = read(path)
    if "boot_id" not in facts:
        words = os.environ.get("SSH_CONNECTION", "").split()
        facts = {"version": 1, "boot_id": secrets.token_hex(16), "root": root()}
        if len(words) == 4:
            facts["port"] = int(words[3])  # of the SSH server that let us in
        new = path + ".new"
        with open(new, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
            json.dump(facts, stream)
        os.replace(new, path)
    answer = {"boot_id": facts["boot_id"], "root": facts["root"]}
    send(frame(b"f", json.dumps(answer).encode()) + frame(b".", b""))


def root() -> str:
    """Return the workspace: Colab's own where it is one, else a folder of the user's home."""
    if "COLAB_RELEASE_TAG" in os.environ:
        return "/content"
    path = os.path.join(os.path.expanduser("~"), "content")
    os.makedirs(path, exist_ok=True)
    return path


def read(path: str) -> dict:  # type: ignore[type-arg]  # a JSON object of anything
    try:
        with open(path, encoding="utf-8") as stream:
            return dict(json.load(stream))
    except FileNotFoundError:
        return {}


def send(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def frame(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">cI", kind, len(body)) + body


if __name__ == "__main__":
    main()
