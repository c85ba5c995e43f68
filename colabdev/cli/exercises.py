"""``colabdev exercises``: the course."""

import click


@click.group()
def exercises() -> None:
    """A course of PyTorch exercises that are checked and measured on the runtime.

    \b
    Example:
      colabdev exercises list
    """


COMMANDS = (exercises,)
