"""``memory``: what a very large file and a very large tree cost in memory, on either side."""

import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import data, tools
from benchmarks.measure import say
from benchmarks.table import Claim, Report, Table
from benchmarks.testbed import Bed, ToolFailed, open_bed

_BOUND = 300.0
_TASKS: dict[str, Callable[[Path], None]] = {
    "5 GB in one file": lambda folder: data.noise(folder / "model.bin", 5_000_000_000),
    "200,000 files": lambda folder: data.tiny(folder, 200_000),
}


def measure(run: Path, python: Path) -> Report:
    """Sync each over a link without delay or limit, then again, and watch both ends' processes."""
    rows = [["what", "seconds", "laptop MB", "machine MB"]]
    claims = []
    with open_bed(run, python, rtt=0, rate=0) as bed:
        for number, (what, make) in enumerate(_TASKS.items()):
            folder = bed.home / f"memory-{number}"
            say(f"making {what}")
            make(folder)
            for task in (what, f"{what}, again without a change"):
                peaks = _row(bed, folder, task, rows)
                for side in ("laptop", "machine"):
                    claims.append(
                        Claim(f"{task}: peak on the {side}", peaks.get(side), _BOUND, " MB")
                    )
            shutil.rmtree(folder)
            shutil.rmtree(bed.workspace / folder.name, ignore_errors=True)
        return Report("memory", str(bed.link), [Table("Peak memory of one sync", rows)], claims)


def _row(bed: Bed, folder: Path, task: str, rows: list[list[str]]) -> dict[str, float]:
    """Sync *folder*, add to *rows* what it took, and return the peaks of both sides."""
    say(task)
    try:
        start = time.perf_counter()
        peaks = _watched(bed, folder)
        seconds = time.perf_counter() - start
        _check(bed, folder)
    except ToolFailed as error:
        rows.append([task, f"failed: {error}", "", ""])
        return {}
    rows.append([task, f"{seconds:.1f}", *(f"{peak:.0f}" for peak in peaks.values())])
    return peaks


def _watched(bed: Bed, folder: Path) -> dict[str, float]:
    """Sync *folder* and return the peak of each side in MB: of its Python processes together."""
    peaks: tuple[dict[int, float], dict[int, float]] = ({}, {})
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            for pids, peak in zip(bed.link.processes(), peaks, strict=True):
                for pid in pids:
                    if size := _peak(pid):
                        peak[pid] = size

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        bed.run(tools.colabdev(bed, "sync", "--large"), cwd=folder)
    finally:
        over.set()
        thread.join()
    return {
        side: sum(peak.values()) for side, peak in zip(("laptop", "machine"), peaks, strict=True)
    }


def _check(bed: Bed, folder: Path) -> None:
    if wrong := data.difference(folder, bed.workspace / folder.name):
        raise ToolFailed(f"a wrong copy: {wrong}")


def _peak(pid: int) -> float:
    """Return the largest size that the process *pid* has had, 0 for what is not colabdev's."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    ours = b"python" in command.split(b"\0")[0] and b"tcprelay" not in command
    return int(found[1]) * 1024 / 1e6 if found and ours else 0
