"""Waiting interpreters: a warm link hands them programs, and nobody can tell but by the time."""

import ast
import base64
import contextlib
import json
import os
import zlib
from pathlib import Path

import psutil
import pytest

from colabdev import texts
from colabdev.remote.link.client import LinkTransport
from colabdev.remote.program import Program, waiting
from colabdev.remote.reach import direct, reach
from colabdev.remote.runtime import Runtime
from colabdev.remote.transport import Transport, run
from tests.support.far import until
from tests.support.link import end_link

pytestmark = pytest.mark.sshd

_MARK = "colabdev waits"
_TELL = """
import json, os, sys
print(json.dumps([os.getpid(), sys.argv, os.getcwd(), dict(os.environ), __name__,
    [p for p in sys.path], os.getsid(0) == os.getpid(), sys.stdin.read()]))
print("aside", file=sys.stderr)
sys.exit(7)
"""


def _program(source: str, *arguments: str) -> Program:
    packed = base64.b64encode(zlib.compress(source.encode())).decode()
    return Program("test", packed, list(arguments))


def _waiting() -> list[psutil.Process]:
    """Return the interpreters that wait on our machine, which is one of several here."""
    home = os.environ["HOME"]
    server = psutil.Process(int(next(Path(home).rglob(".colabdev/sshd/pid")).read_text()))
    found = []
    for process in server.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            # Before its `exec` it is a shell, in which nothing waits yet.
            ours = any(_MARK in word for word in words) and "sh" not in words[:1]
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _warm(transport: Transport, count: int = 3) -> list[psutil.Process]:
    """Return the interpreters that wait, once there are *count* and they read."""
    run(transport, ["true"])
    until(lambda: len(_waiting()) == count and all(_reads(one) for one in _waiting()))
    run(transport, ["true"])  # what was on its way before this is there after it
    return _waiting()


def _reads(process: psutil.Process) -> bool:
    """Tell whether it sleeps in its read of stdin: its word that it waits is on the way then."""
    try:
        call = Path(f"/proc/{process.pid}/syscall").read_text().split()
    except OSError:  # it ends
        return False
    return len(call) > 2 and call[0] in ("0", "63") and call[1] == "0x0"  # x86-64, arm64


def test_a_program_runs_in_a_waiting_interpreter_as_it_would_alone(runtime: Runtime) -> None:
    """Process, words, folder, environment, streams and code are as without a link."""
    with reach(runtime) as transport:
        waited = {process.pid for process in _warm(transport)}
        program = _program(_TELL, "one", "두 단어")
        told = run(transport, program, b"the input")
    with direct(runtime) as transport:
        plain = run(transport, program, b"the input")
    found, expected = json.loads(told.stdout), json.loads(plain.stdout)
    assert found[0] in waited
    assert expected[0] not in waited
    for facts in (found, expected):
        del facts[0]
        for name in ("SSH_CONNECTION", "SSH_CLIENT", "_"):
            facts[2].pop(name, None)
    assert found == expected
    assert found[-1] == "the input"
    assert (told.code, told.stderr) == (plain.code, plain.stderr) == (7, b"aside\n")


def test_one_that_was_used_is_replaced_and_all_end_with_the_link(runtime: Runtime) -> None:
    """There are as many again after a while; none is left once the link has gone."""
    with reach(runtime) as transport:
        first = {process.pid for process in _warm(transport)}
        assert run(transport, _program(_TELL)).code == 7
        second = {process.pid for process in _warm(transport)}
        assert len(first & second) == 2
    end_link()
    until(lambda: not _waiting())


def test_dead_ones_are_noticed(runtime: Runtime) -> None:
    """Killed while they wait they cost nothing: the program runs on a channel of its own."""
    with reach(runtime) as transport:
        for process in _warm(transport):
            process.kill()
        assert run(transport, _program(_TELL), b"all of it").code == 7
        assert isinstance(transport, LinkTransport)
        assert transport._own is None


@pytest.mark.parametrize("size", [0, 10, 1_000_000])
def test_one_that_dies_with_a_program_in_its_hands(
    runtime: Runtime, size: int, folder: Path
) -> None:
    """Before it has begun nothing has run: the program is started anew, its input sent again."""
    trace = folder / "trace"
    source = (
        "import sys; open(sys.argv[1], 'a').write('x'); "
        "print(len(sys.stdin.buffer.read())); sys.exit(3)"
    )
    with reach(runtime) as transport:
        waiting = _warm(transport)
        for one in waiting:
            one.suspend()
        process = transport.start(_program(source, str(trace)))
        # All of it before the end: paramiko may send into a channel that is just being closed, and
        # sshd ends a connection for that.
        process.write(b"x" * size)
        for one in waiting:
            one.kill()
        process.close_stdin()
        assert b"".join(iter(process.read, b"")) == f"{size}\n".encode()
        assert process.wait() == 3
        process.close()
    assert trace.read_text() == "x"


def test_they_make_room(runtime: Runtime) -> None:
    """Beside them the machine's 64 sessions are used up and more asked for: all are served."""
    with reach(runtime) as transport:
        _warm(transport)
        processes = [transport.start(["cat"]) for _ in range(70)]
        for number, process in enumerate(processes):
            process.write(f"this is {number}".encode())
            process.close_stdin()
        for number, process in enumerate(processes):
            assert process.read() == f"this is {number}".encode()
            assert process.wait() == 0
            process.close()
        until(lambda: not _waiting())


@pytest.mark.parametrize("name", ["replica", "jobs", "supervisor", "register", "fetch"])
def test_a_waiting_one_has_loaded_what_our_programs_load(name: str) -> None:
    """Nothing is left to be imported while somebody waits for the answer."""

    def imported(text: str) -> set[str]:
        found = set()
        for node in ast.parse(text).body:
            if isinstance(node, ast.Import):
                found |= {one.name for one in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(str(node.module))
        return found

    text = imported(texts.payload(name)) - {"collections.abc", "importlib"}
    assert text - imported(waiting()[-1]) == set()
