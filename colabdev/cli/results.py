"""``colabdev results``: what was measured, kept on the laptop."""

import click


@click.group()
def results() -> None:
    """Recorded runs, with their metrics and the hardware they ran on.

    \b
    Example:
      colabdev results list
    """


COMMANDS = (results,)
