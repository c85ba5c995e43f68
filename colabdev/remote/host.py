"""What a machine is, asked of the machine itself."""

import contextlib
import json
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any  # the answer is JSON: a mapping of anything

from colabdev.errors import ProtocolError
from colabdev.language import tr
from colabdev.remote.frames import Conversation
from colabdev.remote.program import program
from colabdev.remote.transport import Transport

# https://research.google.com/colaboratory/faq.html: "at most 12 hours", fewer by use and demand.
COLAB_LIFE = 12 * 3600.0

_LONGEST_WORD = 200  # characters
_MOST_JOBS = 1000
_TORCH_LIMIT = 90.0  # seconds; the first import of torch on a fresh VM is slow


@dataclass(frozen=True, slots=True)
class Gpu:
    """The first GPU of a machine that has *count* of them.

    Memory in bytes, *use* in percent, *power* in watts.
    """

    name: str
    memory: int
    driver: str
    count: int = 1
    use: int | None = None
    memory_used: int | None = None
    power: float | None = None


@dataclass(frozen=True, slots=True)
class HostFacts:
    """A machine in figures: *memory* and *disk_free* in bytes, ``""`` or None for unknown.

    *torch* is its version. *cuda* (whether it can use a GPU) and *cuda_version* are unknown when
    that was not asked; what was asked and did not answer in time is unknown altogether. *uptime* is
    in seconds, *logins* how many SSH connections the cell's server holds, *visitors* what they are
    used for, *jobs* the ids of those that run; *colab* whether it is one of Colab's machines; then
    *left_estimate* guesses in seconds when Colab ends it, which it tells nobody. *idle_left* are
    the seconds without use after which its cell gives it back.
    """

    hostname: str
    boot_id: str
    python: str
    platform: str
    cpus: int
    memory: int
    disk_free: int
    gpu: Gpu | None = None
    torch: str = ""
    cuda: bool | None = None
    cuda_version: str = ""
    disk_total: int = 0
    colab: bool = False
    uptime: float | None = None
    logins: int | None = None
    visitors: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    left_estimate: float | None = None
    idle_left: float | None = None


def host_facts(transport: Transport, root: str = "/", *, torch: bool = True) -> HostFacts:
    """Ask the machine what it is; *root* is the folder whose disk is meant.

    Asking *torch* takes as long as importing it does (seconds); without it the answer is there
    within one round trip and a call of nvidia-smi.

    Raises:
        ProtocolError: the answer is none of ours.
        TransportError: the connection failed.
    """
    looks = _looks(transport, root, str(_TORCH_LIMIT if torch else 0))
    with contextlib.closing(looks):
        return next(looks)


def watch_host(transport: Transport, root: str, every: float) -> Generator[HostFacts, None, None]:
    """Yield what `host_facts` returns, without torch, as the machine tells it *every* seconds.

    Raises:
        ProtocolError: the answer is none of ours.
        TransportError: the connection failed.
    """
    return _looks(transport, root, "0", str(every))


def _looks(transport: Transport, *arguments: str) -> Generator[HostFacts, None, None]:
    process = transport.start(program("hostfacts", *arguments))
    try:
        conversation = Conversation(process, "hostfacts")
        conversation.greet()
        while True:
            _, body = conversation.receive()
            yield _read(body)
    finally:
        process.close()


def _read(body: bytes) -> HostFacts:
    try:
        return _facts(json.loads(body))
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise ProtocolError(
            tr("The machine's account of itself cannot be read: {error}.", error=error),
            tr("Run the cell again and connect with the string it prints."),
        ) from error


def _facts(answer: dict[str, Any]) -> HostFacts:
    cuda, jobs, visitors = (answer.get(name) for name in ("cuda", "jobs", "visitors"))
    colab, uptime = bool(answer.get("colab", False)), _amount(answer.get("uptime"))
    jobs, visitors = jobs or [], visitors or []
    if not isinstance(jobs, list) or not isinstance(visitors, list):
        raise TypeError(tr("jobs or visitors"))
    return HostFacts(
        hostname=_word(answer["hostname"]),
        boot_id=str(answer["boot_id"]),
        python=_word(answer["python"]),
        platform=_word(answer["platform"]),
        cpus=int(answer["cpus"]),
        memory=int(answer["memory"]),
        disk_free=int(answer["disk_free"]),
        gpu=None if answer["gpu"] is None else _gpu(answer["gpu"]),
        torch=_word(answer.get("torch", "")),
        cuda=None if cuda is None else bool(cuda),
        cuda_version=_word(answer.get("cuda_version", "")),
        disk_total=int(answer.get("disk_total", 0)),
        colab=colab,
        uptime=uptime,
        logins=_count(answer.get("logins")),
        visitors=tuple(str(word) for word in visitors[:_MOST_JOBS]),
        jobs=tuple(str(job) for job in jobs[:_MOST_JOBS]),
        idle_left=_amount(answer.get("idle_left")),
        left_estimate=max(0.0, COLAB_LIFE - uptime) if colab and uptime is not None else None,
    )


def _gpu(answer: dict[str, Any]) -> Gpu:
    return Gpu(
        _word(answer["name"]),
        int(answer["memory"]),
        _word(answer["driver"]),
        int(answer["count"]),
        _count(answer.get("use")),
        _count(answer.get("memory_used")),
        _amount(answer.get("power")),
    )


def _word(value: Any) -> str:
    """Return *value* on one line, of a length that a sentence can hold."""
    return " ".join(str(value).split())[:_LONGEST_WORD]


def _count(value: Any) -> int | None:
    return None if value is None else int(value)


def _amount(value: Any) -> float | None:
    if value is None:
        return None
    amount = float(value)
    if not 0 <= amount < 1e12:  # nan is not
        raise ValueError(tr("an amount that cannot be"))
    return amount
