"""Where an editor's program is on this computer."""

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from colabdev.editor.editors import EDITORS, Editor

# Windows' drives as WSL shows them.
_DRIVE = re.compile(r"/mnt/[a-z]/")


@dataclass(frozen=True, slots=True)
class System:
    """What there is to know of a computer to find an editor on it."""

    platform: str  # as sys.platform; "wsl" is Linux inside Windows
    environ: Mapping[str, str]
    which: Callable[[str], str | None] = shutil.which
    exists: Callable[[str], bool] = os.path.isfile

    @property
    def home(self) -> str:
        """Return the user's home folder."""
        if self.platform == "win32":
            return self.environ.get("USERPROFILE", "")
        return self.environ.get("HOME", "")


@dataclass(frozen=True, slots=True)
class Found:
    """An *editor*'s *program*; *windows*: one of Windows, started from inside WSL."""

    editor: Editor
    program: str
    windows: bool = False


def this_system() -> System:
    """Return the computer we run on."""
    environ = {"HOME": str(Path.home()), **os.environ}
    inside = "WSL_DISTRO_NAME" in environ or "microsoft" in platform.release().lower()
    return System("wsl" if sys.platform == "linux" and inside else sys.platform, environ)


def find(system: System, editors: Sequence[Editor] = EDITORS) -> Found | None:
    """Return the first of *editors* that *system* has, None when it has none."""
    return next(find_all(system, editors), None)


def find_all(system: System, editors: Sequence[Editor] = EDITORS) -> Iterator[Found]:
    """Yield each of *editors* that *system* has."""
    for editor in editors:
        found = _find_one(system, editor)
        if found is not None:
            yield found


def places(system: System, editor: Editor) -> Sequence[str]:
    """Return where the program of *editor* is when it is not on PATH."""
    home, environ = system.home, system.environ
    if system.platform == "win32":
        folder, program, _ = editor.windows
        tops = [
            environ.get("LOCALAPPDATA", f"{home}\\AppData\\Local") + "\\Programs",
            environ.get("ProgramFiles", "C:\\Program Files"),
        ]
        return [str(PureWindowsPath(top, folder, program)) for top in tops]
    if system.platform == "darwin":
        inside = f"{editor.mac}.app/Contents/Resources/app/bin/{editor.command}"
        return [
            str(PurePosixPath(top, inside)) for top in ("/Applications", f"{home}/Applications")
        ]
    exports = ("/var/lib/flatpak/exports/bin", f"{home}/.local/share/flatpak/exports/bin")
    flatpaks = [f"{top}/{editor.flatpak}" for top in exports] if editor.flatpak else []
    return [
        f"/usr/share/{editor.command}/bin/{editor.command}",
        f"/snap/bin/{editor.command}",
        f"/opt/{editor.title}/bin/{editor.command}",
        *flatpaks,
    ]


def _find_one(system: System, editor: Editor) -> Found | None:
    on_path = system.which(editor.command)
    if on_path and not (system.platform == "wsl" and _DRIVE.match(on_path)):
        return Found(editor, on_path)
    if on_path:
        # Windows' own command is a script that would open a folder of this WSL. The editor itself
        # takes the same words, and stands some folders above.
        program = next(
            (
                str(folder / editor.windows[2])
                for folder in PurePosixPath(on_path).parents
                if system.exists(str(folder / editor.windows[2]))
            ),
            None,
        )
        if program is not None:
            return Found(editor, program, windows=True)
    program = next(filter(system.exists, places(system, editor)), None)
    return None if program is None else Found(editor, program)
