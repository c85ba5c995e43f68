"""``sync``: make a runtime's copy of a project agree with the one here."""

from pathlib import Path

from colabdev.commands.reporter import Reporter
from colabdev.errors import SyncConflict
from colabdev.remote.runtime import Runtime
from colabdev.remote.transport import Transport
from colabdev.sync.engine import LIMIT, sync
from colabdev.sync.names import remote_name
from colabdev.sync.report import SyncReport, size_text
from colabdev.sync.snapshot import Left, shown

_NAMED = 10  # of each kind; the rest is counted


def sync_project(
    project: Path,
    runtime: Runtime,
    transport: Transport,
    reporter: Reporter,
    *,
    limit: int = LIMIT,
) -> SyncReport:
    """Send what differs from *project* to *runtime* and say what was left alone and why.

    Files above *limit* bytes are named and not sent.

    Raises:
        SyncConflict: files were changed on both sides; all else has been synced.
        SyncError, InputError, RemoteError, TransportError: as `colabdev.sync.engine.sync` does.
    """
    with reporter.step(f"Syncing {shown(project.resolve().name)} to {runtime.alias}") as step:
        report = sync(
            project,
            transport,
            remote_root(project, runtime),
            peer=runtime.boot_id,
            progress=step.advance,
            limit=limit,
        )
    _warn(report, reporter, limit)
    if report.conflicts:
        names = ", ".join(shown(left.path) for left in report.conflicts[:_NAMED])
        more = len(report.conflicts) - _NAMED
        raise SyncConflict(
            f"In conflict with {runtime.alias} and left as they are on both sides: {names}"
            + (f" and {more} more." if more > 0 else "."),
            "Take away the copy that you do not want (there: 'colabdev shell') and sync again.",
        )
    return report


def remote_root(project: Path, runtime: Runtime) -> str:
    """Return where *project* lives on *runtime*: an absolute POSIX path."""
    return f"{runtime.root.rstrip('/')}/{remote_name(project)}"


def _warn(report: SyncReport, reporter: Reporter, limit: int) -> None:
    for notice in report.notices:
        reporter.warn(notice)
    large = tuple(
        Left(path, f"it has {size_text(size)}, more than {size_text(limit)}")
        for path, size in report.too_large.items()
    )
    hint = "Name what need not be sent in .gitignore or .colabdevignore."
    _name(large, reporter, hint)
    _name(report.refused, reporter, hint)
    _name(report.skipped, reporter, hint)
    _name(report.conflicts, reporter, "")


def _name(left: tuple[Left, ...], reporter: Reporter, hint: str) -> None:
    """Warn of each of *left*; the *hint*, the same for all, stands with the first."""
    for number, one in enumerate(left[:_NAMED]):
        text = f"{shown(one.path)} was not sent: {shown(one.reason)}."
        reporter.warn(text, "" if number else hint)
    if len(left) > _NAMED:
        reporter.warn(f"{len(left) - _NAMED} more were not sent for such reasons.")
