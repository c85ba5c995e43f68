"""What the tunnels carried this calendar month, as counted on this computer.

It is an estimate: ngrok counts at its own end, and what other computers or plain ``ssh`` sent
through the same account is not seen here.
"""

import contextlib
import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self  # Any: the ledger is JSON, a mapping of anything

from colabdev import paths
from colabdev.errors import ConfigError
from colabdev.language import tr
from colabdev.store import Document

# ngrok's free plan, a month (https://ngrok.com/docs/pricing-limits/free-plan-limits); the traffic
# of both directions counts.
FREE_BYTES = 1_000_000_000
FREE_CONNECTIONS = 5_000

METERED = ("ngrok",)  # roads that somebody counts
_MONTHS_KEPT = 12


@dataclass(frozen=True, slots=True)
class Left:
    """What remains of the free plan's month; nothing is below zero."""

    bytes: int
    connections: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What went through the tunnels: bytes *sent* and *received* here, TCP *connections* made."""

    sent: int = 0
    received: int = 0
    connections: int = 0

    def __add__(self, other: Self) -> "Usage":
        """Return both together."""
        return Usage(
            self.sent + other.sent,
            self.received + other.received,
            self.connections + other.connections,
        )

    def __sub__(self, other: Self) -> "Usage":
        """Return what this has beyond *other*."""
        return Usage(
            self.sent - other.sent,
            self.received - other.received,
            self.connections - other.connections,
        )

    def left(self) -> Left:
        """Return what remains of ngrok's free plan after this."""
        return Left(
            max(0, FREE_BYTES - self.sent - self.received),
            max(0, FREE_CONNECTIONS - self.connections),
        )


def add(
    via: str,
    *,
    sent: int = 0,
    received: int = 0,
    connections: int = 0,
    now: datetime.datetime | None = None,
) -> None:
    """Note what a connection by the road *via* carried; a road that nobody counts is left out.

    It reads and writes a file: call it seldom. A ledger that cannot be written costs the count
    and not the command, so nothing is raised.
    """
    more = Usage(sent, received, connections)
    if via not in METERED or more == Usage():
        return
    with contextlib.suppress(ConfigError), _ledger().edit() as contents:
        months = dict(_months(contents))
        month = _month(now)
        months[month] = months.get(month, Usage()) + more
        contents["months"] = {
            name: {
                "sent": usage.sent,
                "received": usage.received,
                "connections": usage.connections,
            }
            for name, usage in sorted(months.items())[-_MONTHS_KEPT:]
        }


def this_month(*, now: datetime.datetime | None = None) -> Usage:
    """Return what went through this month (UTC) so far; what runs now is counted later.

    Raises:
        ConfigError: the ledger is damaged.
    """
    return dict(_months(_ledger().read())).get(_month(now), Usage())


def _ledger() -> Document:
    return Document(paths.usage_file(), version=1)


def _months(contents: Mapping[str, Any]) -> Iterator[tuple[str, Usage]]:
    try:
        for name, entry in contents.get("months", {}).items():
            figures = (entry["sent"], entry["received"], entry["connections"])
            yield name, Usage(*(int(figure) for figure in figures))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ConfigError(
            tr(
                "{usage_file} cannot be read: an entry in it is damaged.",
                usage_file=paths.usage_file(),
            ),
            tr("Move the file aside; this month's count starts afresh then."),
        ) from error


def _month(now: datetime.datetime | None) -> str:
    return (now or datetime.datetime.now(datetime.UTC)).strftime("%Y-%m")
