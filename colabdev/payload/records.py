"""The records of a job's log: a byte that says what kind one is, four that say how long, JSON."""

import json
import struct

HEADER = struct.Struct(">cI")


def frame(kind: bytes, body: bytes) -> bytes:
    return HEADER.pack(kind, len(body)) + body


def encode(value: object) -> bytes:
    return json.dumps(value).encode()
