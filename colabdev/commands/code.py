"""``colabdev code``: open the editor on the runtime, at the synced project."""

import posixpath
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from colabdev.commands.reporter import Reporter
from colabdev.commands.sync import remote_root
from colabdev.commands.target import project_root
from colabdev.editor import settings as editor_settings
from colabdev.editor.editors import EDITORS, Editor, named
from colabdev.editor.find import Found, System, find, this_system
from colabdev.editor.links import install_command, link, list_command, open_command
from colabdev.errors import ColabdevError, ConfigError, InputError
from colabdev.language import tr
from colabdev.remote.reach import settled
from colabdev.remote.runtime import Registry, Runtime
from colabdev.settings import setting

_LIMIT = 60.0  # seconds for a call of the editor, which returns once its window is on the way
_INSTALL_LIMIT = 300.0


@dataclass(frozen=True, slots=True)
class Opened:
    """What was opened, or is to be: *program* is empty when no editor was found.

    *path* is on the runtime *alias*; *link* opens the same from a browser or a terminal.
    """

    alias: str
    path: str
    editor: str
    program: str
    command: tuple[str, ...]
    link: str
    opened: bool


def code(
    path: str | None,
    alias: str | None,
    reporter: Reporter,
    *,
    editor: str | None = None,
    install: bool = False,
    write_settings: bool = True,
    system: System | None = None,
) -> Opened:
    """Open *path* of the synced project on the runtime *alias* in an editor.

    *path* is a file or folder inside the project here, or its counterpart there; by default the
    project's folder. Without an editor on this computer the link is returned, and nothing opened.

    Raises:
        InputError: *path* is outside the project, or *alias* or *editor* is not known.
        ConfigError: the editor does not start.
        TransportError: the tunnel may have moved, and the runtime was not found.
    """
    system = system or this_system()
    wanted = setting("editor", editor).value
    editors = (named(wanted),) if wanted else EDITORS
    runtime = settled(Registry().get(alias))
    folder, file = _there(path, runtime)
    where = file or folder
    found = find(system, editors)
    remote = None if runtime.destination is None else runtime.alias
    url = link(editors[0], remote, where) if remote else ""
    if found is None:
        names = ", ".join(editor.title for editor in editors)
        reporter.warn(
            tr("None of these is on this computer: {names}.", names=names),
            tr("Where one is installed, open this link:")
            if url
            else tr("Install one, or say which with --editor."),
        )
        return Opened(runtime.alias, where, "", "", (), url, False)
    url = link(found.editor, remote, where) if remote else ""
    if remote and found.windows:
        raise _windows(found)
    if remote and not (project_root(Path.cwd().resolve()) / ".colabdev").exists():
        reporter.warn(
            tr("This project has never been synced, so there may be nothing to see."),
            tr("Send it: colabdev sync"),
        )
    if remote:
        _extension(found, reporter, install=install)
        _platform(found.editor, system, remote, reporter, write=write_settings)
    command = open_command(found, remote, folder, file)
    if command is None:
        reporter.warn(
            tr(
                "The name {path} cannot be handed to {editor} on Windows.",
                path=where,
                editor=found.editor.title,
            ),
            _without_editor(url),
        )
        return Opened(runtime.alias, where, found.editor.name, found.program, (), url, False)
    with reporter.step(tr("Starting {editor}", editor=found.editor.title)):
        done = _call(command, _LIMIT)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [tr("it said nothing")]
        raise ConfigError(
            tr("{editor} did not start: {said}", editor=found.editor.title, said=said[-1][:300]),
            _without_editor(url),
        )
    return Opened(runtime.alias, where, found.editor.name, found.program, tuple(command), url, True)


def _there(path: str | None, runtime: Runtime) -> tuple[str, str]:
    """Return the folder to open on *runtime*, and the file in it when *path* is one."""
    here = Path(path or ".").resolve()
    project = project_root(Path.cwd().resolve())
    root = remote_root(project, runtime)
    if path and path.startswith("/") and not here.is_relative_to(project):
        there = PurePosixPath(posixpath.normpath(path))  # already a path on the runtime
        if there == PurePosixPath(root) or PurePosixPath(root) in there.parents:
            return str(there), ""
    if not path or here == project:
        return root, ""
    if not here.is_relative_to(project):
        raise InputError(
            tr("{path} is outside of the project {project}.", path=ascii(path), project=project),
            tr("Go into its project first, or name something inside of this one."),
        )
    inside = f"{root}/{here.relative_to(project).as_posix()}"
    return (root, inside) if here.is_file() else (inside, "")


def _extension(found: Found, reporter: Reporter, *, install: bool) -> None:
    """See that the extension is there that opens folders over SSH."""
    extension = found.editor.extension
    if found.editor.bundled:
        return
    with reporter.step(tr("Asking {editor} for its extensions", editor=found.editor.title)):
        listed = _call(list_command(found), _LIMIT)
    if listed.returncode == 0 and extension in listed.stdout.lower().split():
        return
    words = install_command(found)
    if not install:
        reporter.warn(
            tr(
                "{editor} has no extension {extension}, which opens folders over SSH.",
                editor=found.editor.title,
                extension=extension,
            ),
            tr("Install it: colabdev code --install-extension"),
        )
        return
    with reporter.step(tr("Installing {extension}", extension=extension)):
        done = _call(words, _INSTALL_LIMIT)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [tr("it said nothing")]
        raise ColabdevError(
            tr("{extension} could not be installed: {said}", extension=extension, said=said[-1]),
            tr("Install it by hand: {command}", command=" ".join(words)),
        )
    reporter.done(tr("Installed {extension}.", extension=extension))


def _platform(
    editor: Editor, system: System, alias: str, reporter: Reporter, *, write: bool
) -> None:
    """Spare the user VS Code's question after the platform of *alias*."""
    path = Path(editor_settings.settings_file(system, editor))
    text = editor_settings.platform_snippet(editor, alias)
    by_hand = tr("It belongs into {path}:\n{snippet}", path=path, snippet=text)
    if not write:
        reporter.done(by_hand)
        return
    try:
        added = editor_settings.note_platform(path, editor, alias)
    except ConfigError as error:
        reporter.warn(error.message, by_hand)
        return
    if added:
        reporter.done(tr("Noted in {path} that {alias} runs Linux.", path=path, alias=alias))


def _call(command: list[str], limit: float) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=limit,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def _without_editor(url: str) -> str:
    if not url:
        return tr("Install one, or say which with --editor.")
    return tr("Where one is installed, open this link: {link}", link=url)


def _windows(found: Found) -> ConfigError:
    return ConfigError(
        tr(
            "This {editor} is the one of Windows, which reads Windows' own SSH files and not "
            "those of this WSL.",
            editor=found.editor.title,
        ),
        tr(
            "Install colabdev in Windows as well (PowerShell: pip install colabdev), and run "
            "'colabdev cell --copy' and 'colabdev connect' there."
        ),
    )
