"""Keep torch loaded, and fork a process for each check, which then begins at once.

    warm.py SOCKET IDLE

It detaches itself, says ``ready`` on stdout, and ends when nothing was asked for IDLE seconds. It
never touches a GPU: CUDA does not survive a fork, so what needs one gets a fresh process. On a
connection it answers with the number of the process it forked, and then with the exit code.
"""

import contextlib
import gc
import importlib
import importlib.util
import json
import os
import selectors
import signal
import socket
import struct
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any, NoReturn  # Any: a request is JSON, and programs are loaded by path

STOP = b"stop"
LARGEST = 16 * 2**20  # bytes of a request, which holds an environment
PATIENCE = 10.0  # seconds in which a request is all there
READY = b"ready\n"


def main() -> None:
    """Load what checks need, then serve until nothing has been asked for a while."""
    path, idle = sys.argv[1], float(sys.argv[2])
    if os.fork():  # the caller waits for this one, and need not for the one that serves
        os._exit(0)
    os.setsid()
    # Whether there is a GPU is asked without touching it; the children have their own environment.
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
    _load_torch()
    tasks = _beside("tasks")
    # Whatever holds threads by now takes no part in what the child does.
    warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)
    gc.freeze()  # so that the children's collections leave our pages shared with them
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)  # in a folder that is open to nobody else
        listener.listen(16)
        os.write(1, READY)
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)  # the caller's pipe ends here
        os.close(nowhere)
        try:
            _serve(listener, tasks, idle)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def _load_torch() -> None:
    """Load torch, and what its comparisons load when the first one is made."""
    with contextlib.suppress(ImportError):
        torch = importlib.import_module("torch")
        torch.testing.assert_close(torch.zeros(1), torch.zeros(1))


def _load_more() -> None:
    """Load what torch itself loads at the first optimizer, which takes it a second.

    Nothing that a learner would have to import: what they forgot is to fail here, too.
    """
    with contextlib.suppress(ImportError):
        importlib.import_module("torch._dynamo")
    gc.freeze()


def _beside(name: str) -> types.ModuleType:
    """Load the program *name* of this folder."""
    file = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec, "a file that ends in .py"
    assert spec.loader, "a file that ends in .py"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _serve(listener: socket.socket, tasks: Any, idle: float) -> None:
    """Fork for each connection; tell it how its process ended."""
    running: dict[int, socket.socket] = {}
    loaded = False
    with _child_ends() as ended, selectors.DefaultSelector() as selector:
        selector.register(ended, selectors.EVENT_READ)
        selector.register(listener, selectors.EVENT_READ)
        while True:
            ready = selector.select(None if running else idle)
            if not ready and not running:
                return
            for key, _ in ready:
                if key.fileobj is ended:
                    ended.recv(4096)
                elif not _accept(listener, running, tasks):
                    return
            _reap(running)
            if running and not loaded:  # while the first check runs beside us
                _load_more()
                loaded = True


@contextlib.contextmanager
def _child_ends() -> Iterator[socket.socket]:
    """Lend a socket that can be read whenever a child has ended."""
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    with reading, writing:
        yield reading


def _accept(listener: socket.socket, running: "dict[int, socket.socket]", tasks: Any) -> bool:
    """Fork for the next connection; return False when it asks us to stop."""
    connection, _ = listener.accept()
    if peer(connection) != os.getuid():
        connection.close()
        return True
    connection.settimeout(PATIENCE)
    try:
        word = connection.recv(len(STOP))  # what we are asked for: it is sent in one piece
    except OSError:
        word = b""
    if word == STOP:
        connection.close()
        return False
    pid = os.fork() if word else 0
    if word and pid == 0:
        _become(connection, [listener, *running.values()], tasks)
    with contextlib.suppress(OSError):
        connection.sendall(b"%d\n" % pid)
    if pid:
        running[pid] = connection
    else:
        connection.close()
    return True


def peer(connection: socket.socket) -> int:
    """Return the user at the other end."""
    credentials = connection.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
    )
    _, uid, _ = struct.unpack("3i", credentials)
    return int(uid)


def _become(connection: socket.socket, others: "list[socket.socket]", tasks: Any) -> NoReturn:
    """Turn this forked process into the one that does what *connection* asks for."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()  # so that what kills its whole group does not kill us
        for each in others:
            each.close()
        asked, output = _receive(connection)
        connection.close()
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        os.close(output)
        os.environ.clear()
        os.environ.update(asked["environment"])
        with contextlib.suppress(OSError):
            os.chdir(asked["folder"])
        tasks.serve(asked["request"], forked=True)
    finally:
        os._exit(70)


def _receive(connection: socket.socket) -> "tuple[Any, int]":
    """Return what is asked, and the descriptor that takes the output."""
    head, descriptors, _, _ = socket.recv_fds(connection, 4, 1)
    size = int.from_bytes(head, "big")
    if len(descriptors) != 1 or not 0 < size < LARGEST:
        raise ValueError("no request")
    data = b""
    while len(data) < size and (chunk := connection.recv(size - len(data))):
        data += chunk
    return json.loads(data), descriptors[0]


def _reap(running: "dict[int, socket.socket]") -> None:
    """Tell of each child that has ended how it ended."""
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with contextlib.suppress(OSError), running.pop(pid) as connection:
                connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
