"""What a machine is, asked of the machine itself."""

import json
from dataclasses import dataclass
from typing import Any  # the answer is JSON: a mapping of anything

from colabdev.errors import ProtocolError
from colabdev.remote.frames import Conversation
from colabdev.remote.program import program
from colabdev.remote.transport import Transport

_TORCH_LIMIT = 90.0  # seconds; the first import of torch on a fresh VM is slow


@dataclass(frozen=True, slots=True)
class Gpu:
    """The first GPU of a machine that has *count* of them; *memory* in bytes."""

    name: str
    memory: int
    driver: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class HostFacts:
    """A machine in figures: *memory* and *disk_free* in bytes, ``""`` or None for unknown.

    *torch*, *cuda* (whether torch can use a GPU) and *cuda_version* are unknown when torch is not
    there, was not asked, or did not answer in time.
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


def host_facts(transport: Transport, root: str = "/", *, torch: bool = True) -> HostFacts:
    """Ask the machine what it is; *root* is the folder whose disk is meant.

    Asking *torch* takes as long as importing it does (seconds); without it the answer is there
    within one round trip and a call of nvidia-smi.

    Raises:
        ProtocolError: the answer is none of ours.
        TransportError: the connection failed.
    """
    limit = _TORCH_LIMIT if torch else 0
    process = transport.start(program("hostfacts", root, str(limit)))
    try:
        conversation = Conversation(process, "hostfacts")
        conversation.greet()
        _, body = conversation.receive()
    finally:
        process.close()
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
            f"The machine's account of itself cannot be read: {error}.",
            "Run the cell again and connect with the string it prints.",
        ) from error


def _facts(answer: dict[str, Any]) -> HostFacts:
    gpu = answer["gpu"]
    cuda = answer.get("cuda")
    return HostFacts(
        hostname=str(answer["hostname"]),
        boot_id=str(answer["boot_id"]),
        python=str(answer["python"]),
        platform=str(answer["platform"]),
        cpus=int(answer["cpus"]),
        memory=int(answer["memory"]),
        disk_free=int(answer["disk_free"]),
        gpu=None
        if gpu is None
        else Gpu(str(gpu["name"]), int(gpu["memory"]), str(gpu["driver"]), int(gpu["count"])),
        torch=str(answer.get("torch", "")),
        cuda=None if cuda is None else bool(cuda),
        cuda_version=str(answer.get("cuda_version", "")),
    )
