"""``status``: what answers, what goes on there, and what the tunnels carried this month."""

from typing import TYPE_CHECKING

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, on_option, pass_console
from colabdev.cli.watching import watch_options, watched
from colabdev.language import mark, tr

if TYPE_CHECKING:
    from colabdev.commands.status import Status

_PLACES = {
    "alias": mark("runtime"),
    "state": mark("state"),
    "address": mark("address"),
    "gpu": mark("GPU"),
    "torch": "torch",
    "python": "python",
    "root": mark("workspace"),
}
_ACTIVITY = {
    "alias": mark("runtime"),
    "up": mark("uptime"),
    "left": mark("left (estimate)"),
    "idle": mark("given back if idle"),
    "who": mark("connected"),
    "jobs": mark("jobs"),
    "disk": mark("disk free"),
}
_GPU = {
    "alias": mark("runtime"),
    "gpu_use": mark("GPU use"),
    "gpu_memory": mark("GPU memory"),
    "gpu_power": mark("GPU power"),
}


@click.command(short_help="Show whether each runtime answers, and what goes on there.")
@watch_options(every=5.0)
@on_option
@json_option
@pass_console
def status(console: Console, alias: str | None, watch: bool, every: float) -> None:
    """Show the known runtimes: whether each one answers, and what goes on there.

    How long Colab leaves a machine up is nowhere told: what is left of its 12 hours is an
    estimate, and so is the month's use of ngrok.

    \b
    Example:
      colabdev status --on colab
      colabdev status --watch
    """
    from colabdev.commands.status import status as look
    from colabdev.commands.status import watch as looks

    if watch:
        shown = looks(alias, every)
        watched(console, shown, lines=lambda found: _show(console, found), screen=_screen)
        return
    with console.step(tr("Asking the runtimes")):
        found = look(alias)
    _show(console, found)


def _show(console: Console, found: "list[Status]") -> None:
    if console.as_json:
        console.result(found)
        _note_usage(console)
        return
    if not found:
        console.done(
            tr("No runtime is known yet. Run 'colabdev cell --copy' and paste the cell into Colab.")
        )
    for rows, columns in _tables(found):
        console.table(rows, columns)
    for one in found:
        if one.problem:
            console.warn(f"{one.runtime.alias}: {one.problem}", one.hint)
    if carried := _carried():
        console.done(carried)


def _tables(found: "list[Status]") -> list[tuple[list[dict[str, str]], dict[str, str]]]:
    """Return rows and columns: what there is, what goes on there, and what the GPUs do."""
    # The column of the idle time is there only where a VM is to be given back for it.
    idle = any(one.facts and one.facts.idle_left is not None for one in found)
    activity = {name: title for name, title in _ACTIVITY.items() if idle or name != "idle"}
    return [
        ([one.row() for one in found], _said(_PLACES)),
        ([one.activity() for one in found if one.facts], _said(activity)),
        ([one.activity() for one in found if one.facts and one.facts.gpu], _said(_GPU)),
    ]


def _said(headings: dict[str, str]) -> dict[str, str]:
    return {key: tr(heading) for key, heading in headings.items()}


def _screen(found: "list[Status]") -> list[object]:
    from colabdev.cli.tables import laid_out

    return [
        *(laid_out(rows, columns) for rows, columns in _tables(found) if rows),
        *(f"{one.runtime.alias}: {one.problem} {one.hint}" for one in found if one.problem),
        _carried(),
    ]


def _note_usage(console: Console) -> None:
    from colabdev.remote.usage import FREE_BYTES, FREE_CONNECTIONS, this_month

    used = this_month()
    console.note(
        "usage",
        via="ngrok",
        estimate=True,
        sent=used.sent,
        received=used.received,
        connections=used.connections,
        free_bytes=FREE_BYTES,
        free_connections=FREE_CONNECTIONS,
    )


def _carried() -> str:
    from colabdev.remote.usage import FREE_BYTES, FREE_CONNECTIONS, Usage, this_month

    used = this_month()
    if used == Usage():
        return ""
    return tr(
        "ngrok this month, an estimate made on this computer: {bytes} of {all_bytes} MB, "
        "{connections} of {all_connections} connections of the free plan.",
        bytes=f"{(used.sent + used.received) / 1e6:.1f}",
        all_bytes=f"{FREE_BYTES / 1e6:.0f}",
        connections=used.connections,
        all_connections=FREE_CONNECTIONS,
    )


COMMANDS = (status,)
