"""The test link: two network namespaces on this machine, and a long, slow road between them."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

NEAR_ADDRESS, FAR_ADDRESS = "10.77.0.1", "10.77.0.2"
_DEVICE = "road"
_HERE = Path(__file__).parent
_ALLOWED = Path("/proc/sys/net/ipv4/tcp_allowed_congestion_control")


class Unable(Exception):
    """This machine cannot carry the benchmark; the text says why and what mends it."""


@dataclass(frozen=True, slots=True)
class Wire:
    """Bytes that crossed the link since it was made, headers included: *up* is to the far end."""

    up: int
    down: int

    def __sub__(self, before: "Wire") -> "Wire":
        return Wire(self.up - before.up, self.down - before.down)


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is up, between the namespaces *near* and *far*.

    *rtt* is in seconds, *rate* in bit/s each way; nothing for both is a bare pair of interfaces.
    *how* says what delays the packets, *control* the congestion control of both ends.
    """

    near: str
    far: str
    rtt: float
    rate: float
    how: str
    control: str

    def near_command(self, words: Sequence[str]) -> list[str]:
        """Return *words* as a command that runs at the near end."""
        return _inside(self.near, words)

    def far_command(self, words: Sequence[str]) -> list[str]:
        """Return *words* as a command that runs at the far end."""
        return _inside(self.far, words)

    def wire(self) -> Wire:
        """Return what has crossed, by the counters of the near end's interface."""
        shown = _ip("-j", "-s", "-n", self.near, "link", "show", _DEVICE)
        counters = json.loads(shown)[0]["stats64"]
        return Wire(counters["tx"]["bytes"], counters["rx"]["bytes"])

    def settle(self, quiet: float = 0.2, limit: float = 5.0) -> Wire:
        """Wait until nothing has crossed for *quiet* seconds, at most *limit*; return `wire`."""
        end = time.monotonic() + limit
        wire = self.wire()
        while True:
            time.sleep(max(quiet, self.rtt))
            before, wire = wire, self.wire()
            if wire == before or time.monotonic() > end:
                return wire

    def processes(self) -> tuple[list[int], list[int]]:
        """Return the processes of the near and of the far end."""
        return _processes(self.near), _processes(self.far)

    def __str__(self) -> str:
        if not self.rate:
            return f"no delay, no limit ({self.how}, {self.control})"
        return (
            f"{self.rtt * 1e3:.0f} ms round trip, {self.rate / 1e6:.0f} Mbit/s each way "
            f"({self.how}, {self.control})"
        )


@contextlib.contextmanager
def open_link(name: str, folder: Path, *, rtt: float, rate: float) -> Iterator[Link]:
    """Make a link called *name*; whatever still runs at its ends goes with it.

    Files that it needs lie in *folder*.

    Raises:
        Unable: this machine cannot make one.
    """
    near, far = f"{name}-near", f"{name}-far"
    try:
        for end in (near, far):
            _ip("netns", "add", end)
            _ip("-n", end, "link", "set", "lo", "up")
        control = _congestion_control((near, far))
        with _road(near, far, folder, rtt, rate) as how:
            for end, address in ((near, NEAR_ADDRESS), (far, FAR_ADDRESS)):
                _ip("-n", end, "address", "add", f"{address}/24", "dev", _DEVICE)
                _ip("-n", end, "link", "set", _DEVICE, "mtu", "1500", "txqueuelen", "10000", "up")
            yield Link(near, far, rtt, rate, how, control)
    finally:
        clear(near, far)


def clear(*names: str) -> None:
    """End the processes in the namespaces *names* and take those away; missing ones are no harm."""
    there = _namespaces()
    for name in there.intersection(names):
        for number in (signal.SIGTERM, signal.SIGKILL):
            end = time.monotonic() + 2
            while (pids := _processes(name)) and time.monotonic() < end:
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)
                time.sleep(0.05)
        subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def clear_all(prefix: str) -> None:
    """Do `clear` for every namespace whose name begins with *prefix*."""
    clear(*(name for name in _namespaces() if name.startswith(prefix)))


@contextlib.contextmanager
def _road(near: str, far: str, folder: Path, rtt: float, rate: float) -> Iterator[str]:
    """Join the two ends by one interface in each; yield what delays the packets."""
    if not rate:
        _pair(near, far)
        yield "a bare veth pair"
    elif _netem(near, far, rtt, rate):
        yield "tc netem"
    else:
        with _relayed(near, far, folder, rtt, rate):
            yield "a TUN relay in user space; this kernel has no netem"


def _pair(near: str, far: str) -> None:
    _ip("-n", near, "link", "add", _DEVICE, "type", "veth", "peer", "name", _DEVICE, "netns", far)


def _netem(near: str, far: str, rtt: float, rate: float) -> bool:
    """Make a pair of interfaces that delay; return whether the kernel can."""
    _pair(near, far)
    packets = _queue(rtt, rate) / 1500 + rtt / 2 * rate / 8 / 1500  # it counts those on their way
    settings = f"delay {rtt / 2 * 1e6:.0f}us rate {rate:.0f}bit limit {packets + 100:.0f}"
    for end in (near, far):
        words = ["tc", "-n", end, "qdisc", "add", "dev", _DEVICE, "root", "netem"]
        done = subprocess.run([*words, *settings.split()], capture_output=True, check=False)
        if done.returncode:
            _ip("-n", near, "link", "del", _DEVICE)
            return False
    return True


@contextlib.contextmanager
def _relayed(near: str, far: str, folder: Path, rtt: float, rate: float) -> Iterator[None]:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        raise Unable(
            "This kernel has no netem, and its stand-in wants a C compiler.\n"
            "  Install one: apt-get install gcc libc6-dev"
        )
    program = folder / "tunrelay"
    subprocess.run([compiler, "-O2", "-o", program, _HERE / "tunrelay.c"], check=True)
    ends = [f"/run/netns/{near}", f"/run/netns/{far}", _DEVICE]
    figures = [rtt / 2 * 1e6, rate, _queue(rtt, rate)]
    with subprocess.Popen(
        [program, *ends, *(f"{figure:.0f}" for figure in figures)],
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for this process; it ends what it has started
    ) as relay:
        try:
            assert relay.stdout
            if relay.stdout.readline() != b"ready\n":
                raise Unable("The link's relay did not start; see its line above.")
            yield
        finally:
            relay.terminate()


def _queue(rtt: float, rate: float) -> float:
    """Return the bytes that may wait for their turn: what the link holds, 256 KiB at least."""
    return max(rate * rtt / 8, 256 << 10)


def _congestion_control(ends: Sequence[str]) -> str:
    """Give both ends cubic, as most machines have it, where this kernel has it; return which."""
    before = _ALLOWED.read_text()
    with contextlib.suppress(OSError):
        # A namespace may choose what the kernel lists as allowed at that moment.
        _ALLOWED.write_text(f"{before.strip()} cubic\n")
    try:
        for end in ends:
            settings = ["net.ipv4.tcp_congestion_control=cubic", "net.ipv4.tcp_no_metrics_save=1"]
            for setting in settings:
                words = _inside(end, ["sysctl", "-qw", setting])
                subprocess.run(words, check=False, stderr=subprocess.DEVNULL)
    finally:
        with contextlib.suppress(OSError):
            _ALLOWED.write_text(before)
    asked = _inside(ends[0], ["sysctl", "-n", "net.ipv4.tcp_congestion_control"])
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def _inside(namespace: str, words: Sequence[str]) -> list[str]:
    return ["nsenter", f"--net=/run/netns/{namespace}", "--", *words]


def _namespaces() -> set[str]:
    return {line.split()[0] for line in _ip("netns", "list").splitlines() if line.strip()}


def _processes(namespace: str) -> list[int]:
    done = subprocess.run(
        ["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False
    )
    return [int(word) for word in done.stdout.split()]


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise Unable(f"'ip {' '.join(words)}' failed: {said}")
    return done.stdout
