"""``connect``, ``disconnect`` and ``shell``: to a runtime and away from it."""

import click

from colabdev.cli.console import Console
from colabdev.cli.options import SettingOption, json_option, on_option, pass_console


@click.command()
@click.argument("connect_string", required=False)
@click.option("--name", "alias", help="The runtime's alias. Default: colab, or what it is called.")
@click.option(
    "--identity",
    type=click.Path(dir_okay=False),
    help="Your key file: for the relay, if there is one; for the machine with --direct.",
)
@click.option("--direct", metavar="USER@HOST[:PORT]", help="Any machine with sshd, without a cell.")
@click.option(
    "--via",
    type=click.Choice(["colab"]),
    help="Colab's own road, by Google's CLI: no cell, no tunnel.",
)
@click.option("-s", "--session", metavar="NAME", help="With --via colab: the runtime there.")
@click.option(
    "--gpu",
    type=click.Choice(["T4", "L4", "G4", "A100", "H100"], case_sensitive=False),
    help="With --via colab: for a runtime that is made anew.",
)
@click.option("--host-key", default="", help="With --direct: the fingerprint it must have.")
@click.option(
    "--stable",
    cls=SettingOption,
    setting="stable",
    is_flag=True,
    help="Let plain ssh and VS Code go through colabdev, which follows a tunnel that moves.",
)
@json_option
@pass_console
def connect(
    console: Console,
    connect_string: str | None,
    alias: str | None,
    identity: str | None,
    direct: str | None,
    via: str | None,
    session: str | None,
    gpu: str | None,
    host_key: str,
    stable: bool,
) -> None:
    """Prove the login to a runtime and remember it under an alias.

    CONNECT_STRING is what the cell printed. Quote it: it holds characters that a shell would take
    for its own. Without it the runtime is found on your ngrok account (NGROK_API_KEY).

    \b
    Example:
      colabdev connect
      colabdev connect --direct me@lab.example.com --name lab
      colabdev connect --via colab -s train --gpu T4
      colabdev connect 'colabdev://root@0.tcp.ngrok.io:12345?key=...'
    """
    from colabdev.commands.connect import connect as connect_to
    from colabdev.language import tr
    from colabdev.remote.destination import named_in

    if ((connect_string or not direct) and host_key) or (connect_string and direct):
        raise click.UsageError(tr("--direct and --host-key stand in for a connect string."))
    if via and (connect_string or direct or identity):
        raise click.UsageError(tr("--via colab takes no connect string, --direct or --identity."))
    if (session or gpu) and not via:
        raise click.UsageError(tr("--session and --gpu belong to --via colab."))
    own = identity or ""
    if via:
        from colabdev.commands.colab import alias_of, connect_colab

        alias = alias or (alias_of(session) if session else "colab")
        connection = connect_colab(session or alias, alias, console, gpu=gpu or "")
    elif direct:
        from colabdev.commands.direct import connect_direct

        alias = alias or "direct"
        connection = connect_direct(
            direct, alias, console, trust=_trusts, host_key=host_key, identity=own, stable=stable
        )
    else:
        if connect_string is None:
            connect_string, alias = _looked_for(console, alias)
        alias = alias or named_in(connect_string)
        alias = alias or "colab"
        connection = connect_to(connect_string, alias, console, identity=own, stable=stable)
    card = connection.facts.gpu
    console.result(
        connection,
        tr(
            "{gpu} on {host}. "
            "Next: 'ssh {alias}', 'colabdev run SCRIPT', or 'colabdev code' for VS Code.",
            gpu=card.name if card else tr("No GPU"),
            host=connection.facts.hostname,
            alias=alias,
        ),
    )


def _trusts(fingerprint: str) -> bool:
    """Ask whether *fingerprint* is the machine's; nobody there to ask does not confirm it."""
    import sys

    from colabdev.language import tr

    if not sys.stdin.isatty():
        return False
    question = tr("Its host key is {fingerprint}. Is that the machine's?", fingerprint=fingerprint)
    return click.confirm(question, default=False, err=True)


def _looked_for(console: Console, alias: str | None) -> tuple[str, str | None]:
    """Return the connect string of a runtime that was not named: from ngrok, or asked for."""
    import sys

    from colabdev.errors import InputError
    from colabdev.language import tr

    asks = sys.stdin.isatty() and not console.as_json

    def choose(names: list[str]) -> str:
        return str(click.prompt(tr("Which one?"), type=click.Choice(names), err=True))

    from colabdev.remote.discovery import api_key

    if key := api_key():
        from colabdev.commands.find import find

        found = find(key, alias, console, choose=choose if asks else None)
        return str(found.where), alias or found.name
    if not asks:
        raise InputError(
            tr("There is no connect string."),
            tr(
                "Give the one that the cell prints; or let it be found: set NGROK_API_KEY, from "
                "https://dashboard.ngrok.com/api-keys"
            ),
        )
    return _pasted(console), alias


def _pasted(console: Console) -> str:
    """Return the connect string on the clipboard, if the user agrees, else one they type."""
    from colabdev.cli.clipboard import paste
    from colabdev.errors import BadConnectString
    from colabdev.language import tr
    from colabdev.remote.destination import fingerprint, named_in, parse_connect_string

    text = paste()
    try:
        there = parse_connect_string(text).destination
    except BadConnectString:
        pass
    else:
        console.done(
            tr(
                "On the clipboard: {place}, host key {fingerprint}.",
                place=there,
                fingerprint=fingerprint(there.host_key),
            )
        )
        if name := named_in(text):
            console.done(tr("It is to be called {name}.", name=name))
        if click.confirm(tr("Connect there?"), default=False, err=True):
            return text

    def checked(line: str) -> str:
        try:
            parse_connect_string(line)
        except BadConnectString as error:
            raise click.UsageError(error.message) from error
        return line

    return str(click.prompt(tr("The line that the cell printed"), value_proc=checked, err=True))


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


@click.command(short_help="Open a shell on the runtime, in its workspace.")
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


COMMANDS = (connect, disconnect, shell)
