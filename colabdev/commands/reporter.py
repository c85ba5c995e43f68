"""What a command may tell while it works; the CLI decides how that looks."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from colabdev.jobs.job import Event


class Progress(Protocol):
    """A running step; *advance* turns its spinner into a bar when a total is known."""

    def advance(self, done: int, total: int | None = None) -> None:
        """Say that *done* of *total* units (bytes, files) are behind us."""

    def say(self, text: str) -> None:
        """Change the step's text."""


class Reporter(Protocol):
    """Where messages go: a terminal, plain lines, JSON lines, or nowhere."""

    def step(self, text: str) -> contextlib.AbstractContextManager[Progress]:
        """Show that *text* is under way until the block ends; shown only after a moment."""

    def done(self, text: str) -> None:
        """Say that something is finished."""

    def warn(self, text: str, hint: str = "") -> None:
        """Say what is not as it should be, without ending the command."""

    def event(self, event: "Event") -> None:
        """Pass on what a job tells."""


class Silent:
    """The reporter of library use: nothing is shown."""

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[Progress]:  # noqa: ARG002 - the seam's own signature
        yield self

    def advance(self, done: int, total: int | None = None) -> None:
        pass

    def say(self, text: str) -> None:
        pass

    def done(self, text: str) -> None:
        pass

    def warn(self, text: str, hint: str = "") -> None:
        pass

    def event(self, event: "Event") -> None:
        pass
