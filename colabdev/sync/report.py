"""What a sync did, and what it left alone and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from colabdev.sync.snapshot import Left


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did and what it left alone.

    *sent* are paths in order, *bytes* the size of their contents, *unchanged* counts files that
    were the same already. *too_large* maps paths to sizes. *code_digest* is a SHA-256 over names
    and contents of every file that both sides agree on, the same on every machine.
    """

    sent: tuple[str, ...] = ()
    bytes: int = 0
    unchanged: int = 0
    conflicts: tuple[Left, ...] = ()
    changed_there: tuple[str, ...] = ()
    too_large: Mapping[str, int] = field(default_factory=dict)
    refused: tuple[Left, ...] = ()
    skipped: tuple[Left, ...] = ()
    notices: tuple[str, ...] = ()
    code_digest: str = ""

    def summary(self) -> str:
        """Return one line for the user."""
        parts = [
            f"{len(self.sent)} sent ({size_text(self.bytes)})" if self.sent else "nothing to send"
        ]
        parts.append(f"{self.unchanged} unchanged")
        left = len(self.too_large) + len(self.refused) + len(self.skipped)
        if self.changed_there:
            parts.append(f"{len(self.changed_there)} new or changed on the runtime")
        if left:
            parts.append(f"{left} not sent")
        if self.conflicts:
            parts.append(f"{len(self.conflicts)} in conflict")
        return ", ".join(parts)


def size_text(size: int) -> str:
    """Return *size* in bytes for a reader, in the decimal units that disks and networks use."""
    number = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
