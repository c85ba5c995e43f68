"""A job with named actions: what tests run to see what becomes of it.

``actions.py ACTION [WORDS]``; it imports nothing of colabdev but ``colabdev_report``.
"""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 30.0


def main(action: str, *words: str) -> None:
    ACTIONS[action](*words)


def leave(code: str) -> None:
    """Exit with *code*."""
    sys.exit(int(code))


def die(name: str) -> None:
    """End by the signal *name*."""
    os.kill(os.getpid(), getattr(signal, name))
    time.sleep(PATIENCE)


def show(*words: str) -> None:
    """Print the words, the folder and the environment as one JSON line."""
    print(json.dumps({"words": words, "cwd": os.getcwd(), "env": dict(os.environ)}))  # noqa: PTH109 - its text


def noise(seed: str, size: str) -> None:
    """Write *size* random bytes to each stream, in random pieces that are seldom apart in time."""
    for stream, name in ((sys.stdout.buffer, "stdout"), (sys.stderr.buffer, "stderr")):
        chance = random.Random(seed)
        data = noise_bytes(seed, size, name)
        while data:
            piece = chance.choice((1, 7, 1000, 70_000))
            stream.write(data[:piece])
            stream.flush()
            data = data[piece:]
            if chance.random() < 0.02:
                time.sleep(0.01)


def noise_bytes(seed: str, size: str, stream: str) -> bytes:
    """Return what `noise` writes to *stream*."""
    return random.Random(seed + stream).randbytes(int(size))


def numbers(seed: str, lines: str, trace: str, code: str) -> None:
    """Note the start in *trace*, print numbered lines on both streams, and exit with *code*."""
    count(trace)
    chance = random.Random(seed)
    for number in range(int(lines)):
        print(f"out {number}")
        print(f"err {number}", file=sys.stderr)
        if chance.random() < 0.1:
            time.sleep(0.02)
    leave(code)


def gate(*files: str) -> None:
    """Print a line with a plain print, wait until the file is there, and so on for each."""
    for number, name in enumerate(files):
        print("before", number)
        wait_for(name)
    print("through")


def wait_for(name: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not Path(name).exists():
        if time.monotonic() > deadline:
            sys.exit(f"nobody made {name}")
        time.sleep(0.01)


def stubborn(*names: str) -> None:
    """Ignore the named signals, as a child process does too, and tell both process ids."""
    for name in names:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({PATIENCE})"])
    print(os.getpid(), child.pid)
    time.sleep(PATIENCE)


def background() -> None:
    """Leave a process behind that holds both streams, and tell its id."""
    child = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({PATIENCE})"])
    print(child.pid)


def count(name: str) -> None:
    """Add one line to the file *name*."""
    with Path(name).open("a") as stream:
        stream.write("started\n")


def checkpoints(size: str, folder: str, *files: str) -> None:
    """Write a file of *size* random bytes, one rename or one piece after the other, per gate."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(files):
        data = noise_bytes(str(number), size, "file")
        final = Path(folder) / f"step-{number}.pt"
        draft = final.with_suffix(".new") if number % 2 else final
        with draft.open("wb") as stream:
            for at in range(0, len(data), 1_000_000):
                stream.write(data[at : at + 1_000_000])
                stream.flush()
                time.sleep(0.01)
        draft.replace(final)
        print(final)
        wait_for(name)


def measure(*files: str) -> None:
    """Report a loss, print a line, and wait for the file, for each of them."""
    import colabdev_report

    for step, name in enumerate(files):
        colabdev_report.metric("loss", 1 / (step + 1), step=step)
        print("step", step)
        wait_for(name)


def measure_together(processes: str, rows: str) -> None:
    """Report rows from several processes at once, each with its own rank."""
    workers = [
        multiprocessing.get_context("fork").Process(target=_rank, args=(rank, int(rows)))
        for rank in range(int(processes))
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def _rank(rank: int, rows: int) -> None:
    import colabdev_report

    for step in range(rows):
        colabdev_report.metric("loss", step, step=step, rank=rank, case="x" * (step * 37 % 3000))


def measure_at_the_end(rows: str) -> None:
    """Append all rows at once, and end."""
    row = '{"v": 1, "kind": "metric", "metric": "loss", "value": 0.5, "step": %d}\n'
    write_report("".join(row % step for step in range(int(rows))))


def write_report(text: str) -> None:
    """Append *text* to the report as it stands."""
    with Path(os.environ["COLABDEV_REPORT"]).open("ab") as stream:
        stream.write(text.encode())


ACTIONS: dict[str, Callable[..., None]] = {
    action.__name__: action
    for action in (
        leave,
        die,
        show,
        noise,
        numbers,
        gate,
        stubborn,
        background,
        count,
        checkpoints,
        measure,
        measure_together,
        measure_at_the_end,
        write_report,
    )
}

if __name__ == "__main__":
    main(*sys.argv[1:])
