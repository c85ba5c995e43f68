"""Where a machine is and how to know it: the parsed form of a connect string."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Destination:
    """An SSH endpoint: *host_key* is ``<type> <base64>``, *via* the road the tunnel takes."""

    user: str
    hostname: str
    port: int
    host_key: str
    via: str = "none"
