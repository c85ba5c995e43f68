"""What a transport owes its users, the same over a subprocess and over SSH."""

import hashlib
import random
import threading
import time
from pathlib import Path

import pytest

from colabdev.errors import RemoteFailure
from colabdev.remote.transport import Completed, Process, Transport, run

ODD_WORDS = [
    "two words",
    "",
    "'single'",
    '"double"',
    "back\\slash",
    "$HOME `id` $(id) ${x}",
    "김철수 é",
    "line\nbreak",
    "*?[a-z]{a,b}~",
    "-n",
    "# no comment",
    "a;b|c&d>e<f!g",
    "\ttab\x7f",
]


def _until_there(path: Path) -> None:
    for _ in range(1000):
        if path.exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} never came")


def _read_all(process: Process) -> bytes:
    output = bytearray()
    while chunk := process.read():
        output += chunk
    return bytes(output)


def test_streams_are_told_apart(host: Transport) -> None:
    """stdout and stderr arrive whole, each by itself, with the exit code."""
    done = run(host, ["sh", "-c", "echo out; echo err >&2; exit 7"])
    assert done == Completed(7, b"out\n", b"err\n")


@pytest.mark.parametrize("code", [0, 1, 128, 255])
def test_exit_codes(host: Transport, code: int) -> None:
    """The command's exit code is the one that arrives."""
    assert run(host, ["sh", "-c", f"exit {code}"]).code == code


@pytest.mark.parametrize(("name", "number"), [("KILL", 9), ("TERM", 15), ("SEGV", 11), ("INT", 2)])
def test_death_by_signal(host: Transport, name: str, number: int) -> None:
    """A command that a signal ended gives 128 + its number."""
    assert run(host, ["sh", "-c", f"kill -{name} $$; sleep 60"]).code == 128 + number


def test_odd_words_arrive_as_given(host: Transport) -> None:
    """No shell on the way takes a word apart or reads anything into it."""
    done = run(host, ["printf", "%s\\0", *ODD_WORDS])
    assert done.stdout.decode().split("\0")[:-1] == ODD_WORDS


def test_megabytes_both_ways(host: Transport) -> None:
    """Bytes of every value survive both directions, more of them than any buffer holds."""
    data = random.Random(7).randbytes(5_000_000)
    process = host.start(["cat"])

    def feed() -> None:
        process.write(data)
        process.close_stdin()

    feeder = threading.Thread(target=feed)
    feeder.start()
    output = _read_all(process)
    feeder.join()
    assert process.wait() == 0
    process.close()
    assert hashlib.sha256(output).digest() == hashlib.sha256(data).digest()


def test_unread_stderr_stops_nothing(host: Transport) -> None:
    """A flood on stderr does not hold up stdout, and its end is kept."""
    flood = "import sys; sys.stderr.write('x' * 5_000_000 + 'the end'); print('done')"
    done = run(host, ["python3", "-c", flood])
    assert done.stdout == b"done\n"
    assert len(done.stderr) == 64 * 1024
    assert done.stderr.endswith(b"xthe end")


def test_stdin_ends_when_closed(host: Transport) -> None:
    """A command reads what was written and then the end; twice closed equals once."""
    process = host.start(["wc", "-c"])
    process.write(b"12345")
    process.close_stdin()
    process.close_stdin()
    assert _read_all(process).split() == [b"5"]
    assert process.wait() == 0
    process.close()


def test_output_arrives_while_the_command_runs(host: Transport, home: Path) -> None:
    """A line is there before the command goes on: it waits for a file made after the line came."""
    seen = home / "seen"
    script = 'echo ready; while [ ! -e "$1" ]; do sleep 0.01; done; echo after'
    process = host.start(["sh", "-c", script, "sh", str(seen)])
    assert process.read() == b"ready\n"
    seen.touch()
    assert _read_all(process) == b"after\n"
    assert process.wait() == 0
    process.close()


def test_reads_are_bounded(host: Transport) -> None:
    """No read returns more than was asked for, and nothing is lost between two reads."""
    process = host.start(["echo", "123456789"])
    pieces = []
    while piece := process.read(4):
        pieces.append(piece)
    process.close()
    assert all(len(piece) <= 4 for piece in pieces)
    assert b"".join(pieces) == b"123456789\n"


def test_eight_at_once(host: Transport) -> None:
    """Eight commands share the connection, and none hears another's words."""
    processes = [host.start(["cat"]) for _ in range(8)]
    for number, process in enumerate(processes):
        process.write(f"this is {number}".encode())
    for process in reversed(processes):
        process.close_stdin()
    for number, process in enumerate(processes):
        assert _read_all(process) == f"this is {number}".encode()
        assert process.wait() == 0
        process.close()


def test_closing_ends_what_reads(host: Transport, home: Path) -> None:
    """A command that reads its stdin meets the end when we close; closing twice is no error."""
    over = home / "over"
    process = host.start(["sh", "-c", 'cat; : > "$1"', "sh", str(over)])
    process.write(b"something")
    assert process.read() == b"something"
    process.close()
    process.close()
    _until_there(over)


def test_closing_waits_for_nothing_in_the_background(host: Transport, home: Path) -> None:
    """What a command left running behind it holds up neither its exit code nor our close."""
    script = (
        '(n=0; while [ ! -e "$1" ] && [ $n -lt 2000 ]; do sleep 0.01; n=$((n+1)); done; : > "$2")'
        " & echo started"
    )
    stop, over = home / "stop", home / "over"
    process = host.start(["sh", "-c", script, "sh", str(stop), str(over)])
    assert process.read() == b"started\n"
    assert process.wait() == 0
    process.close()
    assert not over.exists()
    stop.touch()
    _until_there(over)


def test_writing_to_the_dead(host: Transport) -> None:
    """Input for a command that is over is refused, not swallowed and not a lost connection."""
    process = host.start(["true"])
    assert process.wait() == 0
    with pytest.raises(RemoteFailure) as caught:
        process.write(b"x" * 64_000_000)
    assert caught.value.kind == "stdin"
    process.close()


def test_the_connection_outlives_a_failed_command(host: Transport) -> None:
    """After a command that failed the next one runs as if nothing had been."""
    assert run(host, ["sh", "-c", "exit 3"]).code == 3
    assert run(host, ["echo", "still here"]).stdout == b"still here\n"


def test_a_transport_closes_twice(host: Transport) -> None:
    """Closing is idempotent, also while a command still runs."""
    host.start(["cat"]).close()
    host.close()
    host.close()
