"""Run one exercise against its checks, whatever the learner's code does, and tell the outcome.

`tasks.py`, beside this file, does the checking in a process of its own, which the learner's code
may hang or end. What it prints comes down the same pipe as our messages, which carry a mark.
"""

import argparse
import contextlib
import json
import linecache
import os
import queue
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol  # Any: rows and messages are JSON

Text = str | tuple[str, str]

STARTING = 300.0  # seconds; the first import of torch takes a minute on a cold disk
GRACE = 15.0  # seconds; the process has its own alarm, which comes first and knows the line
KEPT = 16 * 1024  # bytes kept of each end of what a task printed
SHOWN = 20  # lines shown of each end of it

ENDLESS = ("Your code did not finish in time.", "코드가 제한 시간 안에 끝나지 않았습니다.")
DIED = ("Your code ended its whole process.", "코드가 프로세스를 통째로 끝냈습니다.")

HEADLINE = ("device", "gpu", "torch", "python")  # what of the machine is shown
INDENT = " " * 9
IMPORT, MEASURE = "import", "measure"  # the steps that are no check of the check file
BROKEN = "broken"  # the outcome of checks that cannot run
OUTCOMES = {
    "passed": "통과",
    "failed": "실패",
    "error": "오류",
    "skipped": "건너뜀",
    BROKEN: "검사오류",
}


@dataclass(frozen=True)
class Order:
    """What to check and how; *strict* makes a warning an error."""

    exercise: str
    check: str
    slug: str
    seed: int
    device: str = "auto"
    measure: bool = False
    strict: bool = False
    limit: float | None = None


@dataclass(frozen=True)
class Facts:
    """The machine and the *tasks* that are checked on its *device*; *fields* make the env row."""

    device: str
    tasks: Sequence[str]
    fields: dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """How one task ended (passed, failed, error, skipped) and what helps its author."""

    task: str
    outcome: str
    title: Text = ""
    problem: Text = ""
    detail: str = ""
    expected: str = ""
    got: str = ""
    why: Text = ""
    line: int = 0
    printed: str = ""


@dataclass(frozen=True)
class Measured:
    """One metric row."""

    fields: dict[str, Any]


class Broken(Exception):
    """The check file or this machine is at fault, and not the learner's code."""


class Child(Protocol):
    """A process that does tasks, as `subprocess.Popen` tells of one."""

    def poll(self) -> "int | None": ...
    def wait(self) -> int: ...
    def kill(self) -> None: ...


# Start a process that reads this request, which is JSON, and writes to this descriptor.
Start = Callable[[bytes, int], Child]


def examine(order: Order, start: "Start | None" = None) -> Iterator[Facts | Verdict | Measured]:
    """Check the exercise and yield what is found as it is found; measure it if all is well.

    *start* is another way to start the processes than `spawn`. It is not used for a GPU.

    Raises:
        Broken: the checks cannot run, whatever the learner wrote.
    """
    verdicts: list[Verdict] = []
    device: str = order.device
    todo: list[str] | None = None  # all the checks of the file
    while todo is None or todo:
        # A task that hangs or dies takes its process along: the rest gets a new one.
        for event in _run(order, todo, device, start):
            if isinstance(event, Verdict):
                verdicts.append(event)
                todo = todo[1:] if todo and event.task != IMPORT else []
            elif isinstance(event, Facts) and todo is None:
                device, todo = event.device, list(event.tasks)
            elif isinstance(event, Facts):
                continue
            yield event
    if order.measure and outcome(verdicts) == "passed":
        # A fresh process, which has not touched the GPU: the first touch is measured, too.
        for event in _run(order, [MEASURE], device, start):
            if not isinstance(event, Facts):
                yield event


def outcome(verdicts: Sequence[Verdict]) -> str:
    """Return the outcome of an exercise: that of its worst task; skipped if every task was."""
    found = {verdict.outcome for verdict in verdicts}
    return next((each for each in ("error", "failed", "passed") if each in found), "skipped")


def new_seed() -> int:
    """Return a seed that a person can type again."""
    return secrets.randbelow(10**6)


def spawn(request: bytes, output: int) -> Child:
    """Start a Python of its own for *request*."""
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tasks.py")
    child = subprocess.Popen(
        [sys.executable, "-u", program],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        env=environment(),
    )
    assert child.stdin, "opened with PIPE"
    with contextlib.suppress(BrokenPipeError), child.stdin as stdin:
        stdin.write(request)
    return child


def environment() -> dict[str, str]:
    """Return the environment of the learner's code: it reports no rows in our name."""
    kept = {name: value for name, value in os.environ.items() if name != "COLABDEV_REPORT"}
    return {**kept, "PYTHONIOENCODING": "utf-8"}


class _Fresh(Exception):
    """A forked process is not the one to do this."""


def _run(
    order: Order, tasks: "list[str] | None", device: str, start: "Start | None"
) -> Iterator[Facts | Verdict | Measured]:
    """Have a process of its own do *tasks* (None: all checks) until one of them ends it."""
    with tempfile.TemporaryDirectory() as folder:
        stack = os.path.join(folder, "stack")
        request = {"order": asdict(order), "tasks": tasks, "device": device, "stack": stack}
        if start and device != "cuda":
            with contextlib.suppress(_Fresh):
                with _listening(start, request) as (child, inbox):
                    yield from _judge(order, child, inbox, stack)
                return
        with _listening(spawn, request) as (child, inbox):
            yield from _judge(order, child, inbox, stack)


@contextlib.contextmanager
def _listening(
    start: Start, request: dict[str, Any]
) -> "Iterator[tuple[Child, queue.SimpleQueue[Any]]]":
    """Start a child and lend it with the queue of what it says; at the end there is no child."""
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    nonce = secrets.token_hex(8)
    mark = b"\0" + nonce.encode() + b" "
    pipe, output = os.pipe()
    try:
        child = start(json.dumps({**request, "nonce": nonce}).encode(), output)
    except BaseException:
        os.close(pipe)
        raise
    finally:
        os.close(output)
    listener = threading.Thread(target=_listen, args=(pipe, mark, inbox), daemon=True)
    listener.start()
    try:
        yield child, inbox
    finally:
        child.kill()
        child.wait()
        listener.join(timeout=1)
        if not listener.is_alive():  # else a process that the learner left behind holds the pipe
            os.close(pipe)


def _listen(descriptor: int, mark: bytes, inbox: "queue.SimpleQueue[Any]") -> None:
    """Tell our messages from what the learner's code prints into the same pipe."""
    buffer, printed, lost = b"", bytearray(), 0

    def deliver(message: dict[str, Any] | None) -> None:
        nonlocal lost
        if lost:
            printed[KEPT:KEPT] = f"\n[... {lost} bytes ...]\n".encode()
        inbox.put((message, printed.decode(errors="replace")))
        printed.clear()
        lost = 0

    while chunk := os.read(descriptor, 65536):
        buffer += chunk
        while (at := buffer.find(mark)) >= 0 and (end := buffer.find(b"\n", at)) >= 0:
            printed += buffer[:at]
            deliver(json.loads(buffer[at + len(mark) : end]))
            buffer = buffer[end + 1 :]
        cut = at if at >= 0 else max(0, len(buffer) - len(mark) + 1)
        printed += buffer[:cut]
        buffer = buffer[cut:]
        if len(printed) > 4 * KEPT:
            lost += len(printed) - 2 * KEPT
            del printed[KEPT:-KEPT]
    printed += buffer
    deliver(None)


def _judge(
    order: Order, child: Child, inbox: "queue.SimpleQueue[Any]", stack: str
) -> Iterator[Facts | Verdict | Measured]:
    """Turn the messages of *child* into events, and its end without one into a verdict."""
    task, title, printed, ready = IMPORT, "", "", False
    deadline = time.monotonic() + STARTING
    while True:
        message, more = _next(child, inbox, deadline)
        event = message.pop("event") if message else "lost"
        printed += more
        if event == "ready":
            ready = True
            yield Facts(**message)
        elif event == "begin":
            task, title = message["task"], _text(message["title"])
            deadline = time.monotonic() + message["limit"] + GRACE
        elif event == "verdict":
            found = {name: _text(value) for name, value in message.items()}
            yield Verdict(**found, title=title, printed=printed)
            task, title, printed = IMPORT, "", ""
        elif event == "metric":
            yield Measured(message)
        elif event == "fresh":
            raise _Fresh
        elif event == "broken":
            raise Broken(message["message"])
        elif event == "lost" and not ready:
            raise Broken(f"The checks did not start. {printed}")
        elif event == "lost":
            verdict = Verdict(task, "error", title, printed=printed)
            late = time.monotonic() > deadline
            yield _lost(verdict, child.wait(), late, stack, order.exercise)
        if event in ("end", "lost"):
            return


def _next(child: Child, inbox: "queue.SimpleQueue[Any]", deadline: float) -> tuple[Any, str]:
    """Wait for a message; None when *child* is gone, though a process it left hold the pipe."""
    while True:
        gone = child.poll() is not None
        try:
            message: tuple[Any, str] = inbox.get(timeout=0.5)
            return message
        except queue.Empty:
            if gone:
                return None, ""
            if time.monotonic() > deadline:
                child.kill()


def _lost(verdict: Verdict, code: int, late: bool, stack: str, exercise: str) -> Verdict:
    """Say how the process ended; at a crash and at its alarm it left its *stack* behind."""
    told = ""
    with contextlib.suppress(FileNotFoundError), open(stack, encoding="ascii") as file:
        told = file.read()
    path = exercise.encode("ascii", "backslashreplace").decode()  # as it is spelled there
    frame = re.search(rf'File "{re.escape(path)}", line (\d+)', told)
    verdict = replace(verdict, line=int(frame[1]) if frame else 0)
    if late or told.startswith("Timeout"):
        return replace(verdict, problem=ENDLESS)
    signals = {each.value: each.name for each in signal.Signals}
    return replace(verdict, problem=DIED, detail=signals.get(-code, f"exit code {code}"))


def _text(value: Any) -> Any:
    """Return what JSON made of a pair as the pair it was."""
    return tuple(value) if isinstance(value, list) else value


def main(words: Sequence[str]) -> int:
    """Check, print plain lines, and report rows where ``COLABDEV_REPORT`` says.

    Return 0 for passed, 1 for not passed or skipped, 70 for a failure of the checks.
    """
    parser = argparse.ArgumentParser(prog="checker.py", description=__doc__)
    parser.add_argument("--exercise", required=True, metavar="FILE", help="the learner's file")
    parser.add_argument("--check", required=True, metavar="FILE", help="the check file")
    parser.add_argument("--slug", default="", help="the exercise's name; default: its file's")
    parser.add_argument("--seed", type=int, default=new_seed())
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--measure", action="store_true", help="measure when all checks passed")
    parser.add_argument("--lang", choices=("en", "ko"), default="en")
    given = vars(parser.parse_args(words))
    language = given.pop("lang")
    for name in ("exercise", "check"):
        given[name] = os.path.abspath(given[name])
        if not os.path.isfile(given[name]):
            parser.error(f"there is no file {given[name]}")
    given["slug"] = given["slug"] or os.path.splitext(os.path.basename(given["exercise"]))[0]
    ended = tell(Order(**given), language, lambda line: print(line, flush=True), _report)
    return {"passed": 0, BROKEN: 70}.get(ended, 1)


def tell(
    order: Order,
    language: str,
    say: Callable[[str], None],
    report: Callable[..., None],
    start: "Start | None" = None,
) -> str:
    """Check as `examine` does; *say* lines for people and *report* rows, which are keywords.

    Return the outcome, or ``broken``: what the ``done`` row says.
    """
    verdicts: list[Verdict] = []
    skipped: Counter[str] = Counter()
    began = time.monotonic()
    try:
        for event in examine(order, start):
            if isinstance(event, Facts):
                fields = {name: value for name, value in event.fields.items() if value}
                report("env", exercise=order.slug, seed=order.seed, **fields)
                known = ", ".join(f"{name} {fields[name]}" for name in HEADLINE if name in fields)
                say(f"{order.slug}: {known}, seed {order.seed}")
            elif isinstance(event, Verdict):
                verdicts.append(event)
                _report_verdict(event, report)
                for line in _lines(order, event, language):
                    say(line)
            else:
                report("metric", exercise=order.slug, **event.fields)
                if reason := event.fields.get("skipped"):
                    skipped[reason] += 1
                else:
                    say(_measurement(event.fields))
    except Broken as broken:
        report("done", exercise=order.slug, outcome=BROKEN, message=str(broken))
        say(f"{_heading(BROKEN, language)} {order.slug}: {broken}")
        return BROKEN
    for reason, count in skipped.items():
        say(f"{INDENT}{count}x {_say(('skipped', '건너뜀'), language)}: {reason}")
    ended, passed = outcome(verdicts), sum(each.outcome == "passed" for each in verdicts)
    seconds = round(time.monotonic() - began, 1)
    counts = {"passed": passed, "tasks": len(verdicts)}
    report("done", exercise=order.slug, outcome=ended, seed=order.seed, seconds=seconds, **counts)
    took = f"{seconds} {_say(('s', '초'), language)}"
    say(f"{_heading(ended, language)} {order.slug}: {passed}/{len(verdicts)}, {took}")
    return ended


def _report_verdict(verdict: Verdict, report: Callable[..., None]) -> None:
    if verdict.outcome == "skipped":
        report("note", text=f"{verdict.task} skipped: {_say(verdict.why, 'en')}")
    else:
        message = f"{_say(verdict.problem, 'en')} {verdict.detail}".strip()
        report("check", name=verdict.task, passed=verdict.outcome == "passed", message=message)


def _lines(order: Order, verdict: Verdict, language: str) -> Iterator[str]:
    """Yield what a person reads: the verdict, then what helps, then what the code printed."""
    head = f"{_heading(verdict.outcome, language)} {verdict.task}  {_say(verdict.title, language)}"
    yield head.rstrip()
    if verdict.problem:
        problem = _say(verdict.problem, language)
        yield INDENT + (f"{problem.rstrip('.')}: {verdict.detail}" if verdict.detail else problem)
    source = linecache.getline(order.exercise, verdict.line).strip()
    place = f"{os.path.basename(order.exercise)}:{verdict.line}: {source}"
    for label, text in (
        (("expected", "기대한 값"), verdict.expected),
        (("got", "받은 값"), verdict.got),
        (("your line", "해당 줄"), place if verdict.line else ""),
        (("why", "이유"), _say(verdict.why, language)),
        (("the same numbers again", "같은 값으로 다시"), verdict.got and f"--seed {order.seed}"),
    ):
        if text:
            yield f"{INDENT}{_say(label, language)}: {text}"
    if verdict.printed.strip():
        yield f"{INDENT}{_say(('your code printed', '코드의 출력'), language)}:"
        lines = verdict.printed.splitlines()
        if len(lines) > 2 * SHOWN:
            lines[SHOWN:-SHOWN] = [f"[... {len(lines) - 2 * SHOWN} lines ...]"]
        yield from (f"{INDENT}| {each}" for each in lines)


def _heading(outcome: str, language: str) -> str:
    """Return the word for *outcome*, eight columns wide; a Korean letter takes two of them."""
    word = OUTCOMES[outcome] if language == "ko" else outcome.upper()
    return word + " " * (8 - len(word) * (1 + (language == "ko")))


def _say(text: Text, language: str) -> str:
    return text if isinstance(text, str) else text[language == "ko"]


def _measurement(row: dict[str, Any]) -> str:
    """Return the line of one metric row: case, metric, value, and how sure it is."""
    value = f"{row['value']:.4g} {row.get('unit', '')}".rstrip()
    sure = f" (iqr {row['iqr']:.2g}, {row['replicates']}x)" if row.get("replicates") else ""
    return f"{INDENT}{row['case']:24} {row['metric']:24} {value}{sure}"


def _report(kind: str, **fields: Any) -> None:
    """Report a row; outside of a job nobody collects them."""
    with contextlib.suppress(ImportError):
        import colabdev_report

        getattr(colabdev_report, kind)(**fields)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
