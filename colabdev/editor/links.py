"""What opens a folder of a runtime: an editor's arguments, and the link for a browser."""

import json
import re
import urllib.parse

from colabdev.editor.editors import Editor
from colabdev.editor.find import Found

# These read the hexadecimal digits of a JSON object as a host; Open Remote knows \x41 instead.
_HEXADECIMAL = ("ms-vscode-remote.remote-ssh", "anysphere.remote-ssh")

# cmd.exe, which runs a .cmd file, would read these in an argument as its own.
_NOT_FOR_CMD = re.compile(r"[\"%!&|<>^()\r\n]")


def open_command(found: Found, alias: str | None, folder: str, file: str = "") -> list[str] | None:
    """Return the argument list that opens *folder* of the runtime *alias*, and in it *file*.

    *alias* None is this very computer. None is returned where no list is safe: Windows hands the
    words to cmd.exe, which would read some characters as its own.

    VS Code guesses what a path is that it cannot see: one that ends with a slash is a folder,
    otherwise a dot in the name makes it a file (windowsMainService.ts, doResolveRemotePath).
    """
    remote = ["--remote", authority(found.editor, alias)] if alias else []
    words = [f"{folder.rstrip('/')}/" if alias else folder, *([file] if file else [])]
    dotless = bool(file) and "." not in file.rpartition("/")[2]
    goto = ["--goto"] if dotless and alias else []
    command = [found.program, *remote, *goto, *words]
    if found.program.lower().endswith(".cmd") and any(map(_NOT_FOR_CMD.search, command[1:])):
        return None
    return command


def install_command(found: Found) -> list[str]:
    """Return the argument list that installs the extension that opens folders over SSH."""
    return [found.program, "--install-extension", found.editor.extension]


def list_command(found: Found) -> list[str]:
    """Return the argument list that prints the installed extensions, one a line."""
    return [found.program, "--list-extensions"]


def link(editor: Editor, alias: str, path: str) -> str:
    """Return the link that makes *editor* open *path* of the runtime *alias*."""
    return (
        f"{editor.scheme}://vscode-remote/{urllib.parse.quote(authority(editor, alias), safe='+')}"
        f"{urllib.parse.quote(path, safe='/')}"
    )


def authority(editor: Editor, alias: str) -> str:
    """Return how a link names *alias*, whose capital letters a URI's host would lose."""
    if alias == alias.lower():
        return f"ssh-remote+{alias}"
    if editor.extension in _HEXADECIMAL:
        return "ssh-remote+" + json.dumps({"hostName": alias}, separators=(",", ":")).encode().hex()
    escaped = re.sub(r"[A-Z]", lambda letter: f"\\x{ord(letter[0]):02x}", alias)
    return f"ssh-remote+{escaped}"
