"""Where a runtime's link listens: a socket in a folder that only its user can open."""

import contextlib
import hashlib
import json
import os
import socket
import stat
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from colabdev import paths

LONGEST = 100  # bytes of a socket's path; 107 is Linux's limit, others have less
_NAME = 16
_KEY = 32
_WAIT = 3.0  # seconds for the other end to prove itself
_LOCAL_PEERCRED = 1  # macOS and the BSDs: <sys/un.h>, at level 0


class Unsafe(OSError):
    """The place is not the user's own, so nothing is said there."""


@dataclass(frozen=True, slots=True)
class Place:
    """The files of one link; *unix* is false where the system has no sockets with a path."""

    folder: Path
    name: str
    unix: bool = True

    @property
    def socket(self) -> Path:
        """Return the socket, or the file that tells port and key."""
        return self.folder / f"{self.name}.{'sock' if self.unix else 'port'}"

    @property
    def lock(self) -> Path:
        """Return the file that the link in charge holds locked."""
        return self.folder / f"{self.name}.lock"


def place(alias: str, *, unix: bool = os.name == "posix") -> Place:
    """Return where the link of the runtime *alias* of this user listens."""
    home = paths.home().absolute()
    name = hashlib.sha256(f"{home}\0{alias}".encode(errors="surrogateescape")).hexdigest()[:_NAME]
    user = os.getuid() if hasattr(os, "getuid") else "me"
    return Place(short_folder(_folders(home, user), unix), name, unix)


def _folders(home: Path, user: int | str) -> Iterator[Path]:
    """Yield where links may listen; most do in the first place, and need to look no further."""
    yield home / "link"
    import tempfile

    for beside in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - its owner and mode are checked
        yield Path(beside) / f"colabdev-{user}"


def short_folder(folders: Iterable[Path], unix: bool = True) -> Path:
    """Return the first of *folders* that keeps a socket's path short enough, else the last."""
    room = LONGEST - len("/.sock") - _NAME - len(".new")
    for folder in folders:
        if not unix or len(os.fsencode(folder)) < room:
            break
    return folder


def prepare(spot: Place) -> None:
    """Make the folder of *spot* (0700).

    Raises:
        OSError: it cannot be made; Unsafe: somebody else can open it.
    """
    spot.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_folder(spot.folder)


def check_folder(folder: Path) -> None:
    """Raise Unsafe unless *folder* is a real folder that only this user can open."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise Unsafe(f"{folder} is no folder.")
    if os.name == "posix" and (found.st_uid != os.getuid() or found.st_mode & 0o077):
        raise Unsafe(f"{folder} is open to others.")


def listen(spot: Place) -> socket.socket:
    """Return a socket that listens at *spot*, in the place of what a dead link left there."""
    prepare(spot)
    draft = spot.folder / f"{spot.name}.new"
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    if not spot.unix:
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        record = {"port": listener.getsockname()[1], "key": os.urandom(_KEY).hex()}
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            json.dump(record, stream)
    else:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(draft))
        draft.chmod(0o600)
        listener.listen(128)
    draft.replace(spot.socket)  # whoever finds it finds it ready
    return listener


def dial(spot: Place) -> socket.socket:
    """Return a socket to the link at *spot*, which is this user's own.

    Raises:
        OSError: no link listens there; Unsafe: what listens is not ours.
    """
    check_folder(spot.folder)
    link = socket.socket(socket.AF_UNIX if spot.unix else socket.AF_INET)
    try:
        link.settimeout(_WAIT)
        if spot.unix:
            link.connect(str(spot.socket))
            check_peer(link)
        else:
            record = _record(spot)
            link.connect(("127.0.0.1", int(record["port"])))
            prove(link, bytes.fromhex(record["key"]), b"command", b"link")
    except BaseException:
        link.close()
        raise
    return link


def admit(visitor: socket.socket, spot: Place) -> None:
    """Raise OSError unless *visitor* is a process of this user."""
    if spot.unix:
        check_peer(visitor)
    else:
        visitor.settimeout(_WAIT)
        prove(visitor, bytes.fromhex(_record(spot)["key"]), b"link", b"command")
        visitor.settimeout(None)


def check_peer(link: socket.socket) -> None:
    """Raise Unsafe when the system tells that the other end is another user's."""
    user = peer_user(link)
    if user is not None and user != os.getuid():
        raise Unsafe("The other end of the link's socket is another user's.")


def peer_user(link: socket.socket) -> int | None:
    """Return the user at the other end of the unix socket *link*, None where nobody tells."""
    if hasattr(socket, "SO_PEERCRED"):
        found = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return int(struct.unpack("3i", found)[1])
    try:
        found = link.getsockopt(0, _LOCAL_PEERCRED, 76)
    except OSError:
        return None
    return int(struct.unpack_from("=II", found)[1])  # struct xucred: version, uid, groups


def prove(link: socket.socket, key: bytes, mine: bytes, theirs: bytes) -> None:
    """Prove to the other end of *link* that we hold *key*, and that it does.

    *mine* and *theirs* are the parts the two ends play. Nobody who took over a dead link's port
    learns the key, and nothing else is said to him.
    """
    import hmac  # where the system keeps others out, nobody proves anything

    own = os.urandom(_KEY)
    link.sendall(own)
    other = _exactly(link, _KEY)
    link.sendall(hmac.digest(key, mine + other + own, "sha256"))
    expected = hmac.digest(key, theirs + own + other, "sha256")
    if not hmac.compare_digest(_exactly(link, _KEY), expected):
        raise Unsafe("What listens at the link's port is not the link.")


def _exactly(link: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = link.recv(size - len(data))
        if not chunk:
            raise Unsafe("The other end did not prove itself.")
        data += chunk
    return data


def _record(spot: Place) -> dict[str, str]:
    try:
        record = json.loads(spot.socket.read_text())
        return {"port": str(int(record["port"])), "key": str(record["key"])}
    except (ValueError, KeyError, TypeError) as error:
        raise Unsafe(f"{spot.socket} is damaged.") from error
