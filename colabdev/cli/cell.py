"""``colabdev cell``: the text to paste into Colab."""

import sys
from typing import TYPE_CHECKING

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, pass_console
from colabdev.errors import InputError
from colabdev.language import LANGUAGES, spoken, tr

if TYPE_CHECKING:  # what it imports is only loaded once it is needed
    from colabdev.remote.destination import Relay


@click.command()
@click.option(
    "--tunnel",
    type=click.Choice(["ngrok", "cloudflared", "relay", "none"]),
    help="The road from the internet to the VM: ngrok unless a relay is given; 'none' stays there.",
)
@click.option("--name", default="colab", show_default=True, help="What the runtime calls itself.")
@click.option("--root", default="", help="Workspace on the VM. Default: /content on Colab.")
@click.option("--keep-open", is_flag=True, help="Let the cell stay and show a status line.")
@click.option("--address", default="", help="A TCP address reserved at ngrok, HOST:PORT.")
@click.option("--relay", default="", help="A server of yours to go through, USER@HOST[:PORT].")
@click.option("--relay-key", default="", help="The relay's public host key. Default: ask it.")
@click.option(
    "--key",
    "key_files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="Let in the laptop of this public key file (.pub) too; repeatable.",
)
@click.option(
    "--release-when-idle",
    type=int,
    default=0,
    metavar="MIN",
    help="Give the VM back to Colab after MIN minutes without login, job or GPU work.",
)
@click.option("--copy", "to_clipboard", is_flag=True, help="Put the cell on the clipboard.")
@click.option(
    "--notebook",
    type=click.Path(dir_okay=False),
    help="Write a notebook with the cell to this file (.ipynb).",
)
@click.option(
    "--lang",
    type=click.Choice(LANGUAGES),
    help="The language of messages and help. Default: the system's.",
)
@json_option
@pass_console
def cell(
    console: Console,
    tunnel: str | None,
    name: str,
    root: str,
    keep_open: bool,
    address: str,
    relay: str,
    relay_key: str,
    key_files: tuple[str, ...],
    release_when_idle: int,
    to_clipboard: bool,
    notebook: str | None,
    lang: str | None,
) -> None:
    """Print the cell that opens a Colab runtime to this laptop.

    It holds this laptop's public key and no secret. Paste it into Colab, run it, and give the
    line it prints to this laptop. A cell opens one tunnel and holds the code of no other, so that
    it can be read in one go: choose with --tunnel.

    \b
    Example:
      colabdev cell --copy
      colabdev cell --relay me@server.example.org
      colabdev cell --tunnel none > cell.py
    """
    from pathlib import Path

    from colabdev.commands import cell as commands
    from colabdev.remote.sshkey import ensure_key

    tunnel = tunnel or ("relay" if relay else "ngrok")
    text = commands.render_cell(
        ensure_key(),
        more_keys=[commands.read_public_key(Path(file)) for file in key_files],
        tunnel=tunnel,
        name=name,
        root=root,
        keep_open=keep_open,
        address=address,
        release_when_idle=release_when_idle,
        relay=_relay(relay, relay_key) if relay else None,
        lang=lang or spoken(),
    )
    if notebook is not None:
        commands.write_notebook(Path(notebook), text, lang or spoken())
        console.done(
            tr(
                "Wrote {notebook}. Open it in Colab (File > Upload notebook) and run it.",
                notebook=notebook,
            )
        )
    if to_clipboard:
        from colabdev.cli.clipboard import copy

        copy(text)
        console.done(tr("The cell is on the clipboard. Paste it into a Colab notebook and run it."))
    if console.as_json:
        console.result({"cell": text})
    elif notebook is None and not to_clipboard:
        sys.stdout.write(text)
        if sys.stdout.isatty():
            console.done(
                tr("\nPaste this into a Colab cell and run it; --copy spares the selecting.")
            )
    if tunnel == "ngrok" and (to_clipboard or notebook is not None or sys.stdout.isatty()):
        console.done(
            tr(
                "Colab allows SSH only to accounts with compute units (its FAQ); ngrok "
                "wants a payment card on file for TCP, which it does not charge."
            )
        )


def _relay(text: str, key: str) -> "Relay":
    """Return the relay *text*, pinned to *key*, or to what it shows if the user confirms that."""
    from colabdev.commands.relay import learn_relay_key
    from colabdev.remote.destination import Relay, check_host_key, fingerprint, parse_place

    user, host, port = parse_place(text)
    if key:
        return Relay(user, host, port, check_host_key(" ".join(key.split()[:2])))
    if not sys.stdin.isatty():
        raise InputError(
            tr("Nobody is here to confirm the relay's host key."),
            tr(
                "Give it: --relay-key \"$(ssh-keyscan -t ed25519 {host} | cut -d' ' -f2-)\"",
                host=host,
            ),
        )
    key = learn_relay_key(user, host, port)
    click.echo(
        tr("{host} shows the host key {fingerprint}.", host=host, fingerprint=fingerprint(key)),
        err=True,
    )
    if not click.confirm(tr("Is that the relay's?"), default=False, err=True):
        raise InputError(
            tr("The relay's host key was not confirmed."),
            tr("On the relay: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"),
        )
    return Relay(user, host, port, key)


COMMANDS = (cell,)
