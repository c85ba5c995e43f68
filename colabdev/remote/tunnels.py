"""The roads to a machine: what each ``via`` of a connect string means on this side."""

from collections.abc import Mapping, Sequence

# How ssh gets there. The argument lists are fixed here: a connect string names a road, it never
# brings a command. None is a plain TCP connection to host and port.
ROADS: Mapping[str, Sequence[str] | None] = {
    "none": None,
    "ngrok": None,
}

# Roads that connect strings know and this version cannot take.
LATER = ("cloudflared", "relay")


def proxy_command(via: str) -> Sequence[str] | None:
    """Return the argument list of the ProxyCommand for the road *via*, None when there is none."""
    return ROADS[via]
