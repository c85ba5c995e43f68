"""What a sync did, and what it left alone and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from colabdev.language import tr
from colabdev.sync.snapshot import Left, shown


@dataclass(frozen=True, slots=True)
class Planned:
    """What a sync would do: ``send``, ``fetch``, ``delete here`` or ``delete there`` a *path*.

    *size* is in bytes, before compression.
    """

    action: str
    path: str
    size: int
    is_folder: bool


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did, or with a dry run *planned*, and what it left alone.

    *sent* and *received* are paths in order, *bytes* and *received_bytes* the sizes of their
    contents, *cost_up* is an estimate of what a planned sync would send, after compression and
    with what the question itself takes. *unchanged* counts files that were the same already.
    *changed_here* and *changed_there* are what a one-way sync leaves alone. *too_large* maps paths
    to sizes.
    *code_digest* is a SHA-256 over names and contents of every file that both sides agree on, the
    same on every machine.
    """

    planned: tuple[Planned, ...] = ()
    cost_up: int = 0
    sent: tuple[str, ...] = ()
    bytes: int = 0
    received: tuple[str, ...] = ()
    received_bytes: int = 0
    deleted_here: tuple[str, ...] = ()
    deleted_there: tuple[str, ...] = ()
    unchanged: int = 0
    conflicts: tuple[Left, ...] = ()
    changed_here: tuple[str, ...] = ()
    changed_there: tuple[str, ...] = ()
    too_large: Mapping[str, int] = field(default_factory=dict)
    refused: tuple[Left, ...] = ()
    skipped: tuple[Left, ...] = ()
    notices: tuple[str, ...] = ()
    code_digest: str = ""

    def summary(self) -> str:
        """Return one line for the user."""
        parts = []
        if self.planned:
            down = sum(one.size for one in self.planned if one.action == "fetch")
            parts.append(
                tr(
                    "{count} to do: about {up} up (an estimate, after compression) and at most "
                    "{down} down",
                    count=len(self.planned),
                    up=size_text(self.cost_up),
                    down=size_text(down),
                )
            )
        if self.sent:
            parts.append(
                tr("{count} sent ({size})", count=len(self.sent), size=size_text(self.bytes))
            )
        if self.received:
            parts.append(
                tr(
                    "{count} received ({size})",
                    count=len(self.received),
                    size=size_text(self.received_bytes),
                )
            )
        if self.deleted_here:
            parts.append(tr("{count} deleted here", count=len(self.deleted_here)))
        if self.deleted_there:
            parts.append(tr("{count} deleted on the runtime", count=len(self.deleted_there)))
        parts = parts or [tr("nothing to do")]
        parts.append(tr("{count} unchanged", count=self.unchanged))
        if self.changed_here:
            parts.append(tr("{count} new or changed here", count=len(self.changed_here)))
        if self.changed_there:
            parts.append(tr("{count} new or changed on the runtime", count=len(self.changed_there)))
        left = len(self.too_large) + len(self.refused) + len(self.skipped)
        if left:
            parts.append(tr("{count} left alone", count=left))
        if self.conflicts:
            parts.append(tr("{count} in conflict", count=len(self.conflicts)))
        return ", ".join(parts)


def plan_lines(report: SyncReport) -> list[str]:
    """Return a line for each thing that a dry run has planned."""
    return [
        f"{tr(one.action):<12} {shown(one.path)}"
        + ("/" if one.is_folder else f"  {size_text(one.size)}" if one.size else "")
        for one in report.planned
    ]


def size_text(size: int) -> str:
    """Return *size* in bytes for a reader, in the decimal units that disks and networks use."""
    number = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
