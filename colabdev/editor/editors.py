"""The editors of VS Code's family, and where each one keeps its program and its settings."""

import difflib
from dataclasses import dataclass

from colabdev.errors import InputError
from colabdev.language import tr


@dataclass(frozen=True, slots=True)
class Editor:
    """An editor that is VS Code or was made from it.

    *mac* is its application's name, *windows* its folder below ``Programs`` with the program in it,
    *flatpak* its id there, *data* the folder of its settings. *extension* opens folders over SSH,
    *section* is the prefix of that extension's settings; a *bundled* one comes with the editor.
    """

    name: str
    title: str
    command: str
    mac: str
    windows: tuple[str, str, str]  # folder, program for the command line in it, the editor itself
    flatpak: str
    data: str
    scheme: str
    extension: str
    section: str = "remote.SSH"
    bundled: bool = False


# The first one found is taken. Which extension each uses: coder/vscode-coder, src/extension.ts.
EDITORS = (
    Editor(
        "code",
        "VS Code",
        "code",
        "Visual Studio Code",
        ("Microsoft VS Code", "bin/code.cmd", "Code.exe"),
        "com.visualstudio.code",
        "Code",
        "vscode",
        "ms-vscode-remote.remote-ssh",
    ),
    Editor(
        "cursor",
        "Cursor",
        "cursor",
        "Cursor",
        ("cursor", "resources/app/bin/cursor.cmd", "Cursor.exe"),
        "",
        "Cursor",
        "cursor",
        "anysphere.remote-ssh",
        bundled=True,
    ),
    Editor(
        "codium",
        "VSCodium",
        "codium",
        "VSCodium",
        ("VSCodium", "bin/codium.cmd", "VSCodium.exe"),
        "com.vscodium.codium",
        "VSCodium",
        "vscodium",
        "jeanp413.open-remote-ssh",
    ),
    Editor(
        "windsurf",
        "Windsurf",
        "windsurf",
        "Windsurf",
        ("Windsurf", "bin/windsurf.cmd", "Windsurf.exe"),
        "",
        "Windsurf",
        "windsurf",
        "codeium.windsurf-remote-openssh",
        section="remote.windsurfSSH",
        bundled=True,
    ),
)
NAMES = tuple(editor.name for editor in EDITORS)


def named(name: str) -> Editor:
    """Return the editor *name*.

    Raises:
        InputError: none is called so.
    """
    for editor in EDITORS:
        if name.lower() in (editor.name, editor.title.lower()):
            return editor
    near = difflib.get_close_matches(name.lower(), NAMES, n=1)
    raise InputError(
        tr("There is no editor {name}.", name=ascii(name)),
        tr("Did you mean {near}?", near=near[0])
        if near
        else tr("Known are: {names}.", names=", ".join(NAMES)),
    )
