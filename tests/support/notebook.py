"""A notebook page: a real kernel with the stand-ins for ngrok's agent and Colab's Secrets."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from colabdev.commands.cell import render_cell
from colabdev.remote.sshkey import ensure_key
from colabdev.store import private_dir
from tests.support import stub_ngrok
from tests.support.kernel import Kernel, start_kernel
from tests.support.runtime import StartedRuntime, connect_string

TOKEN = "2oNlyForTests_9fj3kd8sWz"
STAND_IN = Path(__file__).parent / "google_colab"


@dataclass(frozen=True, slots=True)
class Notebook:
    """A kernel with the stand-in for ngrok's agent and for Colab's Secrets."""

    kernel: Kernel
    home: Path
    agent: Path
    secrets: Path

    def cell(self, tunnel: str = "ngrok", *, keep_open: bool = False) -> str:
        return render_cell(ensure_key(), tunnel=tunnel, keep_open=keep_open)

    def machine(self, printed: str) -> StartedRuntime:
        """Return the machine that the connect string in *printed* leads to."""
        return StartedRuntime(connect_string(printed), self.home, {})


@contextmanager
def notebook(folder: Path, **env: str) -> Iterator[Notebook]:
    """Lend a notebook with a home of its own, and stop its machine afterwards."""
    home = private_dir(folder / "vm")
    agent = stub_ngrok.install(folder / "agent")
    secrets = folder / "secrets.json"
    secrets.write_text("{}")
    environment = {
        **os.environ,
        "HOME": str(home),
        "PYTHONPATH": str(STAND_IN),
        "PYNGROK_NGROK_PATH": str(agent),
        "COLAB_STAND_IN_USERDATA": str(secrets),
        **env,
    }
    with start_kernel(folder, environment) as kernel:
        page = Notebook(kernel, home, agent, secrets)
        try:
            yield page
        finally:
            kernel.run(page.cell("none"))
            assert kernel.run("colabdev_stop()").ok
