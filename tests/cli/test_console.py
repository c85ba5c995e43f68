"""What the console writes, and where."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabdev.cli.clean import clean, clean_line
from colabdev.cli.console import Console
from colabdev.jobs.job import Metric, Output, Record


@given(st.text())
def test_cleaned_text_has_no_control_sequence(text: str) -> None:
    """Nothing that a terminal would obey is left, on one line not even a newline."""
    safe = clean(text)
    assert all(char in "\t\n" or (char >= " " and not "\x7f" <= char <= "\x9f") for char in safe)
    assert "\n" not in clean_line(text)
    assert "\t" not in clean_line(text)


@given(st.text(st.characters(categories=("L", "N", "P", "Zs"))))
def test_plain_text_is_left_alone(text: str) -> None:
    """Letters of any script, digits and punctuation pass unchanged."""
    assert clean(text) == text


def test_job_output_is_passed_on_byte_for_byte(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """stdout and stderr of a job reach ours unchanged, escape sequences and all."""
    console = Console()
    console.event(Output(0, "stdout", b"\x1b[31m\xff\x00 no newline"))
    console.event(Output(30, "stderr", b"err\xfe"))
    out, err = capfdbinary.readouterr()
    assert out == b"\x1b[31m\xff\x00 no newline"
    assert err == b"err\xfe"


def test_a_message_never_lands_inside_a_line_of_the_job(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    """A message after an unfinished stderr line starts on a line of its own."""
    console = Console()
    console.event(Output(0, "stderr", b"50 %"))
    console.warn("the line dropped")
    console.event(Output(9, "stderr", b"done\n"))
    console.done("back")
    assert capfdbinary.readouterr().err == b"50 %\nWarning: the line dropped\ndone\nback\n"


def test_a_metric_waits_for_the_end_of_the_jobs_line(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    """A number that comes inside a line of the job's stderr is shown behind it, none is lost."""
    console = Console()
    console.event(Output(0, "stderr", b"step 1"))
    console.event(Metric("loss", 0.5, step=1))
    console.event(Output(9, "stderr", b"\n"))
    console.event(Metric("loss", 0.25, step=2))
    console.event(Output(20, "stderr", b"the end"))
    console.event(Metric("loss", 0.125, step=3))
    console.end(0)
    assert capfdbinary.readouterr().err.decode().splitlines() == [
        "step 1",
        "metric loss = 0.5 (step 1)",
        "metric loss = 0.25 (step 2)",
        "the end",
        "metric loss = 0.125 (step 3)",
    ]


def test_json_carries_any_bytes(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Bytes that are no UTF-8 travel as base64, others as text; each event is one line."""
    console = Console(as_json=True)
    console.event(Output(0, "stdout", "안녕\n".encode()))
    console.event(Output(12, "stderr", b"\xff\n"))
    console.event(Metric("loss", 0.5, step=3))
    console.event(Record("env", {"torch": "2.13"}))
    console.whose = "job"
    console.end(7)
    out, err = capfdbinary.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[0]["text"] == "안녕\n"
    assert base64.b64decode(lines[1]["base64"]) == b"\xff\n"
    assert lines[2]["metric"] == "loss"
    assert lines[2]["step"] == 3
    assert "unit" in lines[2]
    assert lines[3]["fields"] == {"torch": "2.13"}
    assert lines[4] == {"v": 1, "type": "end", "exit_code": 7, "whose": "job"}
    assert err == b""


def test_far_text_in_messages_is_cleaned(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """An escape sequence in a message from the far side is shown, not obeyed."""
    console = Console()
    console.warn("name \x1b]0;owned\x07", "try \x9b2J")
    console.result({}, "see \x1b[2J")
    out, err = capfdbinary.readouterr()
    assert b"\x1b" not in out + err
    assert b"\\x1b]0;owned\\x07" in err
