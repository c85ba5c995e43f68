"""The editor's settings.json: that a runtime runs Linux, noted without touching the rest."""

import codecs
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from colabdev.editor.editors import EDITORS, Editor
from colabdev.editor.find import System, this_system
from colabdev.editor.jsonc import CannotEditError, snippet, with_entry, without_entry
from colabdev.errors import ConfigError, system_says
from colabdev.language import tr
from colabdev.store import write_atomic

_LINUX = "linux"
BACKUP = ".before-colabdev"  # behind the name of the file


def settings_file(system: System, editor: Editor) -> str:
    """Return the user's settings.json of *editor*."""
    home, environ = system.home, system.environ
    if system.platform == "win32":
        top = environ.get("APPDATA") or f"{home}\\AppData\\Roaming"
        return str(PureWindowsPath(top, editor.data, "User", "settings.json"))
    if system.platform == "darwin":
        top = f"{home}/Library/Application Support"
    else:
        top = environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    return str(PurePosixPath(top, editor.data, "User", "settings.json"))


def setting(editor: Editor, alias: str) -> Sequence[str]:
    """Return where in the settings of *editor* the platform of *alias* stands."""
    return (f"{editor.section}.remotePlatform", alias)


def platform_snippet(editor: Editor, alias: str) -> str:
    """Return what a user would write into the settings by hand."""
    return snippet(setting(editor, alias), _LINUX)


def note_platform(path: Path, editor: Editor, alias: str) -> bool:
    """Note in the settings file *path* that *alias* runs Linux; return whether it was missing.

    Every other byte, the mode and a link's target stay; the file as it was is kept beside it.

    Raises:
        ConfigError: the file cannot be read, changed safely, or written.
    """
    return _rewrite(path, lambda text: with_entry(text, setting(editor, alias), _LINUX), keep=True)


def forget_platform(path: Path, editor: Editor, alias: str) -> bool:
    """Take out what `note_platform` put in; return whether it was there.

    Raises:
        ConfigError: as `note_platform` does.
    """
    if not path.exists():
        return False
    changed = _rewrite(path, lambda text: without_entry(text, setting(editor, alias), _LINUX))
    backup = path.with_name(path.name + BACKUP)
    if changed and backup.exists() and backup.read_bytes() == path.read_bytes():
        backup.unlink()  # all is as it was before us
    return changed


def forget_everywhere(aliases: Sequence[str]) -> list[Path]:
    """Take *aliases* out of the settings of every editor here; return the files that changed.

    Raises:
        ConfigError: as `note_platform` does.
    """
    system = this_system()
    changed = []
    for editor in EDITORS:
        path = Path(settings_file(system, editor))
        forgotten = [forget_platform(path, editor, alias) for alias in aliases]  # all of them
        if any(forgotten):
            changed.append(path)
    return changed


def _rewrite(path: Path, change: Callable[[str], str], *, keep: bool = False) -> bool:
    target = Path(os.path.realpath(path))
    try:
        old = target.read_bytes() if target.exists() else b""
        bom = codecs.BOM_UTF8 if old.startswith(codecs.BOM_UTF8) else b""
        new = bom + change(old[len(bom) :].decode()).encode()
        if new == old:
            return False
        if old:
            mode = stat.S_IMODE(target.stat().st_mode)
            if not mode & stat.S_IWUSR:
                raise _untouched(path, tr("it is read-only"))
            if keep:
                write_atomic(path.with_name(path.name + BACKUP), old, mode=mode)
        else:
            mode = 0o600
            target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, new, mode=mode)
    except CannotEditError as error:
        raise _untouched(path, str(error)) from error
    except UnicodeDecodeError as error:
        raise _untouched(path, tr("it is not UTF-8")) from error
    except OSError as error:
        raise _untouched(path, system_says(error)) from error
    return True


def _untouched(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        tr("{path} stays as it is: {reason}.", path=path, reason=reason),
        tr("Add the setting by hand, or mend the file and try again."),
    )
