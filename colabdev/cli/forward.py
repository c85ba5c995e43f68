"""``forward``: a runtime's web pages, such as TensorBoard's, on this computer."""

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, on_option, pass_console


@click.command()
@on_option
@json_option
@click.argument("ports", metavar="[LOCAL:]PORT...", nargs=-1, required=True)
@pass_console
def forward(console: Console, alias: str | None, ports: tuple[str, ...]) -> None:
    """Lead ports of this computer to the runtime's, until Ctrl-C.

    What listens there on 127.0.0.1, as TensorBoard and Jupyter do, is on localhost here. A
    connection that breaks is dialled anew for the next visitor.

    \b
    Example:
      colabdev forward 6006
      colabdev forward 8080:8888 6006
    """
    import contextlib

    from colabdev.commands.forward import Forwarding
    from colabdev.language import tr

    with Forwarding(alias, ports, console) as forwarding:
        for port in forwarding.ports:
            console.result(port, tr("{url} is port {port} there.", url=port.url, port=port.remote))
        console.done(tr("Ctrl-C ends it."))
        with contextlib.suppress(KeyboardInterrupt):
            forwarding.wait()


COMMANDS = (forward,)
