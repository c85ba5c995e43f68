"""A runtime on this very machine: the shipped cell, run as a script with a home of its own."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from colabdev import paths
from colabdev.commands.cell import render_cell
from colabdev.commands.disconnect import disconnect
from colabdev.commands.reporter import Reporter, Silent
from colabdev.errors import ColabdevError, InputError, RemoteError, TransportError, system_says
from colabdev.jobs import client
from colabdev.jobs.job import Job
from colabdev.language import spoken, tr
from colabdev.remote.destination import ConnectString, parse_connect_string
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry, Runtime, check_alias
from colabdev.remote.sshconfig import quoted
from colabdev.remote.sshkey import ensure_key
from colabdev.remote.transport import Transport
from colabdev.store import locked, private_dir, write_atomic

_JOBS_GRACE = 2.0
_CONNECT = "connect"  # beside the cell: the string it printed last


def up_local(reporter: Reporter, *, name: str = "local", python: str | None = None) -> str:
    """Start the runtime *name* on this machine, unless it runs, and return its connect string.

    *python* is the interpreter its jobs run under (this one unless given). Its home, with the
    workspace ``content``, lies below `paths.local_runtimes_dir`.

    Raises:
        InputError: *name* cannot be one, *python* cannot be started, or this is Windows.
        ConfigError: our own folder's path cannot stand in an ssh config.
        ColabdevError: the cell did not come up.
    """
    quoted(paths.ssh_dir())  # what could not be connected to is not started
    with _home(name) as home:
        private_dir(home)
        text = render_cell(
            ensure_key(),
            tunnel="none",
            name=name,
            root=str(home / "content"),
            lang=spoken(),
        )
        write_atomic(home / "cell.py", text.encode())
        with reporter.step(tr("Starting a private SSH server on this machine")):
            printed = _run_cell(home, python or sys.executable)
        lines = [line for line in printed.splitlines() if line.startswith("colabdev connect '")]
        connect = lines[0].split("'")[1]
        write_atomic(home / _CONNECT, connect.encode())
    return connect


def take_down(name: str, reporter: Reporter) -> None:
    """End the runtime *name* with its jobs, remove its home, and forget it.

    Raises:
        InputError: *name* cannot be one.
        ColabdevError: it did not end, or its home cannot be removed.
    """
    check_alias(name)
    known = _known(paths.local_runtimes_dir() / name)
    if known is not None:
        with reporter.step(tr("Ending the jobs of {name}", name=name)):
            _end_jobs(Runtime(name, known.destination, known.boot_id, known.root, ""), reporter)
    if not down_local(name):
        reporter.done(
            tr("There is no runtime {name} on this machine, so nothing is to be done.", name=name)
        )
        return
    registered = {runtime.alias: runtime.destination for runtime in Registry().all()}
    if known is not None and registered.get(name) == known.destination:
        disconnect(name, Silent())
    reporter.done(tr("The runtime {name} has ended, and its files are gone.", name=name))


def down_local(name: str = "local") -> bool:
    """End the runtime *name* and remove its home with all that is in it; False if there was none.

    Raises:
        InputError: *name* cannot be one.
        ColabdevError: it did not end, or its home cannot be removed.
    """
    with _home(name) as home:
        if not home.exists():
            return False
        if (home / "cell.py").exists():
            _run_cell(home, sys.executable, "stop")
        try:
            shutil.rmtree(home)
        except OSError as error:
            raise ColabdevError(
                tr(
                    "{filename} cannot be removed: {strerror}.",
                    filename=error.filename,
                    strerror=system_says(error),
                ),
                tr("The runtime has ended; remove {home} by hand.", home=home),
            ) from error
    return True


@contextlib.contextmanager
def _home(name: str) -> Iterator[Path]:
    """Lend the home folder of the runtime *name*, which may not be there, to one at a time."""
    if os.name != "posix":
        raise InputError(
            tr("A runtime on this machine needs Linux or macOS."),
            tr("On Windows, run colabdev inside WSL."),
        )
    check_alias(name)
    folder = private_dir(paths.local_runtimes_dir())
    with locked(folder / f".{name}", timeout=120):
        yield folder / name


def _known(home: Path) -> ConnectString | None:
    connect = home / _CONNECT
    return parse_connect_string(connect.read_text()) if connect.exists() else None


def _end_jobs(
    runtime: Runtime, reporter: Reporter, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Cancel what still runs there and wait for its end; who answers no more runs nothing."""

    def running(transport: Transport) -> list[Job]:
        return [job for job in client.jobs(transport) if not job.state.ended]

    try:
        with reach(runtime) as transport:
            for job in running(transport):
                client.cancel(transport, job.id, grace=_JOBS_GRACE)
            for _ in range(50):
                if not running(transport):
                    return
                sleep(0.2)
    except (TransportError, RemoteError) as error:
        reporter.warn(
            tr("Its jobs could not be asked to end: {message}", message=error.message), error.hint
        )
    else:
        reporter.warn(tr("Some of its jobs did not end."), tr("Look for them with 'ps'."))


def _run_cell(home: Path, python: str, *words: str) -> str:
    # Even inside Colab this is no Colab runtime: it writes nothing outside its home.
    environment = {name: text for name, text in os.environ.items() if name != "COLAB_RELEASE_TAG"}
    program = shutil.which(python)
    if program is None:
        raise InputError(
            tr("There is no program {python!a} to run.", python=python),
            tr("Name a Python: --python PATH."),
        )
    try:
        done = subprocess.run(
            [str(Path(program).absolute()), str(home / "cell.py"), *words],
            env={**environment, "HOME": str(home)},
            cwd=home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise InputError(
            tr(
                "{program} cannot be started: {strerror}.",
                program=program,
                strerror=system_says(error),
            ),
            tr("Name a Python: --python PATH."),
        ) from error
    if done.returncode:
        message, _, step = done.stderr.strip().partition("\n")
        raise ColabdevError(message or tr("The cell ended without a word."), step)
    return done.stdout
