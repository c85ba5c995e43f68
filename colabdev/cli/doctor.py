"""``colabdev doctor``: the table of checks."""

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, pass_console

_LONG = 120  # characters; --json has all of it


@click.command()
@click.argument("alias", required=False)
@click.option("--fix", is_flag=True, help="Mend permissions, the Include line and the SSH files.")
@json_option
@pass_console
def doctor(console: Console, alias: str | None, fix: bool) -> int:
    """Check both sides of the road, and say what mends each fault.

    ALIAS is a runtime; by default the one connected last. Ends with 1 when something failed.

    \b
    Example:
      colabdev doctor
      colabdev doctor colab --fix
    """
    from colabdev.commands.doctor.check import Verdict
    from colabdev.commands.doctor.examine import examine
    from colabdev.commands.words import word
    from colabdev.language import tr, tr_n

    checks = examine(alias, console, fix=fix)
    failed = [check for check in checks if check.verdict is Verdict.FAIL]
    if console.as_json:
        console.result(checks)
        return 1 if failed else 0
    rows = [
        {"verdict": word(check.verdict.value), "name": tr(check.name), "found": _short(check.found),
         "source": _short(check.source)}
        for check in checks
    ]  # fmt: skip
    console.table(
        rows,
        {"verdict": "", "name": tr("check"), "found": tr("found"), "source": tr("where from")},
    )
    for check in checks:
        if check.mend:
            console.warn(f"{tr(check.name)}: {check.found}", check.mend)
    if failed:
        console.done(tr_n("{count} check failed.", "{count} checks failed.", len(failed)))
    else:
        console.done(tr("No check failed."))
    return 1 if failed else 0


def _short(text: str) -> str:
    """Return *text* as a table has room for it, the home folder as ``~``."""
    from pathlib import Path

    text = text.replace(str(Path.home()), "~")
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


COMMANDS = (doctor,)
