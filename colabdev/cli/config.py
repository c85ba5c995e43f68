"""``colabdev config``: what is set, and where."""

import click

from colabdev.cli.console import Console
from colabdev.cli.options import json_option, pass_console


@click.group()
def config() -> None:
    """Show and change the settings that stand in for options.

    A value is looked for in the option, the environment (COLABDEV_KEY), the project's
    [tool.colabdev], config.toml, and the default, in this order.

    \b
    Example:
      colabdev config show
      colabdev config set on colab
    """


@config.command()
@json_option
@pass_console
def show(console: Console) -> None:
    """Show every setting, and where its value comes from.

    \b
    Example:
      colabdev config show --json
    """
    from colabdev.commands.config import show_settings
    from colabdev.commands.words import word

    rows = [
        {
            "key": one.name,
            "value": one.shown,
            "source": one.source.value,
            "where": one.where,
        }
        for one in show_settings()
    ]
    if not console.as_json:
        rows = [
            {**row, "value": _words(row["value"]), "source": word(str(row["source"]))}
            for row in rows
        ]
    from colabdev.language import tr

    headings = {
        "key": tr("key"),
        "value": tr("value"),
        "source": tr("source"),
        "where": tr("where"),
    }
    console.table(rows, headings)


@config.command("set")
@click.argument("key")
@click.argument("value", required=False)
@json_option
@pass_console
def set_(console: Console, key: str, value: str | None) -> None:
    """Write a setting to config.toml; its comments and other lines stay.

    Without VALUE it is asked for, or read from standard input; a secret is taken no other way, for
    what is typed here is seen in the list of processes.

    \b
    Example:
      colabdev config set pull_limit 200MB
      colabdev config set ngrok_api_key
    """
    from colabdev.errors import InputError
    from colabdev.language import tr
    from colabdev.settings import Source, known_key, set_in_config

    secret = known_key(key).secret
    if secret and value is not None:
        raise InputError(
            tr("{key} is a secret, and others see what is typed here.", key=key),
            tr("Leave the value out; it is asked for: colabdev config set {key}", key=key),
        )
    now = set_in_config(key, _asked(key, secret) if value is None else value)
    console.result({"key": now.name, "value": now.shown, "source": now.source, "where": now.where})
    console.done(tr("{key} is {value}.", key=now.name, value=_words(now.shown)))
    if now.source is not Source.CONFIG:
        console.warn(tr("{variable} goes before config.toml.", variable=now.where))


@config.command()
@click.argument("key")
@json_option
@pass_console
def unset(console: Console, key: str) -> None:
    """Take a setting out of config.toml.

    \b
    Example:
      colabdev config unset pull_limit
    """
    from colabdev.language import tr
    from colabdev.settings import unset_in_config

    found = unset_in_config(key)
    console.result({"key": key, "found": found})
    if found:
        console.done(tr("{key} is set no more.", key=key))
    else:
        console.done(tr("{key} was not set.", key=key))


def _asked(key: str, secret: bool) -> str:
    import sys

    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return str(click.prompt(key, hide_input=secret, err=True))


def _words(value: object) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


COMMANDS = (config,)
