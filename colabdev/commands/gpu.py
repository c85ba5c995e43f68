"""``colabdev gpu``: what the GPUs of a runtime are doing right now."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from colabdev.errors import RemoteFailure
from colabdev.language import tr
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry
from colabdev.remote.transport import Transport, run

_FIELDS = "index,name,utilization.gpu,memory.used,memory.total,power.draw,power.limit"
_ASK = ("nvidia-smi", f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits")
_MEBIBYTE = 2**20
_MOST = 64 * 1024  # bytes of an answer that are looked at


@dataclass(frozen=True, slots=True)
class Sample:
    """One GPU at one moment (*time* in seconds since 1970).

    *use* in percent, memory in bytes, power in watts; None where the GPU does not tell.
    """

    time: float
    index: int
    name: str
    use: float | None
    memory_used: int | None
    memory_total: int | None
    power: float | None
    power_limit: float | None


def samples(alias: str | None, *, every: float | None = None) -> Iterator[list[Sample]]:
    """Yield how the GPUs of the runtime *alias* are, *every* so many seconds; once for None.

    All is asked over one connection.

    Raises:
        InputError: *alias* is not known.
        TransportError: it cannot be reached.
        RemoteFailure: (kind ``gpu``) it has none.
    """
    with reach(Registry().get(alias)) as transport:
        while True:
            yield _look(transport)
            if every is None:
                return
            time.sleep(every)


def _look(transport: Transport) -> list[Sample]:
    answer = run(transport, _ASK)
    rows = answer.stdout[:_MOST].decode(errors="replace").strip().splitlines()
    found = [sample for row in rows if (sample := _read(row))]
    if answer.code or not found:
        raise RemoteFailure(
            "gpu",
            tr("There is no GPU that answers on this runtime."),
            tr("In Colab: Runtime > Change runtime type > GPU; then run the cell again."),
        )
    return found


def _read(row: str) -> Sample | None:
    words = [word.strip() for word in row.split(",")]
    if len(words) != 7 or not words[0].isdigit():
        return None
    use, used, total, power, limit = map(_number, words[2:])
    return Sample(
        time.time(),
        int(words[0]),
        words[1],
        use,
        None if used is None else int(used * _MEBIBYTE),
        None if total is None else int(total * _MEBIBYTE),
        power,
        limit,
    )


def _number(word: str) -> float | None:
    try:
        value = float(word)
    except ValueError:  # [N/A], [Not Supported]
        return None
    return value if 0 <= value < 1e12 else None  # nan is not
