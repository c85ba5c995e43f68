"""``colabdev runtimes``: which machines this computer knows, and by what names."""

from colabdev.commands.disconnect import take_out_of_editors
from colabdev.commands.reporter import Reporter
from colabdev.commands.status import status
from colabdev.language import tr
from colabdev.remote import sshconfig
from colabdev.remote.link.client import tell
from colabdev.remote.runtime import Registry, Runtime


def runtimes() -> list[dict[str, object]]:
    """Return a row for each known runtime, the one connected last first, and how it was found.

    *default* is the one that a command without ``--on`` means.
    """
    found = status()
    if not found:
        return []
    default = Registry().get(None).alias
    return [
        {
            "alias": one.runtime.alias,
            "default": one.runtime.alias == default,
            "state": one.state.value,
            "address": str(one.runtime.destination),
            "via": one.runtime.destination.via if one.runtime.destination else "-",
            "stable": one.runtime.stable,
            "connected": one.runtime.registered,
            "problem": one.problem,
        }
        for one in found
    ]


def rename(old: str, new: str, reporter: Reporter) -> Runtime:
    """Call the runtime *old* by the name *new* from now on, in the SSH config as well.

    Raises:
        InputError: there is no *old*, or *new* cannot be its name.
    """
    registry = Registry()
    runtime = registry.rename(old, new)
    tell(old, "leave")  # a link finds its runtime by the alias that it was started with
    sshconfig.write_ssh_files(registry)
    take_out_of_editors(old, reporter)
    reporter.done(tr("{old} is called {new} now.", old=old, new=new))
    return runtime
