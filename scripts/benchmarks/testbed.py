"""A laptop and a Colab VM on this machine: a home for each, and the shipped cell's own sshd."""

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.link import FAR_ADDRESS, Link, clear_all, open_link

_PORT = 2222
_HERE = Path(__file__).parent
_NAME = "colabdev-bench-"


@dataclass(frozen=True, slots=True)
class Bed:
    """A laptop that knows a machine as ``colab``, over *link*.

    *home* is the laptop's, *workspace* the folder there in which its projects lie. OpenSSH knows
    the machine as ``far``, and as ``shared`` over one kept connection, by the configuration *ssh*.
    *python* runs both sides.
    """

    link: Link
    python: Path
    home: Path
    workspace: Path
    ssh: Path

    @property
    def environment(self) -> dict[str, str]:
        """What the tools run with: nothing of this process's own but the path."""
        return _environment(self.home)

    def run(
        self,
        words: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Run *words* on the laptop and return what they print.

        Raises:
            ToolFailed: they ended with another code than 0.
        """
        done = subprocess.run(
            self.link.near_command(words),
            cwd=cwd or self.home,
            env={**self.environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=900,
            check=False,
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["it said nothing"]
            raise ToolFailed(f"exit code {done.returncode}: {said[-1][:200]}")
        return done.stdout


class ToolFailed(Exception):
    """A tool ended with an error, or left a wrong copy."""


@contextlib.contextmanager
def run_folder() -> Iterator[Path]:
    """Lend an empty folder of this run's own, after sweeping what dead runs have left.

    It lies in the user's cache: sshd's StrictModes takes no key from below a folder that others
    may write to. An interrupt, a hang-up and SIGTERM end the run in order.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("Stopped."))
    # Not $HOME: what a test with a home of its own has left is to be found as well.
    base = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".cache" / "colabdev" / "bench"
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        with _locked(base, wait=True):
            for left in base.iterdir():
                with contextlib.suppress(BlockingIOError), _locked(left):
                    _sweep(left)
            folder = Path(tempfile.mkdtemp(prefix="", dir=base))
            held.enter_context(_locked(folder))
        try:
            yield folder
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)  # it ends already
            _sweep(folder)


@contextlib.contextmanager
def open_bed(run: Path, python: Path, *, rtt: float, rate: float) -> Iterator[Bed]:
    """Set up a laptop and a machine that it is connected to, in the folder *run* (`run_folder`).

    *rtt* is in seconds, *rate* in bit/s, nothing for no limit.
    """
    place = run / f"{rtt * 1e3:.0f}-{rate / 1e6:.0f}"
    home, far = place / "home", place / "far"
    for folder in (place, home, far, far / "content"):
        folder.mkdir(mode=0o700)
    name = f"{_NAME}{run.name}-{place.name}"
    with open_link(name, place, rtt=rtt, rate=rate) as link:
        bed = Bed(link, python, home, far / "content", place / "ssh_config")
        cell = ["cell", "--tunnel", "none", "--root", str(bed.workspace)]
        (far / "cell.py").write_text(bed.run(_colabdev(python, *cell)), encoding="utf-8")
        there = [str(python), str(far / "cell.py")]
        printed = subprocess.run(
            link.far_command(there),
            env=_environment(far),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        with _agent(link, python, printed) as connect_string:
            _write_ssh_config(bed, connect_string)
            bed.run(_colabdev(python, "connect", connect_string))
            try:
                yield bed
            finally:
                subprocess.run(
                    link.far_command([*there, "stop"]),
                    env=_environment(far),
                    stdout=subprocess.DEVNULL,
                    check=False,
                )


@contextlib.contextmanager
def _agent(link: Link, python: Path, printed: str) -> Iterator[str]:
    """Run the relay that stands for a tunnel; yield the connect string that leads to it."""
    lines = [text for text in printed.splitlines() if text.startswith("colabdev connect '")]
    if not lines:
        raise ToolFailed(f"the cell printed no connect string: {printed}")
    text = lines[0].split("'")[1]
    host, _, rest = text.partition("?")
    user, port = host.rpartition("@")[0], host.rpartition(":")[2]
    words = [str(python), str(_HERE / "tcprelay.py"), FAR_ADDRESS, str(_PORT), port]
    with subprocess.Popen(
        link.far_command(words), stdout=subprocess.PIPE, start_new_session=True
    ) as relay:  # Ctrl-C is for this process; it ends what it has started
        try:
            assert relay.stdout
            relay.stdout.readline()
            yield f"{user}@{FAR_ADDRESS}:{_PORT}?{rest}"
        finally:
            relay.terminate()


def _write_ssh_config(bed: Bed, connect_string: str) -> None:
    """Give OpenSSH the same machine, the same key and the same host key as colabdev has."""
    fields = urllib.parse.parse_qs(connect_string.partition("?")[2])
    known = bed.ssh.with_name("known_hosts")
    known.write_text(f"[{FAR_ADDRESS}]:{_PORT} {fields['key'][0]}\n", encoding="ascii")
    user = connect_string.removeprefix("colabdev://").partition("@")[0]
    bed.ssh.write_text(
        "Host shared\n"
        "  ControlMaster auto\n"
        f"  ControlPath {bed.ssh.with_name('cm')}\n"
        "  ControlPersist 3600\n"
        "Host far shared\n"
        f"  HostName {FAR_ADDRESS}\n  Port {_PORT}\n  User {user}\n"
        f"  IdentityFile {bed.home}/state/ssh/id_ed25519\n"
        "  IdentitiesOnly yes\n  IdentityAgent none\n"
        f"  UserKnownHostsFile {known}\n  GlobalKnownHostsFile /dev/null\n"
        "  StrictHostKeyChecking yes\n  BatchMode yes\n  LogLevel ERROR\n",
        encoding="utf-8",
    )


def _colabdev(python: Path, *words: str) -> list[str]:
    return [str(python.with_name("colabdev")), *words]


def _environment(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "PATH": os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin",
        "LANG": "C.UTF-8",
        "COLABDEV_HOME": str(home / "state"),
    }


@contextlib.contextmanager
def _locked(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold *folder*; the lock ends with this process, however that ends."""
    place = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(place)


def _sweep(folder: Path) -> None:
    clear_all(f"{_NAME}{folder.name}-")
    shutil.rmtree(folder, ignore_errors=True)
