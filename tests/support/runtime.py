"""A machine to log in to: the shipped cell, run as a script with a home of its own."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # runtime.json is JSON

from colabdev import paths
from colabdev.commands.cell import render_cell
from colabdev.remote.destination import parse_connect_string
from colabdev.remote.sshkey import ensure_key
from colabdev.store import private_dir


@dataclass(frozen=True, slots=True)
class StartedRuntime:
    """A machine that is up: *environment* is what its cell (its notebook kernel) ran with."""

    connect_string: str
    home: Path
    environment: dict[str, str]

    def cell(self, *words: str) -> str:
        """Run the cell once more and return what it printed."""
        return run_cell(self.home, self.environment, *words)

    def ssh(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run *command* there through OpenSSH, with the host key pinned."""
        return subprocess.run(
            [*ssh_command(self.connect_string, self.home), *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    @property
    def facts(self) -> dict[str, Any]:
        """Return what the cell has recorded."""
        return dict(json.loads((self.home / ".colabdev" / "runtime.json").read_text()))


@contextlib.contextmanager
def start_runtime(
    home: Path, *, env: Mapping[str, str] | None = None, tunnel: str = "none"
) -> Iterator[StartedRuntime]:
    """Start a machine whose ``$HOME`` is *home*, with *env* on top of this process's environment.

    It lets in the laptop's key (`ensure_key`). *home* must lie below no folder that others may
    write to: sshd's StrictModes stays on.
    """
    environment = {**os.environ, **(env or {}), "HOME": str(home)}
    put_cell(home, tunnel)
    try:
        printed = run_cell(home, environment)
        yield StartedRuntime(connect_string(printed), home, environment)
    finally:
        run_cell(home, environment, "stop")


def put_cell(home: Path, tunnel: str = "none", *, root: str = "") -> None:
    """Render the cell for the laptop's key into *home*."""
    private_dir(home)
    text = render_cell(ensure_key(), tunnel=tunnel, root=root)
    (home / "cell.py").write_text(text, encoding="utf-8")


def run_cell(home: Path, environment: Mapping[str, str], *words: str) -> str:
    """Run the cell that lies in *home* as a script and return what it printed."""
    done = try_cell(home, environment, *words)
    assert done.returncode == 0, f"the cell failed: {done.stdout}{done.stderr}"
    return done.stdout


def try_cell(
    home: Path, environment: Mapping[str, str], *words: str
) -> subprocess.CompletedProcess[str]:
    """Run the cell that lies in *home* as a script that can ask nobody."""
    return subprocess.run(
        [sys.executable, str(home / "cell.py"), *words],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        start_new_session=True,  # away from the terminal that getpass would turn to
        check=False,
    )


def connect_string(printed: str) -> str:
    """Return the connect string in what a cell *printed*."""
    return next(
        line.split("'")[1] for line in printed.splitlines() if line.startswith("colabdev connect '")
    )


def ssh_command(connect: str, folder: Path) -> list[str]:
    """Return the words of OpenSSH that log in where *connect* leads; known_hosts is in *folder*."""
    there = parse_connect_string(connect).destination
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(f"[{there.hostname}]:{there.port} {there.host_key}\n")
    options = {
        "UserKnownHostsFile": f'"{known_hosts}"',
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "BatchMode": "yes",
        "LogLevel": "ERROR",
    }
    words = ["ssh", "-F", "none", "-i", str(paths.key_file()), "-p", str(there.port)]
    for name, value in options.items():
        words += ["-o", f"{name}={value}"]
    return [*words, f"{there.user}@{there.hostname}"]
