"""The keeper: a small process of its own that holds a tunnel, and the same tunnel's user side."""

import contextlib
import hashlib
import linecache
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from typing import Any

from colabdev.payload.cell.core import (
    CellError,
    Tunnel,
    _alive,
    _born,
    _end_tunnel,
    _handed_on,
    _load,
    _path,
    _private,
    _save,
    _say,
    _wait_for,
    _write,
)

Held = Generator[tuple[str, list[Any], dict[str, Any]], None, None]


class TunnelLost(Exception):
    """The tunnel is not there: why, by what code, and whether trying again is of no use."""

    def __init__(self, detail: str, code: str = "", final: bool = False) -> None:
        super().__init__(detail)
        self.state = {"status": "failed" if final else "starting", "code": code, "detail": detail}


class Kept(Tunnel):
    """A tunnel that a keeper holds: it outlives interrupts and restarts of the notebook."""

    idle: Any = None  # the piece `idle`, where the user asked for it
    patience, longest_pause = 120, 60  # seconds: for the first address, and between two attempts

    def released(self, idle: Any) -> "Kept":
        """Return this tunnel, whose keeper gives the VM back when nobody uses it."""
        self.idle, self.settings = idle, [*self.settings, idle.minutes]
        return self

    def prepare(self) -> None:
        """See to all that a keeper needs; this may install, and ask the user."""

    def hold(self, facts: dict[str, Any]) -> Held:
        """Open the tunnel; yield its address, its process and news of it every few seconds."""
        raise NotImplementedError

    def failure(self, state: dict[str, Any]) -> CellError:
        """Return what to tell the user of a tunnel that did not come up."""
        sentence, step = "The {via} tunnel did not open: {detail}", "Its log is {log}."
        detail, log = state.get("detail") or "-", _path("tunnel/keeper.log")
        return CellError(sentence, step, via=self.via, detail=detail, log=log)

    def address(self, facts: dict[str, Any]) -> str:
        """Return where the tunnel leads from, after starting a keeper unless one is there."""
        if not _alive(facts.get("keeper")) or facts.get("kept") != self.settings:
            _end_tunnel(facts)
            self.prepare()
            _say("Opening the {via} tunnel.", via=self.via)
            facts["keeper"], facts["kept"] = _start_keeper(), self.settings
            _save("runtime.json", facts)

        def settled() -> bool:
            state = _load("tunnel/state.json")
            up = state.get("status") == "up" and _alive(state["agent"])  # not one that just died
            return up or state.get("status") == "failed" or not _alive(facts["keeper"])

        _wait_for(settled, self.patience)
        state = _load("tunnel/state.json")
        if state.get("status") != "up":
            _end_tunnel(facts)
            raise self.failure(state)
        return str(state["address"])

    def keep(self) -> None:
        """Hold the tunnel until told to end (SIGTERM), opening it anew whenever it is lost."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        me, delay, state = [os.getpid(), _born(os.getpid())], 1, dict[str, Any]()
        if not _wait_for(lambda: _load("runtime.json").get("keeper") == me, 10):
            return  # the cell was interrupted before it took note of this process
        if self.idle:
            threading.Thread(target=self.idle.watch, daemon=True).start()
        while state.get("status") != "failed":
            _save("tunnel/state.json", {**state, "status": "starting"})
            try:
                with contextlib.closing(self.hold(_load("runtime.json"))) as moments:
                    for address, agent, news in moments:
                        state = {"status": "up", "address": address, "agent": agent, **news}
                        _save("tunnel/state.json", state)
                        delay = 1
            except TunnelLost as lost:
                state = lost.state
                _save("tunnel/state.json", state)
                print(state["detail"], flush=True)
            time.sleep(delay)
            delay = min(2 * delay, self.longest_pause)


def _start_keeper() -> list[Any]:
    """Start this very text as a process of its own; return its pid and start time."""
    source = "".join(linecache.getlines(_start_keeper.__code__.co_filename))
    if not source:
        step = "Paste it into a cell of its own, without a %%magic line, and run it again."
        raise CellError("The cell cannot find its own text.", step)
    program = f"payload/cell-{hashlib.sha256(source.encode()).hexdigest()[:12]}.py"
    _write(program, source)
    with open(_path("tunnel/keeper.log"), "w", opener=_private) as log:
        keeper = subprocess.Popen(
            [sys.executable, _path(program), "keep"],
            env=_handed_on(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return [keeper.pid, _born(keeper.pid)]
