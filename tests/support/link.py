"""A runtime with its link: registered, reached through it, and the link ended afterwards."""

import contextlib
import os
from collections.abc import Iterator

import psutil

from colabdev.remote.destination import ConnectString
from colabdev.remote.link import client, place
from colabdev.remote.runtime import Registry, Runtime

ALIAS = "colab"


@contextlib.contextmanager
def linked(address: ConnectString) -> Iterator[Runtime]:
    """Register the machine at *address* and let links be used until the block ends."""
    runtime = Runtime(ALIAS, address.destination, address.boot_id, address.root, "2026-01-01")
    Registry().put(runtime)
    before = os.environ.pop("COLABDEV_LINK", None)
    try:
        yield runtime
    finally:
        if before is not None:
            os.environ["COLABDEV_LINK"] = before
        end_link()


def end_link(alias: str = ALIAS) -> None:
    """End the link of *alias* and reap what this process started."""
    client.tell(alias, "leave")
    for child in client.STARTED:
        child.wait(timeout=20)
    client.STARTED.clear()


def link_process(alias: str = ALIAS) -> psutil.Process:
    """Return the process of the link that listens for *alias*."""
    folder = str(place.place(alias).folder)
    found = [
        process
        for process in psutil.process_iter()
        if _cwd(process) == folder and process.status() != psutil.STATUS_ZOMBIE
    ]
    assert len(found) == 1, found
    return found[0]


def _cwd(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return process.cwd()
    return ""
