"""A VM that gives itself back: the cell in a real kernel, Colab's own call."""

import http.server
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from colabdev.commands.cell import render_cell
from colabdev.commands.connect import connect
from colabdev.commands.disconnect import disconnect
from colabdev.commands.reporter import Silent
from colabdev.jobs import client
from colabdev.jobs.job import JobSpec
from colabdev.payload.cell.core import _around, _wait_for
from colabdev.remote.reach import reach
from colabdev.remote.sshkey import ensure_key
from tests.support.kernel import Moment
from tests.support.notebook import TOKEN, notebook
from tests.support.runtime import ssh_command, start_runtime

pytestmark = pytest.mark.sshd


def busy() -> bool:
    """Tell what the keeper's own look at the machine finds, in a process as the keeper is one."""
    words = [sys.executable, "-c", "from colabdev.payload.cell.idle import _busy; print(_busy())"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stdout == "True\n"


def test_a_login_and_a_running_job_keep_the_vm(folder: Path, home: Path) -> None:
    """While a real job runs, or a login is open, nobody may give the VM back."""
    assert not busy()
    with start_runtime(home) as runtime:
        assert not busy()
        words = [*ssh_command(runtime.connect_string, folder), "echo up; cat"]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as login:
            assert login.stdout is not None
            login.stdout.readline()
            assert busy()
            login.communicate()
        assert _wait_for(lambda: not busy(), 10)
        there = connect(runtime.connect_string, "colab", Silent()).runtime
        with reach(there) as transport:
            sleeper = ("sh", "-c", "while [ ! -e go ]; do sleep 0.05; done")
            spec = JobSpec(client.new_job_id(), sleeper, there.root, "sleeper")
            client.start(transport, spec)
        disconnect("colab", Silent())
        server = runtime.facts["sshd"]
        assert _wait_for(lambda: not _around("-P", server), 20)
        assert busy()
        (Path(there.root) / "go").touch()
        assert _wait_for(lambda: not busy(), 20)


def test_an_idle_vm_is_given_back_after_a_warning(folder: Path) -> None:
    """A login keeps it; without one the cell warns, and then Colab is asked to take it back."""
    asked: list[str] = []

    class Colab(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Colab) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        address = f"127.0.0.1:{server.server_address[1]}"
        try:
            with notebook(folder, NGROK_AUTHTOKEN=TOKEN, TBE_RUNTIME_ADDR=address) as page:
                text = render_cell(ensure_key(), keep_open=True, release_when_idle=30)
                text = text.replace("RELEASE_WHEN_IDLE = 30", "RELEASE_WHEN_IDLE = 0.05")
                warned = Moment("back to Colab in", page.kernel.interrupt)
                ran = page.kernel.run(text, when=warned)
                assert ran.ok, ran.shown
                assert _wait_for(lambda: asked == ["/unassign"], 20)
        finally:
            server.shutdown()
            serving.join()
