"""``gpu``: what the GPUs of a runtime are doing, once or until Ctrl-C."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, on_option, pass_console
from colabdev.cli.watching import watch_options, watched
from colabdev.language import tr

if TYPE_CHECKING:
    from colabdev.commands.gpu import Sample


@click.command()
@watch_options(every=2.0)
@on_option
@json_option
@pass_console
def gpu(console: Console, alias: str | None, watch: bool, every: float) -> None:
    """Show use, memory and power of each GPU of a runtime.

    \b
    Example:
      colabdev gpu --watch
    """
    from colabdev.commands.gpu import samples

    looks = samples(alias, every=every if watch else None)
    if watch:
        watched(console, looks, lines=lambda found: _show(console, found), screen=_screen)
    else:
        _show(console, next(looks))


def _headings() -> dict[str, str]:
    return {"gpu": "GPU", "use": tr("use"), "memory": tr("memory"), "power": tr("power")}


def _show(console: Console, found: "list[Sample]") -> None:
    rows = [asdict(one) if console.as_json else _row(one) for one in found]
    console.table(rows, _headings())


def _screen(found: "list[Sample]") -> list[object]:
    from colabdev.cli.tables import laid_out

    return [laid_out([_row(one) for one in found], _headings())]


def _row(one: "Sample") -> dict[str, object]:
    def of(used: float | None, total: float | None, unit: str) -> str:
        if used is None:
            return "-"
        return (
            f"{used:.0f} {unit}"
            if total is None
            else tr("{used} of {total}", used=f"{used:.0f}", total=f"{total:.0f} {unit}")
        )

    def mib(size: int | None) -> float | None:
        return None if size is None else size / 2**20

    return {
        "gpu": f"{one.index} {one.name}",
        "use": "-" if one.use is None else f"{one.use:.0f} %",
        "memory": of(mib(one.memory_used), mib(one.memory_total), "MiB"),
        "power": of(one.power, one.power_limit, "W"),
    }


COMMANDS = (gpu,)
