"""What the user sees: plain lines, a live terminal, or JSON lines."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any  # Any: what JSON takes

from colabdev.cli.clean import clean, clean_json, clean_line, indented
from colabdev.language import tr

if TYPE_CHECKING:  # every command starts through this file: what --help does not need waits
    from collections.abc import Iterator, Mapping, Sequence

    from colabdev.cli.log import Log
    from colabdev.commands.reporter import Progress
    from colabdev.jobs.job import Event, Metric, Output

SCHEMA = 1


class Console:
    """The `Reporter` of the command line; data to stdout, messages to stderr.

    With *as_json*, stdout carries JSON lines (docs/json.md) and the last one is of type ``end``.
    """

    def __init__(self, *, as_json: bool = False, log: Log | None = None) -> None:
        self.as_json = as_json
        self.quiet = False  # only results, warnings and errors
        self.log = log
        self.whose = "colabdev"  # whose exit code the command ends with: colabdev or job
        self.shows_metrics = True  # off for a job that prints its own numbers for people
        self._held: list[str] = []  # metrics that wait for the job's line to end
        self._inside_line = False  # the job's stderr stopped in the middle of a line

    # Results

    def result(self, data: object, text: str = "") -> None:
        """Give the command's result: *data* as JSON, or *text* to people."""
        if self.as_json:
            self._emit("result", data=_plain(data))
        elif text and sys.stdout.isatty():
            from colabdev.cli.tables import paragraph  # a terminal would cut its words in two

            paragraph(clean(text))
        elif text:
            sys.stdout.write(clean(text) + "\n")

    def synced(self, data: object, text: str) -> None:
        """Tell of one sync of several: *data* as JSON, or *text* to people."""
        if self.as_json:
            self._emit("sync", data=_plain(data))
        else:
            self._message(text)

    def note(self, type_: str, **fields: object) -> None:
        """Add a line of the type *type_* for programs; people are told in words elsewhere."""
        if self.as_json:
            self._emit(type_, **fields)

    def table(
        self, rows: Sequence[Mapping[str, object]], columns: Mapping[str, str], empty: str = ""
    ) -> None:
        """Show *rows* as a table with *columns* (key to heading), or as JSON."""
        if self.as_json:
            self._emit("result", data=_plain(rows))
        elif rows:
            from colabdev.cli.tables import render  # rich costs a start-up that --json can spare

            render(rows, columns)
        elif empty:
            self._message(empty)

    def end(self, code: int) -> None:
        """Say, with ``--json``, how the command ended and whose exit code it is."""
        if self._held:
            self._end_line()
            self._show_held()
        if self.as_json:
            with contextlib.suppress(OSError):  # who started us looks whether it is all out
                self._emit("end", exit_code=code, whose=self.whose)
        with contextlib.suppress(OSError):
            sys.stdout.flush()

    # Messages

    def done(self, text: str) -> None:
        """Say that something is finished."""
        self._note(text)
        if self.as_json:
            self._emit("message", text=text)
        elif not self.quiet:
            self._message(text)

    def warn(self, text: str, hint: str = "") -> None:
        """Say what is not as it should be."""
        self._note(f"warning: {text}")
        if self.as_json:
            self._emit("warning", text=text, hint=hint)
        else:
            mark = self._mark(tr("Warning:"), "33")
            self._message(f"{mark} {clean(text)}", cleaned=True)
            if hint:
                self._message(f"  {hint}")

    def failed(self, text: str, hint: str = "", *, kind: str = "") -> None:
        """Say why the command ends, and the next step."""
        self._note(f"error: {kind}: {text}")
        if self.as_json:
            self._emit("error", kind=kind, message=text, hint=hint)
        mark = self._mark(tr("Error:"), "31")
        self._message(f"{mark} {clean(text)}", cleaned=True)
        if hint:
            self._message(f"  {hint}")

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[Progress]:
        """Show a spinner, or a bar once a total is known, when it takes longer than a moment."""
        self._note(f"{text} ...")
        if self.as_json:
            from colabdev.cli.steps import ToldStep

            yield ToldStep(clean_line(text), lambda **fields: self._emit("progress", **fields))
            return
        if self.quiet or not _animated():
            from colabdev.commands.reporter import Silent

            yield Silent()
            return
        from colabdev.cli.live import live_step  # rich, only where something moves

        self._end_line()
        with live_step(clean_line(text)) as progress:
            yield progress

    # A job

    def event(self, event: Event) -> None:
        """Show what a job tells: its output as it is, its rows as short lines."""
        from colabdev.jobs.job import Metric, Output

        if self.as_json:
            self._emit_event(event)
        elif isinstance(event, Output):
            self._write_output(event)
        elif isinstance(event, Metric) and self.shows_metrics and not event.skipped:
            self._held.append(f"{self._mark(tr('metric'), '36')} {clean_line(metric_line(event))}")
            if not self._inside_line:
                self._show_held()

    def _write_output(self, event: Output) -> None:
        stream = sys.stdout if event.stream == "stdout" else sys.stderr
        stream.flush()
        stream.buffer.write(event.data)
        stream.buffer.flush()
        if event.data and (event.stream == "stderr" or _same_screen()):
            self._inside_line = not event.data.endswith(b"\n")
            if not self._inside_line:
                self._show_held()

    def _emit_event(self, event: Event) -> None:
        from dataclasses import asdict

        from colabdev.jobs.job import Artifact, Exited, GpuSample, Metric, Output, Record

        match event:
            case Output():
                self._emit(
                    "output", stream=event.stream, offset=event.offset, **_encoded(event.data)
                )
            case Metric():
                fields = {name: value for name, value in asdict(event).items() if value is not None}
                self._emit("metric", **fields)
            case Record():
                self._emit("record", kind=event.kind, fields=_plain(event.fields))
            case Artifact():
                self._emit("artifact", **asdict(event))
            case GpuSample():
                self._emit("gpu", **asdict(event))
            case Exited():
                self._emit("exited", **asdict(event))

    # The streams

    def _note(self, text: str) -> None:
        if self.log is not None:
            self.log.line(text)

    def _emit(self, type_: str, **fields: object) -> None:
        import json

        plain = (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")  # it lacks letters
        line = json.dumps({"v": SCHEMA, "type": type_, **fields}, ensure_ascii=plain)
        sys.stdout.write(clean_json(line) + "\n")
        sys.stdout.flush()

    def _show_held(self) -> None:
        for line in self._held:
            sys.stderr.write(line + "\n")
        self._held.clear()
        sys.stderr.flush()

    def _message(self, text: str, cleaned: bool = False) -> None:
        self._end_line()
        self._show_held()
        text = indented(text if cleaned else clean(text))
        if _too_wide(text):
            from colabdev.cli.tables import message  # rich, only where words would be cut

            text = message(text)
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def _end_line(self) -> None:
        if self._inside_line:
            sys.stderr.write("\n")
            self._inside_line = False

    def _mark(self, word: str, colour: str) -> str:
        return f"\x1b[{colour}m{word}\x1b[0m" if _coloured() else word


def metric_line(metric: Metric) -> str:
    """Return *metric* on one line: where, what, how much."""
    where = " ".join(part for part in (metric.exercise, metric.case) if part)
    value = f"{metric.value:.6g}" if isinstance(metric.value, float) else str(metric.value)
    step = "" if metric.step is None else tr(" (step {number})", number=metric.step)
    return f"{where + ': ' if where else ''}{metric.metric} = {value} {metric.unit}".rstrip() + step


def _encoded(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:  # binary, or cut inside a character
        import base64

        return {"base64": base64.b64encode(data).decode()}


def _plain(value: object) -> Any:
    """Turn dataclasses, paths, enums and mappings into what JSON takes."""
    from collections.abc import Mapping
    from dataclasses import is_dataclass
    from enum import Enum
    from pathlib import Path

    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def _animated() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _coloured() -> bool:
    return _animated() and not os.environ.get("NO_COLOR")


def _too_wide(text: str) -> bool:
    """Tell whether a terminal would cut a word of *text* in two."""
    if not sys.stderr.isatty() or len(text) * 2 < 40:
        return False
    from colabdev.cli.layout import room

    columns = room(sys.stderr)
    wide = (len(line) if line.isascii() else 2 * len(line) for line in text.split("\n"))
    return max(wide) > columns


def _same_screen() -> bool:
    return sys.stdout.isatty() and sys.stderr.isatty()
