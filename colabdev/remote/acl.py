"""Who may open our SSH files on Windows, where modes say nothing and ssh looks at the ACL."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path, PurePath

from colabdev.errors import ConfigError
from colabdev.language import tr

# By their SIDs: the names of these are translated on a Windows of another language.
_SYSTEM = "*S-1-5-18"
_ADMINISTRATORS = "*S-1-5-32-544"
_LIMIT = 30.0


def keep_private(folder: Path, *, platform: str = sys.platform) -> None:
    """Make *folder*, and what is in it now and later, the user's alone; elsewhere modes do that.

    Win32-OpenSSH refuses a private key that anybody else may read but the system and the
    administrators (w32-sshfileperm.c).

    Raises:
        ConfigError: icacls refuses it.
    """
    if platform != "win32":
        return
    for command in commands(folder, os.environ):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_LIMIT
            )
            said = (done.stderr or done.stdout).strip() if done.returncode else ""
        except (OSError, subprocess.TimeoutExpired) as error:
            said = str(error)
        if said:
            raise ConfigError(
                tr("{folder} cannot be made yours alone: {said}", folder=folder, said=said[:300]),
                tr("Set COLABDEV_HOME to a folder in your own profile."),
            )


def commands(folder: PurePath, environ: Mapping[str, str]) -> list[list[str]]:
    """Return the argument lists that leave *folder* to the user, the system and administrators.

    First what is inside inherits again from the folder, then the folder inherits from nobody.
    """
    domain, name = environ.get("USERDOMAIN", ""), environ.get("USERNAME", "")
    user = f"{domain}\\{name}" if domain else name
    rights = "(OI)(CI)F"
    grants = [
        word for who in (user, _SYSTEM, _ADMINISTRATORS) for word in ("/grant:r", f"{who}:{rights}")
    ]
    path = str(folder)
    return [
        ["icacls", path, "/reset", "/T", "/C", "/Q"],
        ["icacls", path, "/inheritance:r", *grants, "/Q"],
    ]
