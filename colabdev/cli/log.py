"""What colabdev did, line by line in a private file, without anybody's secrets."""

import contextlib
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

LIMIT = 500_000  # bytes; a file that is larger when a command starts becomes the old one
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASS|KEY|CREDENTIAL|AUTH", re.IGNORECASE)
_SHORTEST = 6  # characters; a shorter value would blot out innocent words
_REDACTED = "[redacted]"
_PATTERNS = (
    re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL
    ),
    re.compile(r"\b[0-9][0-9A-Za-z]{20,}_[0-9A-Za-z]{15,}\b"),  # ngrok's tokens and API keys
    re.compile(r"\b(?:ghp|gho|hf|sk|xox[a-z]|glpat)[-_][0-9A-Za-z_-]{10,}"),
    re.compile(r"(?i)\b(?:bearer|basic)\s+[0-9A-Za-z+/_.=-]{8,}"),
    re.compile(r"(?i)(?<=:)[^:@/\s]+(?=@)"),  # a password in a URL
)
_NAMED = re.compile(
    r"(?i)\b([\w-]*(?:token|secret|passw\w*|api[_-]?key|authorization)[\w-]*['\"]?\s*[=:]\s*)\S+"
)


class Log:
    """The log of one command, in *file*; with *echo*, what goes there is shown on stderr too.

    Nothing is made before the first line, and nothing where colabdev has no home yet.
    """

    def __init__(self, file: Path, words: Sequence[str]) -> None:
        self.file = file
        self.echo = False
        self._words = words
        self._begun = time.monotonic()
        self._descriptor = -1
        self._begun_writing = False

    def line(self, text: str) -> None:
        """Write *text*, redacted, as one line; a disk that refuses is no reason to fail."""
        if not self._begun_writing:
            self._begun_writing = True
            self._open()
            self._write("colabdev " + " ".join(shown_words(self._words)))
        self._write(text)

    def close(self) -> None:
        """Close the file; later lines go nowhere."""
        self._begun_writing = True
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, text: str) -> None:
        text = redact(text).replace("\n", "\\n")
        if self.echo:
            with contextlib.suppress(OSError):
                sys.stderr.write(f"[{time.monotonic() - self._begun:7.3f}] {text}\n")
        if self._descriptor >= 0:
            moment = time.strftime("%Y-%m-%d %H:%M:%S")
            with contextlib.suppress(OSError):
                os.write(self._descriptor, f"{moment} [{os.getpid()}] {text}\n".encode())

    def _open(self) -> None:
        if not self.file.parent.parent.is_dir():
            return
        try:
            self.file.parent.mkdir(mode=0o700, exist_ok=True)
            if self.file.exists() and self.file.stat().st_size > LIMIT:
                self.file.replace(self.file.with_suffix(".old.txt"))
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
            self._descriptor = os.open(self.file, flags, 0o600)
        except OSError:
            return


def shown_words(words: Sequence[str]) -> list[str]:
    """Return a command's *words* with the values of variables, and a job's own words, left out."""
    shown: list[str] = []
    hide = False
    for place, word in enumerate(words):
        if word == "--" or (shown and shown[0] == "run" and word.endswith((".py", ".ipynb"))):
            rest = len(words) - place - 1
            return [*shown, word, *([f"[{rest} more]"] if rest else [])]
        value = word.removeprefix("--env=") if word.startswith("--env=") else word
        if place and _SECRET_NAME.search(words[place - 1]) and not word.startswith("-"):
            word = _REDACTED
        elif (hide or value is not word) and "=" in value:
            word = word[: word.index("=", len(word) - len(value)) + 1] + _REDACTED
        hide = word == "--env"
        shown.append(word)
    return shown


def redact(text: str) -> str:
    """Return *text* without what is, or looks like, a secret.

    Values of environment variables whose names speak of secrets go, and so do tokens, keys and
    passwords known by their shape.
    """
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST and not value.startswith("/"):
            text = text.replace(value, _REDACTED)
    for pattern in _PATTERNS:
        text = pattern.sub(_REDACTED, text)
    return _NAMED.sub(rf"\1{_REDACTED}", text)
