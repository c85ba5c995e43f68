"""What a job may import, as ``colabdev_report``, to report what it measures.

Each call appends one JSON line to the file named in ``COLABDEV_REPORT`` and does nothing without
it. No call ever raises: a measurement must not be what ends somebody's training.
"""

import contextlib
import json
import math
import os
import time as clock
from typing import Any  # a row is JSON: anything goes in

_VERSION = 1
_DEEPEST = 8

# The values come from the user's own code, whose __float__ and __str__ may raise anything at all.
_harmless = contextlib.suppress(Exception)


def metric(
    metric: str,
    value: Any = None,
    *,
    case: str = "",
    unit: str = "",
    better: str = "none",
    device: Any = "",
    dtype: Any = "",
    replicates: Any = None,
    iqr: Any = None,
    skipped: str = "",
    exercise: str = "",
    step: Any = None,
    time: Any = None,
    rank: Any = None,
) -> None:
    """Report one number: whatever ``float()`` takes, or None when *skipped* says why there is none.

    *case* is the join key, the same on every machine; *better* is higher, lower or none.
    *replicates* counts the measurements that *value* is the median of, *iqr* is their
    interquartile range in *unit*. *time* is in seconds since 1970, by default now; *rank* is by
    default the ``RANK`` that torchrun sets.
    """
    with _harmless:
        row = {
            "metric": str(metric),
            "value": _number(value),
            "exercise": str(exercise),
            "case": str(case),
            "unit": str(unit),
            "better": str(better),
            "device": str(device),
            "dtype": str(dtype).rpartition("torch.")[2],
            "replicates": _whole(replicates),
            "iqr": _number(iqr),
            "skipped": str(skipped),
            "step": _whole(step),
            "time": clock.time() if time is None else _number(time),
            "rank": _whole(os.environ.get("RANK") if rank is None else rank),
        }
        _append("metric", {name: field for name, field in row.items() if field not in (None, "")})


def env(**fields: Any) -> None:
    """Report what the job runs on: versions, the device, whatever explains its numbers."""
    with _harmless:
        _append("env", fields)


def check(name: str, passed: Any, message: str = "") -> None:
    """Report whether the check *name* held; *message* says why not."""
    with _harmless:
        _append("check", {"name": str(name), "passed": bool(passed), "message": str(message)})


def note(text: str) -> None:
    """Report a remark."""
    with _harmless:
        _append("note", {"text": str(text)})


def done(**fields: Any) -> None:
    """Report that all there is to report is out."""
    with _harmless:
        _append("done", fields)


def _append(kind: str, fields: dict[str, Any]) -> None:
    path = os.environ.get("COLABDEV_REPORT")
    if not path:
        return
    row = {"v": _VERSION, "kind": kind}
    row.update((name, _plain(field)) for name, field in fields.items() if name not in row)
    line = json.dumps(row, allow_nan=False).encode() + b"\n"
    # Opened anew each time: right after a fork, in any thread, and no descriptor is left open.
    # One write to an O_APPEND file keeps the rows of several processes whole.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def _number(value: Any) -> float | str | None:
    if value is None:
        return None
    with _harmless:  # a scalar of numpy or torch; float() would warn of one that needs gradients
        value = value.item()
    with _harmless:
        number = float(value)
        return number if math.isfinite(number) else _spelled(number)
    return str(value)


def _whole(value: Any) -> int | None:
    with _harmless:
        return int(value)
    return None


def _plain(value: Any, depth: int = 0) -> Any:
    """Return *value* as JSON can carry it; what JSON does not know becomes a string."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        return value if math.isfinite(value) else _spelled(value)
    if depth < _DEEPEST and isinstance(value, dict):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if depth < _DEEPEST and isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    with _harmless:  # a scalar of numpy or torch
        return _plain(value.item(), _DEEPEST)
    return str(value)


def _spelled(number: float) -> str:
    """Return the name of a number that JSON has no word for."""
    return "nan" if math.isnan(number) else "inf" if number > 0 else "-inf"
