"""Run a notebook from its first cell to its last and print what the cells put out as it comes.

``python -m colabdev_notebook NAME.ipynb`` leaves ``NAME.executed.ipynb`` beside it, with all the
outputs that there are, also when a cell failed or the run was ended; the exit code is then 1.
"""

import contextlib
import importlib
import os
import signal
import sys
import tempfile
from types import FrameType
from typing import Any  # messages of a kernel are JSON: mappings of anything


def main(path: str) -> int:
    signal.signal(signal.SIGTERM, end)  # the notebook is written in any case
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
    try:
        run(nbclient, notebook, os.path.dirname(os.path.abspath(path)))
    except nbclient.exceptions.CellExecutionError:
        return 1  # the kernel has told all about it
    except nbclient.exceptions.DeadKernelError:
        print("The notebook's kernel ended before the last cell did.", file=sys.stderr)
        return 1
    finally:
        draft = f"{executed(path)}.new"
        nbformat.write(notebook, draft)
        os.replace(draft, executed(path))
    return 0


def run(nbclient: Any, notebook: Any, folder: str) -> None:
    """Run the cells of *notebook* in *folder*, in a kernel of this interpreter's own."""

    class Client(nbclient.NotebookClient):  # type: ignore[misc]  # known at run time alone
        """Prints what comes from the kernel before it becomes part of the notebook."""

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


def end(_signal: int, _frame: "FrameType | None") -> None:
    sys.exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
