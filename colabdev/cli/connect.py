"""``connect``, ``disconnect``, ``status`` and ``shell``: to a runtime and away from it."""

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, on_option, pass_console


@click.command()
@click.argument("connect_string")
@click.option("--name", "alias", default="colab", show_default=True, help="The runtime's alias.")
@json_option
@pass_console
def connect(console: Console, connect_string: str, alias: str) -> None:
    """Prove the login to a runtime and remember it under an alias.

    CONNECT_STRING is what the cell printed. Quote it: it holds characters that a shell would take
    for its own.

    \b
    Example:
      colabdev connect 'colabdev://root@0.tcp.ngrok.io:12345?key=...'
    """
    from colabdev.commands.connect import connect as connect_to

    connection = connect_to(connect_string, alias, console)
    gpu = connection.facts.gpu
    console.result(
        connection,
        f"{gpu.name if gpu else 'No GPU'} on {connection.facts.hostname}. "
        f"Next: 'ssh {alias}', 'colabdev run SCRIPT', or VS Code: Remote-SSH to '{alias}'.",
    )


@click.command()
@click.argument("alias", required=False)
@json_option
@pass_console
def disconnect(console: Console, alias: str | None) -> None:
    """Forget a runtime and take its lines out of the SSH config.

    The VM itself goes on until Colab or its own stop call ends it.

    \b
    Example:
      colabdev disconnect colab
    """
    from colabdev.commands.disconnect import disconnect as forget

    forget(alias, console)


@click.command()
@on_option
@json_option
@pass_console
def status(console: Console, alias: str | None) -> None:
    """Show the known runtimes, and whether each one answers.

    \b
    Example:
      colabdev status --on colab
    """
    from colabdev.commands.status import status as look

    with console.step("Asking the runtimes"):
        found = look(alias)
    if console.as_json:
        console.result(found)
        return
    columns = ["alias", "state", "address", "gpu", "torch", "python", "disk_free", "root"]
    console.table(
        [one.row() for one in found],
        {name: _STATUS_HEADINGS.get(name, name) for name in columns},
        empty="No runtime is known yet. Run 'colabdev cell --copy' and paste the cell into Colab.",
    )
    for one in found:
        if one.problem:
            console.warn(f"{one.runtime.alias}: {one.problem}", one.hint)


_STATUS_HEADINGS = {
    "alias": "runtime",
    "gpu": "GPU",
    "disk_free": "disk free",
    "root": "workspace",
}


@click.command()
@on_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@pass_console
def shell(console: Console, alias: str | None, command: tuple[str, ...]) -> int:
    """Open a shell on the runtime, in its workspace, with the system's own ssh.

    \b
    Example:
      colabdev shell
      colabdev shell -- nvidia-smi
    """
    import subprocess

    from colabdev.commands.shell import shell_command

    del console  # ssh owns the terminal from here on
    return subprocess.run(shell_command(alias, command), check=False).returncode


COMMANDS = (connect, disconnect, status, shell)
