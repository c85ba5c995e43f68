"""``sync``: make a runtime's copy of a project agree with the one here."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from colabdev.commands.reporter import Reporter
from colabdev.errors import InputError, SyncConflict
from colabdev.far_words import translated
from colabdev.language import tr
from colabdev.remote.runtime import Runtime
from colabdev.remote.transport import Transport
from colabdev.settings import setting
from colabdev.sync.ahead import Ahead
from colabdev.sync.along import Along
from colabdev.sync.engine import sync
from colabdev.sync.names import remote_name
from colabdev.sync.options import Options
from colabdev.sync.report import SyncReport, size_text
from colabdev.sync.snapshot import Left, shown

_NAMED = 10  # of each kind; the rest is counted


def sync_project(
    project: Path,
    runtime: Runtime,
    transport: Transport | Callable[[], Transport],
    reporter: Reporter,
    *,
    options: Options | None = None,
    heard: Callable[[SyncReport], None] = lambda _report: None,
    along: Along | None = None,
    ahead: Ahead | None = None,
) -> SyncReport:
    """Make *project* and its copy on *runtime* agree; say what was left alone and why.

    *heard* gets the report even if it is of a conflict; *along* and *ahead* are as in
    `colabdev.sync.engine`.

    Raises:
        SyncConflict: files were changed on both sides; all else has been synced.
        SyncError, InputError, RemoteError, TransportError: as `colabdev.sync.engine.sync` does.
    """
    options = options or Options(limit=int(setting("size_limit").value))
    with reporter.step(
        tr("Syncing {name} with {alias}", name=shown(project.resolve().name), alias=runtime.alias)
    ) as step:
        report = sync(
            project,
            transport,
            remote_root(project, runtime),
            peer=runtime.boot_id,
            progress=step.advance,
            options=options,
            along=along,
            ahead=ahead,
        )
    heard(report)
    _warn(report, reporter, options.limit)
    if report.conflicts and not options.dry_run:
        reporter.done(tr("All else is synced: {summary}.", summary=report.summary()))
        names = ", ".join(shown(left.path) for left in report.conflicts[:_NAMED])
        more = len(report.conflicts) - _NAMED
        raise SyncConflict(
            tr(
                "In conflict with {alias} and left as they are on both sides: {names} and {more} "
                "more.",
                more=more,
                alias=runtime.alias,
                names=names,
            )
            if more > 0
            else tr(
                "In conflict with {alias} and left as they are on both sides: {names}.",
                alias=runtime.alias,
                names=names,
            ),
            tr(
                "Keep yours: colabdev push --force PATH. Or the runtime's: colabdev pull "
                "--force PATH."
            ),
        )
    return report


def named_paths(project: Path, paths: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns that name *paths*, relative to the current folder, and nothing else.

    Raises:
        InputError: one of them is not inside *project*.
    """
    patterns = []
    for path in paths:
        place = Path(path).absolute()
        place = place.parent.resolve() / place.name
        if not place.is_relative_to(project) or ".." in place.parts or place == project:
            raise InputError(
                tr(
                    "{path} is nothing inside the project {project}.",
                    path=shown(path),
                    project=shown(str(project)),
                ),
                tr("To send all that is new here: colabdev sync --mode push"),
            )
        inside = place.relative_to(project).as_posix()
        patterns.append("/" + re.sub(r"([*?\[\\ !#])", r"\\\1", inside))
    return tuple(patterns)


def named_globs(globs: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns of *globs*, which are relative to the project, as in .gitignore.

    Raises:
        InputError: one of them names everything, nothing, or has a meaning of its own.
    """
    for glob in globs:
        if not glob.strip("*/. ") or glob[0] in "!#" or "\n" in glob or ".." in glob.split("/"):
            raise InputError(
                tr("{glob!r} does not name single things.", glob=shown(glob)),
                tr("To fetch all that is new there: colabdev sync --mode pull"),
            )
    return tuple(globs)


def remote_root(project: Path, runtime: Runtime) -> str:
    """Return where *project* lives on *runtime*: an absolute POSIX path."""
    return f"{runtime.root.rstrip('/')}/{remote_name(project)}"


def _warn(report: SyncReport, reporter: Reporter, limit: int) -> None:
    for notice in report.notices:
        reporter.warn(notice)
    large = tuple(
        Left(
            path, tr("it has {size}, more than {most}", size=size_text(size), most=size_text(limit))
        )
        for path, size in report.too_large.items()
    )
    _name(
        large,
        reporter,
        tr(
            "To let it travel: colabdev sync --large, or large = [...] in [tool.colabdev] of "
            "pyproject.toml. To be rid of this: name it in .colabdevignore."
        ),
    )
    hint = tr("Name what need not be synced in .gitignore or .colabdevignore.")
    _name(report.refused, reporter, hint)
    _name(report.skipped, reporter, hint)
    _name(report.conflicts, reporter, "")


def _name(left: tuple[Left, ...], reporter: Reporter, hint: str) -> None:
    """Warn of each of *left*; the *hint*, the same for all, stands with the first."""
    for number, one in enumerate(left[:_NAMED]):
        reason = shown(translated(one.reason))
        text = tr("{path} was left alone: {reason}.", path=shown(one.path), reason=reason)
        reporter.warn(text, "" if number else hint)
    if len(left) > _NAMED:
        reporter.warn(tr("{left} more were left alone for such reasons.", left=len(left) - _NAMED))
