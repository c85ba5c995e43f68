"""``colabdev shell``: the command line of the system's own ssh, into the workspace."""

import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from colabdev import paths
from colabdev.errors import ConfigError
from colabdev.language import tr
from colabdev.remote.reach import settled
from colabdev.remote.runtime import Registry


def shell_command(alias: str | None, command: Sequence[str] = ()) -> list[str]:
    """Return the argument list that opens a shell, or runs *command*, in the workspace of *alias*.

    Its exit code is the command's own, 255 when ssh itself fails.

    Raises:
        InputError: *alias* is not known.
        ConfigError: this computer has no ssh.
        TransportError: its tunnel may have moved, and it was not found.
    """
    runtime = settled(Registry().get(alias))
    # Not a login shell: /etc/profile would put back the PATH that the notebook's kernel changed.
    work = f"exec {shlex.join(command)}" if command else 'exec "${SHELL:-/bin/sh}" -i'
    if runtime.destination is None:
        Path(runtime.root).mkdir(parents=True, exist_ok=True)
        shell = os.environ.get("SHELL", "/bin/sh")
        return [shell, "-c", f"cd {shlex.quote(runtime.root)} && {work}"]
    ssh = shutil.which("ssh")
    if ssh is None:
        raise ConfigError(
            tr("There is no ssh on this computer's PATH."),
            tr(
                "Install the OpenSSH client: 'apt install openssh-client', or on Windows "
                "Settings > System > Optional features."
            ),
        )
    terminal = [] if command else ["-t"]
    remote = f"cd {shlex.quote(runtime.root)} && {work}"
    return [ssh, "-F", str(paths.ssh_config_file()), *terminal, runtime.alias, remote]
