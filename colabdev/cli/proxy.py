"""``proxy``: a ProxyCommand for the user's own ssh."""

import click

from colabdev.cli.console import Console
from colabdev.cli.options import no_link_option, pass_console


@click.command(short_help="Carry ssh's own bytes over colabdev's connection.")
@no_link_option
@click.argument("alias")
@pass_console
def proxy(console: Console, alias: str) -> None:
    """Carry ssh's own bytes to the runtime ALIAS, over colabdev's connection.

    ssh's login and its check of the host key stay end to end.

    \b
    Example:
      ssh -o ProxyCommand='colabdev proxy colab' colab
    """
    from colabdev.commands.proxy import proxy as carry_bytes

    del console  # stdout is for ssh alone
    carry_bytes(alias)


COMMANDS = (proxy,)
