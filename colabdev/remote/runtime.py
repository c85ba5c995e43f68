"""The machines the laptop knows, by alias."""

from dataclasses import dataclass

from colabdev.remote.destination import Destination


@dataclass(frozen=True, slots=True)
class Runtime:
    """A machine under an *alias* that never changes, while its destination may.

    *boot_id* tells one life of the machine from the next, *root* is the workspace there,
    *registered* an ISO 8601 time in UTC. A *destination* of None is this very machine.
    """

    alias: str
    destination: Destination | None
    boot_id: str
    root: str
    registered: str
