"""Completion in the user's shell: the line that switches it on, put in and taken out."""

import os
from pathlib import Path

from colabdev import paths
from colabdev.errors import ConfigError, why_unreadable
from colabdev.language import tr
from colabdev.store import private_dir, write_atomic

SHELLS = ("bash", "zsh", "fish")
_MARK = "# colabdev completion"


def install(shell: str, script: str) -> Path | None:
    """Let *shell* read *script* at its start; return the file changed, None if it was so before.

    Raises:
        ConfigError: the shell's own start file cannot be read or written.
    """
    file = script_file(shell)
    private_dir(file.parent)
    write_atomic(file, script.encode())
    start = start_file(shell)
    if shell == "fish":  # it reads every file in its folder
        start.parent.mkdir(parents=True, exist_ok=True)
        return _write(start, _line(file)) if _read(start) != _line(file) else None
    before = _read(start)
    if _line(file) in before.splitlines(keepends=True):
        return None
    gap = "" if not before or before.endswith("\n") else "\n"
    return _write(start, before + gap + _line(file))


def remove() -> list[Path]:
    """Take completion out of every shell's start file; return the files changed."""
    changed = []
    for shell in SHELLS:
        file, start = script_file(shell), start_file(shell)
        before = _read(start)
        after = "".join(
            line
            for line in before.splitlines(keepends=True)
            if line.rstrip("\n") != _line(file)[:-1]
        )
        if after != before:
            if shell == "fish" and not after:
                start.unlink()
            else:
                _write(start, after)
            changed.append(start)
        file.unlink(missing_ok=True)
    return changed


def script_file(shell: str) -> Path:
    """Return our own file that *shell* reads."""
    return paths.home() / "completion" / f"colabdev.{shell}"


def start_file(shell: str) -> Path:
    """Return the file that *shell* reads when it starts for the user."""
    home = Path.home()
    if shell == "bash":
        return home / ".bashrc"
    if shell == "zsh":
        return Path(os.environ.get("ZDOTDIR") or home) / ".zshrc"
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return config / "fish" / "completions" / "colabdev.fish"


def _line(file: Path) -> str:
    quoted = "'" + str(file).replace("'", "'\\''") + "'"
    return f"test -r {quoted} && . {quoted} {_MARK}\n"


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            tr("{file} cannot be read: {reason}.", file=file, reason=why_unreadable(error)),
            tr("Mend it, or print the script and use it by hand: colabdev completion bash"),
        ) from error


def _write(file: Path, text: str) -> Path:
    """Write through a link, so that a start file kept elsewhere stays one; its mode stays."""
    real = file.resolve()
    mode = real.stat().st_mode & 0o777 if real.exists() else 0o644
    write_atomic(real, text.encode(), mode=mode)
    return file
