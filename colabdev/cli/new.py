"""``new`` and ``init``: a project to begin with, or the one that is there."""

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, pass_console
from colabdev.language import tr

_SHOWN = 10


@click.command()
@click.argument("folder", type=click.Path(), metavar="DIR")
@click.option("--name", help="The Python package in it. Default: what the folder is called.")
@json_option
@pass_console
def new(console: Console, folder: str, name: str | None) -> None:
    """Make a PyTorch project that survives the loss of its machine.

    It has typed settings, checkpoints that resume bit for bit, metrics, tests, and a README in
    English and Korean. DIR is a new folder, or an empty one.

    \b
    Example:
      colabdev new demo
    """
    import shlex
    from pathlib import Path

    from colabdev.commands.new import new_project

    made = new_project(Path(folder), name)
    console.result(made)
    console.done(
        tr(
            "The project {package} is in {folder}: {files} files.",
            package=made.package,
            folder=made.folder,
            files=len(made.files),
        )
    )
    console.done(
        tr(
            "  cd {folder} && colabdev run -m {package}.train --config debug",
            folder=shlex.quote(folder),
            package=made.package,
        )
    )


@click.command(short_help="Take up a project that is there.")
@click.argument("folder", type=click.Path(), metavar="[DIR]", default=".")
@json_option
@pass_console
def init(console: Console, folder: str) -> None:
    """Take up a project that is there, and show what would be sent of it.

    Writes [tool.colabdev] into pyproject.toml and a .colabdevignore, where they are missing, and
    changes nothing else.

    \b
    Example:
      colabdev init
    """
    from pathlib import Path

    from colabdev.commands.init import init_project
    from colabdev.far_words import translated
    from colabdev.sync.report import size_text

    adopted = init_project(Path(folder))
    for name in adopted.written:
        console.done(tr("Wrote {name}.", name=name))
    if not adopted.written:
        console.done(tr("It was taken up already; nothing was changed."))
    if console.as_json:
        console.result(adopted)
        return
    largest = list(adopted.sizes.items())[:_SHOWN]
    rows = [{"file": path, "size": size_text(size)} for path, size in largest]
    console.done(
        tr(
            "A sync would send {files} files, {bytes}; largest:",
            files=adopted.files,
            bytes=size_text(adopted.bytes),
        )
    )
    console.table(rows, {"file": tr("file"), "size": tr("size")}, tr("There is nothing to send."))
    for path, size in adopted.too_large.items():
        console.warn(
            tr("{path} would not be sent: it has {size}.", path=path, size=size_text(size))
        )
    for left in adopted.skipped:
        reason = translated(left.reason)
        console.warn(tr("{path} would not be sent: {reason}.", path=left.path, reason=reason))
    console.done(tr("What need not be sent, name in .colabdevignore."))


COMMANDS = (new, init)
