"""Machines of their own on this one: network and PID namespaces that share its files."""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machine:
    """A namespace held by the process *pid*; *enter* are the words that start a program in it."""

    pid: int
    enter: tuple[str, ...]

    def run(self, *words: str) -> str:
        """Run *words* there and return what they print."""
        done = subprocess.run([*self.enter, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout


@contextlib.contextmanager
def machine(setup: str = "true") -> Iterator[Machine]:
    """Lend a machine with mounts, processes and a loopback of its own; its end ends all in it.

    *setup* is run first, by a shell that is its first process. Needs root.
    """
    script = f"{setup} && ip link set lo up && echo ready && exec cat"
    words = ["unshare", "-m", "-p", "-n", "--fork", "--kill-child", "--mount-proc", "sh", "-ec"]
    with subprocess.Popen(
        [*words, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "ready\n", "no namespaces here"
            children = subprocess.run(
                ["ps", "-o", "pid=", "--ppid", str(holder.pid)], capture_output=True, text=True
            )
            pid = int(children.stdout)
            yield Machine(pid, ("nsenter", "-t", str(pid), "-m", "-p", "-n", "--"))
        finally:
            holder.stdin.close()
            holder.wait()


def cable(one: Machine, two: Machine, network: int) -> None:
    """Join two machines: *one* is 10.9.NETWORK.1 on the cable, *two* is 10.9.NETWORK.2."""
    names = [f"cd{network}a{one.pid}"[:15], f"cd{network}b{two.pid}"[:15]]
    subprocess.run(
        ["ip", "link", "add", names[0], "type", "veth", "peer", "name", names[1]], check=True
    )
    for end, (each, name) in enumerate(zip((one, two), names, strict=True), 1):
        subprocess.run(["ip", "link", "set", name, "netns", str(each.pid)], check=True)
        each.run("ip", "address", "add", f"10.9.{network}.{end}/24", "dev", name)
        each.run("ip", "link", "set", name, "up")
