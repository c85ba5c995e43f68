"""Run a notebook from its first cell to its last and print what the cells put out as it comes.

``python -m colabdev_notebook NAME.ipynb`` leaves ``NAME.executed.ipynb`` beside it, with all the
outputs that there are, also when a cell failed (the exit code is then 1) or the run was ended (128
and the signal). SIGINT interrupts the cell that runs, as Jupyter's stop button does, and no other
cell is begun; SIGTERM ends the kernel.
"""

import asyncio
import contextlib
import importlib
import os
import signal
import sys
import tempfile
from types import FrameType
from typing import Any  # messages of a kernel are JSON: mappings of anything

ENDS = (signal.SIGINT, signal.SIGTERM)


def main(path: str) -> int:
    for number in ENDS:
        signal.signal(number, end)
    try:
        # By name, as no machine need have them: they come with Jupyter.
        nbclient, nbformat = (importlib.import_module(name) for name in ("nbclient", "nbformat"))
        importlib.import_module("ipykernel")
    except ImportError as error:
        print(
            f"The notebook was not run: {error.name} is not installed on the runtime.\n"
            "Install it there: colabdev run -- python -m pip install nbclient ipykernel",
            file=sys.stderr,
        )
        return 1
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.reader.NotJSONError) as error:
        print(f"{path} cannot be read as a notebook: {error}", file=sys.stderr)
        return 1
    stop = Stop()
    try:
        run(nbclient, notebook, os.path.dirname(os.path.abspath(path)), stop)
    except (Stopped, asyncio.CancelledError):
        pass
    except nbclient.exceptions.CellExecutionError:
        return stop.code or 1  # the kernel has told all about it
    except nbclient.exceptions.DeadKernelError:
        print("The notebook's kernel ended before the last cell did.", file=sys.stderr)
        return stop.code or 1
    finally:
        for number in ENDS:  # it is written in any case
            signal.signal(number, signal.SIG_IGN)
        draft = f"{executed(path)}.new"
        nbformat.write(notebook, draft)
        os.replace(draft, executed(path))
    if stop.code:
        print("The notebook was stopped before its last cell.", file=sys.stderr)
    return stop.code


class Stopped(Exception):
    """The user wants no other cell to be begun."""


class Stop:
    """Whether the run is asked to end: *code* is the exit code then, 0 while it is not."""

    def __init__(self) -> None:
        self.code = 0


def run(nbclient: Any, notebook: Any, folder: str, stop: Stop) -> None:
    """Run the cells of *notebook* in *folder*, in a kernel of this interpreter's own.

    Raises:
        Stopped: it was asked to, between two cells.
        asyncio.CancelledError: it was asked to in the stronger way.
    """

    class Client(nbclient.NotebookClient):  # type: ignore[misc]  # known at run time alone
        """Prints what comes from the kernel before it becomes part of the notebook.

        Its own handlers of signals, which would take the kernel away under the run, give way to
        ours before there is a kernel.
        """

        running = False

        async def async_start_new_kernel(self, **options: Any) -> None:
            task = asyncio.current_task()
            assert task, "it is awaited by one"
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGINT, self.interrupt)
            loop.add_signal_handler(signal.SIGTERM, self.give_up, task)
            await super().async_start_new_kernel(**options)

        def interrupt(self) -> None:
            stop.code = 128 + signal.SIGINT
            if self.running:
                self.interrupting = asyncio.ensure_future(self.km.interrupt_kernel())

        def give_up(self, task: "asyncio.Task[Any]") -> None:
            stop.code = 128 + signal.SIGTERM
            task.cancel()

        async def async_execute_cell(self, *arguments: Any, **options: Any) -> Any:
            if stop.code:
                raise Stopped
            self.running = True
            try:
                return await super().async_execute_cell(*arguments, **options)
            finally:
                self.running = False

        def process_message(self, message: Any, cell: Any, index: int) -> Any:
            show(message)
            return super().process_message(message, cell, index)

    # Sockets in a folder of our own, not ports that every user of the machine could listen to.
    with tempfile.TemporaryDirectory(prefix="colabdev-") as sockets:
        where = {"transport": "ipc", "ip": os.path.join(sockets, "kernel")}
        client = Client(
            notebook,
            kernel_name="python3",
            timeout=None,
            store_widget_state=False,
            config=importlib.import_module("traitlets.config").Config({"KernelManager": where}),
        )
        client.execute(cwd=folder)


def show(message: Any) -> None:
    """Print what *message* puts out, if it does."""
    kind, content = message["header"]["msg_type"], message["content"]
    if kind == "stream":
        stream = sys.stderr if content["name"] == "stderr" else sys.stdout
        stream.write(content["text"])
    elif kind in ("execute_result", "display_data"):
        stream = sys.stdout
        with contextlib.suppress(KeyError):  # an image has no text
            stream.write(content["data"]["text/plain"] + "\n")
    elif kind == "error":
        stream = sys.stderr
        stream.write("\n".join(content["traceback"]) + "\n")
    else:
        return
    stream.flush()


def executed(path: str) -> str:
    return path[: -len(".ipynb")] + ".executed.ipynb"


def end(number: int, _frame: "FrameType | None") -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
