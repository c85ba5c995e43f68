"""Run the tasks of a check file beside the learner's code: the process that may hang or die.

`checker.py` starts it and judges its end; `toolkit.py` is what the checks work with. All three lie
in one folder. A check file may set ``LIMIT``, the seconds that a task may take; the docstring of a
check is the task's title, in English and, as a second paragraph, in Korean.
"""

import contextlib
import faulthandler
import json
import os
import platform
import random
import signal
import subprocess
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any, NoReturn  # Any: what the toolkit lends, and JSON

Text = str | tuple[str, str]
Check = Callable[[Any, Any], None]

LIMIT = 20.0  # seconds a task may take when the check file does not say
MEASURING_LIMIT = 300.0  # seconds; the measurements keep to a budget of their own
IMPORT, MEASURE = "import", "measure"  # the steps that are no check of the check file
MEASURING = ("It is measured, and right while it is.", "측정하며, 측정 중에도 결과가 맞습니다.")


class Broken(Exception):
    """The check file or this machine is at fault, and not the learner's code."""


def main() -> None:
    """Do what the request on stdin asks, and tell it on stdout among what the learner prints."""
    serve(json.loads(sys.stdin.buffer.read()))


def serve(request: dict[str, Any], *, forked: bool = False) -> NoReturn:
    """Do what *request* asks and end this process.

    One that was *forked* does nothing on a GPU: it says so, and a fresh one takes its place.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends both; the parent speaks for us
    channel = Channel(request["nonce"], request["stack"])
    try:
        _work(channel, request["order"], request["tasks"], request["device"], forked)
    except Broken as broken:
        channel.send("broken", message=str(broken))
    channel.send("end")
    os._exit(0)  # a thread that the learner's code started must not keep us


class Channel:
    """The way to `checker.py`, which the learner's code neither closes nor replaces.

    The interpreter's last words, its stack, go to the file *stack*: while it writes them, the
    learner's code may still print.
    """

    def __init__(self, nonce: str, stack: str) -> None:
        self._descriptor = os.dup(1)
        self._mark = b"\0" + nonce.encode() + b" "
        self._stack = open(stack, "wb")  # noqa: SIM115 - open as long as this process
        faulthandler.enable(file=self._stack)

    def send(self, event: str, **fields: Any) -> None:
        """Send a message; what was printed before it arrives before it."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        message = self._mark + json.dumps({"event": event, **fields}).encode() + b"\n"
        while message:
            message = message[os.write(self._descriptor, message) :]

    def begin(self, task: str, title: Text, limit: float) -> None:
        """Announce *task*; after *limit* seconds this process tells its stack and ends."""
        self.send("begin", task=task, title=title, limit=limit)
        faulthandler.dump_traceback_later(limit, exit=True, file=self._stack)

    def verdict(self, task: str, found: dict[str, Any]) -> None:
        """Tell what was *found* of the task that began last."""
        faulthandler.cancel_dump_traceback_later()
        self.send("verdict", task=task, **found)


def _work(
    channel: Channel, order: dict[str, Any], tasks: list[str] | None, device: str, forked: bool
) -> None:
    path = order["exercise"]
    beside = os.path.dirname(os.path.abspath(__file__))
    toolkit: Any = load(os.path.join(beside, "toolkit.py"), "colabdev_toolkit")
    module = _load_checks(order["check"])
    known = checks(module)
    measuring = tasks == [MEASURE]
    device = _device(device, touch=not measuring and not forked)
    if forked and device == "cuda":
        channel.send("fresh")
        return
    fields = {} if measuring else facts(device)
    channel.send("ready", device=device, tasks=list(known), fields=fields)
    limit = getattr(module, "LIMIT", LIMIT)
    if order["strict"]:
        warnings.simplefilter("error")
    sys.path[0] = os.path.dirname(path)
    channel.begin(IMPORT, "", limit)
    try:
        learner = toolkit.Learner(load(path, "learner"))
    except BaseException as error:  # a learner's file may raise anything
        channel.verdict(IMPORT, toolkit.explain(error, path))
        return
    if measuring:
        bench = toolkit.Bench(channel.send, device)
        channel.begin(MEASURE, MEASURING, MEASURING_LIMIT)
        channel.verdict(MEASURE, toolkit.measure(module.measure, learner, bench, path))
        return
    for name in tasks or known:
        task = toolkit.Task(f"{order['seed']}:{name}", device, path)
        _seed(task.random.getrandbits(32))
        channel.begin(name, title(known[name]), limit)
        verdict = toolkit.attempt(known[name], learner, task)
        channel.verdict(name, verdict)
        if device == "cuda" and verdict["outcome"] == "error":
            return  # a device-side assert poisons the process: the rest gets a new one


def load(path: str, name: str) -> types.ModuleType:
    """Run the file *path* as the module *name*, whatever the file is called."""
    with open(path, "rb") as file:
        source = file.read()
    module = types.ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module  # dataclasses and pickle look their module up
    try:
        code = compile(source, path, "exec", dont_inherit=True)
    except ValueError as error:  # what Pythons before 3.11.4 say of a NUL in the file
        raise SyntaxError(str(error)) from None
    exec(code, module.__dict__)  # noqa: S102 - on purpose
    return module


def checks(module: types.ModuleType) -> dict[str, Check]:
    """Return the checks of a check file by task, in the order of the file."""
    return {
        name.removeprefix("check_"): value
        for name, value in vars(module).items()
        if name.startswith("check_") and callable(value)
    }


def title(check: Check) -> Text:
    """Return the title that the docstring of *check* gives: English, then Korean."""
    first, *rest = (" ".join(part.split()) for part in (check.__doc__ or "").split("\n\n"))
    return (first, rest[0]) if rest and rest[0] else first


def _load_checks(path: str) -> types.ModuleType:
    try:
        module = load(path, "colabdev_check")
    except ModuleNotFoundError as error:
        raise Broken(f"{sys.executable} has no {error.name}, which the checks need.") from error
    except Exception as error:  # whatever is wrong with it, it is not the learner's fault
        raise Broken(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    if not checks(module):
        raise Broken(f"{path} holds no check.")
    return module


def _device(wanted: str, *, touch: bool) -> str:
    """Return cpu or cuda; *touch* the GPU, so that no task pays for its start."""
    torch = sys.modules.get("torch")
    if wanted == "auto":
        wanted = "cuda" if torch and torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and touch:
        if not torch:
            raise Broken("These checks do not use torch, so there is nothing to do on a GPU.")
        try:
            torch.zeros(1, device="cuda")
        except (AssertionError, RuntimeError) as error:
            raise Broken(f"This machine's GPU cannot be used: {error}") from error
    return wanted


def _seed(seed: int) -> None:
    """Make what the learner draws without a generator of its own repeatable, too."""
    random.seed(seed)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


def facts(device: str) -> dict[str, Any]:
    """Return what explains a number measured here; of torch only if the checks use it."""
    known: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "device": device,
    }
    if not (torch := sys.modules.get("torch")):
        return known
    known.update(
        torch=torch.__version__,
        threads=torch.get_num_threads(),
        matmul_precision=torch.get_float32_matmul_precision(),
        cuda=torch.version.cuda,
    )
    if device == "cuda":
        gpu = torch.cuda.get_device_properties(0)
        known.update(
            gpu=gpu.name,
            gpu_memory_mb=gpu.total_memory // 2**20,
            capability=f"{gpu.major}.{gpu.minor}",
            cudnn=torch.backends.cudnn.version(),
            driver=_driver(),
        )
    return known


def _driver() -> str:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        asked = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.partition("\n")[0].strip()


if __name__ == "__main__":
    main()
