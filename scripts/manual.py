"""The man pages: one for colabdev and one for each of its commands, from what --help says."""

import inspect
import sys
from pathlib import Path

import click
from click_man.man import ManPage

from colabdev import __version__
from colabdev.cli.main import cli


def pages() -> dict[str, str]:
    """Return each page by the name of its file."""
    found: dict[str, str] = {}

    def walk(command: click.Command, context: click.Context) -> None:
        page = ManPage(context.command_path)
        page.version, page.date = __version__, "2026-01-01"
        page.short_help = safe(command.get_short_help_str(100))
        page.synopsis = " ".join(command.collect_usage_pieces(context))
        text = inspect.cleandoc(command.help or "").replace("\b\n", ".nf\n")
        page.description = "\n".join(safe(line) for line in text.split("\n"))
        records = [one.get_help_record(context) for one in command.get_params(context)]
        page.options = [(name, safe(said)) for name, said in filter(None, records)]
        found[f"{context.command_path.replace(' ', '-')}.1"] = ""
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None, name
                page.commands.append((name, safe(inner.get_short_help_str(100))))
                walk(inner, click.Context(inner, info_name=name, parent=context))
        found[f"{context.command_path.replace(' ', '-')}.1"] = str(page)

    walk(cli, click.Context(cli, info_name="colabdev"))
    return found


def safe(line: str) -> str:
    """Return *line* so that roff takes a quote or a dot at its beginning for a letter."""
    line = line.replace("\\", "\\e")
    return line if line == ".nf" or not line.startswith((".", "'")) else "\\&" + line


def write(folder: Path) -> int:
    """Write all pages into *folder* and return how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    made = pages()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
    return len(made)


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else "build/man")
    print(f"{write(place)} pages in {place}")
