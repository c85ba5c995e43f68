"""What is recorded on the laptop: the runs, and one of them whole."""

from colabdev.errors import InputError
from colabdev.language import tr
from colabdev.results.run import Run
from colabdev.results.store import Results

KINDS = ("run", "exercise")


def list_runs(*, limit: int = 20, kind: str | None = None) -> list[Run]:
    """Return the last *limit* runs, the newest first, without their metrics.

    Raises:
        InputError: *kind* is unknown, or *limit* is no positive number.
    """
    if kind is not None and kind not in KINDS:
        raise InputError(
            tr("There are no results of the kind {kind!a}.", kind=kind),
            tr("Use {KINDS}.", KINDS=" or ".join(KINDS)),
        )
    if limit < 1:
        raise InputError(
            tr("{limit} runs cannot be listed.", limit=limit), tr("Ask for one or more.")
        )
    with Results() as results:
        return results.runs(limit, kind=kind)


def show_run(which: str = "last") -> Run:
    """Return a recorded run with its metrics: by the beginning of its id, or the ``last``.

    Raises:
        InputError: there is none, or more than one.
    """
    with Results() as results:
        return results.run(which)
