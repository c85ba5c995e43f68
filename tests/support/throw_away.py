"""A throw-away machine, as colab-ssh may be let loose on: namespaces with an overlay over /etc."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from colabdev.commands.cell import render_cell
from colabdev.remote.sshkey import ensure_key
from colabdev.store import private_dir
from tests.support import stub_cloudflared
from tests.support.nets import Machine, machine


class Vm:
    """A throw-away machine: *upper* holds what of /etc was written there."""

    def __init__(self, inside: Machine, folder: Path, upper: Path) -> None:
        self.inside, self.home, self.upper = inside, folder / "vm", upper
        self.stubs = folder / "stubs"
        self.environment = {
            **os.environ,
            "HOME": str(self.home),
            "PATH": f"{self.stubs}:{os.environ['PATH']}",
            "COLAB_RELEASE_TAG": "release-colab-external_20261101",
            "COLAB_GPU": "1",
            "LD_LIBRARY_PATH": "/usr/lib64-nvidia",
        }

    def cell(self, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run the cell there."""
        argv = [*self.inside.enter, sys.executable, str(self.home / "cell.py"), *words]
        environment = {**self.environment, **changes}
        return subprocess.run(
            argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )

    def state(self) -> dict[str, object]:
        """Return what the keeper last wrote."""
        return dict(json.loads((self.home / ".colabdev/tunnel/state.json").read_text()))

    def cloudflareds(self) -> list[str]:
        """Return the numbers of the cloudflared processes there, whoever started them."""
        listing = self.inside.run("ps", "-A", "-o", "pid=,args=").splitlines()
        return [line.split()[0] for line in listing if "cloudflared tunnel" in line]

    def signal(self, number: int) -> None:
        """Send a signal to cloudflared, by its number in there."""
        agent = self.state()["agent"]
        assert isinstance(agent, list)
        self.inside.run("kill", f"-{number}", str(agent[0]))


@contextmanager
def throw_away(folder: Path) -> Iterator[Vm]:
    """Lend a machine whose /etc is an overlay, with the cell for cloudflared in its home."""
    stub_cloudflared.install(folder / "stubs")
    private_dir(folder / "vm")
    text = render_cell(ensure_key(), tunnel="cloudflared", root=str(folder / "content"))
    (folder / "vm" / "cell.py").write_text(text)
    layers = folder / "layers"
    layers.mkdir()
    overlay = f"lowerdir=/etc,upperdir={layers}/top/upper,workdir={layers}/top/work"
    setup = (
        f"mount -t tmpfs etc {layers} && mkdir -p {layers}/top/upper {layers}/top/work && "
        f"mount -t overlay etc -o {overlay} /etc"
    )
    with machine(setup) as inside:
        yield Vm(inside, folder, layers / "top" / "upper")
