"""A real IPython kernel to run the cell in, as Colab or Jupyter does."""

import contextlib
import json
import queue
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # a Jupyter message is JSON

import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from jupyter_core.utils import ensure_event_loop

_LIMIT = 90


@dataclass(frozen=True, slots=True)
class Ran:
    """What running a cell left: all that it showed, and whether it ended well."""

    shown: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """What to do once a running cell has shown a text, or something else has come true."""

    sign: str | Callable[[], object]
    act: Callable[[], object]

    def has_come(self, shown: str) -> bool:
        return self.sign in shown if isinstance(self.sign, str) else bool(self.sign())


class Kernel:
    """A kernel that is up; *typed* answers its prompts."""

    def __init__(self, manager: KernelManager) -> None:
        self._manager = manager
        self._connect()

    def run(
        self,
        code: str,
        *,
        typed: str | None = None,
        when: Moment | None = None,
        then: Moment | None = None,
    ) -> Ran:
        """Run *code* as a cell; without *typed* it can ask nothing.

        What *when* says is done while the cell runs, and after that what *then* says.
        """
        client = self._client
        request = client.execute(code, allow_stdin=typed is not None)
        shown, ok, deadline = "", True, time.monotonic() + _LIMIT
        while time.monotonic() < deadline:
            if when and when.has_come(shown):
                when.act()
                when, then = then, None
            with contextlib.suppress(queue.Empty):
                client.get_stdin_msg(timeout=0)
                client.input(typed or "")
            message = self._next()
            if message is None or message["parent_header"].get("msg_id") != request:
                continue
            content: dict[str, Any] = message["content"]
            if message["msg_type"] == "stream":
                shown += content["text"]
            elif message["msg_type"] == "error":
                shown += "\n".join(content["traceback"])
                ok = False
            elif content.get("execution_state") == "idle":
                return Ran(shown, ok)
        raise AssertionError(f"the cell did not end: {shown}")

    def interrupt(self) -> None:
        """Press the notebook's stop button."""
        self._manager.interrupt_kernel()

    def restart(self) -> None:
        """Restart the kernel: another process, nothing of the old one in it."""
        self._client.stop_channels()
        self._manager.restart_kernel(now=True)
        self._connect()

    def close(self) -> None:
        """End the kernel and all that hangs from it."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def _connect(self) -> None:
        self._client: BlockingKernelClient = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=_LIMIT)

    def _next(self) -> dict[str, Any] | None:
        try:
            return dict(self._client.get_iopub_msg(timeout=0.1))
        except queue.Empty:
            return None


@contextlib.contextmanager
def start_kernel(folder: Path, environment: Mapping[str, str]) -> Iterator[Kernel]:
    """Start a kernel with *environment*; its specification and connection file lie in *folder*."""
    specification = folder / "kernels" / "python3"
    specification.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel_json = {"argv": argv, "display_name": "Python", "language": "python"}
    (specification / "kernel.json").write_text(json.dumps(kernel_json))
    specifications = KernelSpecManager(kernel_dirs=[str(specification.parent)])
    with zmq.Context() as context:
        manager = KernelManager(
            kernel_name="python3",
            kernel_spec_manager=specifications,
            connection_file=str(folder / "connection.json"),
            context=context,
        )
        manager.start_kernel(env=dict(environment), cwd=str(folder))
        kernel = Kernel(manager)
        try:
            yield kernel
        finally:
            kernel.close()
            manager.cleanup_resources()
            ensure_event_loop().close()  # jupyter_client keeps one for its blocking calls
