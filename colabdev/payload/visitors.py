"""Saying what the connections to our SSH server are used for."""

import contextlib
import os
from typing import Dict, List, Tuple

# By what stands in the argument lists below a connection; the first that fits names it. Ours comes
# first: below it there may be jobs, which run anything.
USES = (
    ("colabdev", (b"<colabdev ",)),
    ("editor", (b"-server/", b"/.vscode", b"/.cursor", b"vscodium")),
    ("sftp", (b"sftp-server", b"internal-sftp")),
)


def visitors(server: int) -> List[str]:
    """Return a word for each connection to the SSH server *server*, sorted.

    ``terminal``, ``editor``, ``colabdev`` and ``sftp``; ``ssh`` for a program without a terminal,
    a tunnel, or one that does nothing.
    """
    below: Dict[int, List[int]] = {}
    words: Dict[int, bytes] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                parent, said = look(int(name))
                below.setdefault(parent, []).append(int(name))
                words[int(name)] = said
    return sorted(use(below, words, session) for session in below.get(server, ()))


def look(process: int) -> Tuple[int, bytes]:
    """Return the parent of *process* and its argument list."""
    with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as stream:
        parent = int(stream.read().rpartition(")")[2].split()[1])
    with open(f"/proc/{process}/cmdline", "rb") as stream:
        return parent, stream.read()


def use(below: Dict[int, List[int]], words: Dict[int, bytes], session: int) -> str:
    family = [session]
    for process in family:
        family += below.get(process, [])
    for word, signs in USES:
        if any(sign in words.get(process, b"") for process in family for sign in signs):
            return word
    terminal = any(b"@pts/" in words.get(process, b"") for process in family)
    return "terminal" if terminal else "ssh"
