"""The help of every command in the user's language, and commands that know their neighbours."""

import contextlib
import errno
import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from gettext import gettext
from typing import Any  # what a command returns

import click

from colabdev.errors import OutputClosed, OutputRefused, system_says
from colabdev.language import spoken, tr

_done: set[int] = set()
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


class Group(click.Group):
    """The root command, of which a mistyped command names its neighbour.

    *modules* names the module of ``colabdev.cli`` for each of its commands, which is loaded when
    it is asked for.
    """

    def __init__(self, *words: Any, modules: Mapping[str, str], **more: Any) -> None:
        super().__init__(*words, **more)
        self._modules = modules

    def list_commands(self, _context: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(self._modules)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return the command *name* in the user's language."""
        if name in self._modules and name not in self.commands:
            for command in importlib.import_module(f"colabdev.cli.{self._modules[name]}").COMMANDS:
                self.add_command(command)
                if spoken() != "en":
                    speak(command)
        return super().get_command(context, name)

    def make_context(self, *words: Any, **more: Any) -> click.Context:
        """Read what was typed, of which ``--help`` and ``--version`` are answered at once."""
        with _output_watched():
            return super().make_context(*words, **more)

    def invoke(self, context: click.Context) -> Any:
        """Run the command."""
        with _output_watched():
            return super().invoke(context)

    def resolve_command(
        self, context: click.Context, words: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve as click does; its own suggestion exists only in late versions of it."""
        try:
            return super().resolve_command(context, words)
        except click.UsageError as error:
            import difflib  # for a mistyped command alone

            near = difflib.get_close_matches(words[0], self.list_commands(context), n=1)
            if near and "?" not in error.format_message():
                text = gettext("Did you mean {possibility}?").format(possibility=near[0])
                raise click.UsageError(f"{error.format_message()} {text}", context) from None
            raise


@contextlib.contextmanager
def _output_watched() -> Iterator[None]:
    """Tell what is wrong with the output from what is wrong with us."""
    try:
        yield
    except BrokenPipeError as error:
        raise OutputClosed("") from error
    except OSError as error:
        if error.errno in _FULL and error.filename is None:  # no file of ours
            raise _refused(error) from error
        raise


def check_output() -> None:
    """Let out what is still to be said.

    Raises:
        OutputRefused: it cannot be written, as on a full disk.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return  # nobody wants to know
    except OSError as error:
        raise _refused(error) from error


def _refused(error: OSError) -> OutputRefused:
    return OutputRefused(
        tr("The output cannot be written: {reason}.", reason=system_says(error)),
        tr("Check the free space of the disk that it goes to."),
    )


def speak(command: click.Command) -> None:
    """Put the help of *command*, of its options and of its own commands into the user's language.

    Each is done once; a text without a translation stays as it is.
    """
    if id(command) in _done:
        return
    _done.add(id(command))
    command.help = _text(command.help)
    command.epilog = _text(command.epilog)
    command.short_help = _text(command.short_help)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            parameter.help = _text(parameter.help)
    if isinstance(command, click.Group) and not isinstance(command, Group):  # which does it itself
        context = click.Context(command)  # a group may load its commands when it is asked
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                speak(inner)


def _text(text: str | None) -> str | None:
    if not text:
        return text
    return "\n\n".join(_paragraph(one) for one in inspect.cleandoc(text).split("\n\n"))


def _paragraph(text: str) -> str:
    if "\b" in text:  # laid out by hand: line by line, of which commands have no translation
        return "\n".join(_line(line) for line in text.split("\n"))
    return gettext(message(text)) if text.strip() else text


def _line(line: str) -> str:
    bare = line.strip()
    return line.replace(bare, gettext(bare)) if bare and bare != "\b" else line


def message(paragraph: str) -> str:
    """Return *paragraph* as it stands in the catalogue: on one line, however it was wrapped."""
    return " ".join(paragraph.split())
