"""Command lines of ours for the user to type, as a next step."""

from colabdev.errors import ColabdevError
from colabdev.remote.runtime import Registry, Runtime


def typed(verb: str, runtime: Runtime, *words: str) -> str:
    """Return the line that does *verb* on *runtime*, named where the line would mean another."""
    try:
        meant = Registry().get(None).alias == runtime.alias
    except ColabdevError:  # none is known, or the settings cannot be read
        meant = False
    where = () if meant else ("--on", runtime.alias)
    return " ".join(("colabdev", verb, *where, *words))
