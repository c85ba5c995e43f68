"""The ngrok tunnel: pyngrok in the keeper's hands, with the token in a file of its own."""

import contextlib
import getpass
import json
import logging
import os
import re
import sys
import time
from collections.abc import Generator
from typing import Any

from colabdev.payload.cell.core import (
    HERE,
    CellError,
    Facts,
    _alive,
    _end,
    _free_port,
    _load,
    _run,
    _write,
)
from colabdev.payload.cell.install import _install
from colabdev.payload.cell.linux import _record
from colabdev.payload.cell.refusals import REFUSALS, REVOKED
from colabdev.payload.cell.secret import _colab_secret

VIA, PORTS, PATIENCE = "ngrok", (), 120


def _prepare(settings: list[Any]) -> None:  # noqa: ARG001 - the keeper asks for the address
    """Install pyngrok where it is missing, and write the token down for the keeper."""
    _install("pyngrok", "9.", "pyngrok>=9,<10", "PyYAML")
    given = os.environ.pop("NGROK_AUTHTOKEN", "")  # nothing started here may inherit it
    refused = _load("tunnel/state.json").get("code", "")[10:] in REVOKED.split()
    agent: Facts = {} if refused else _load("tunnel/ngrok.yml").get("agent", {})
    token = _colab_secret("NGROK_AUTHTOKEN") or given.strip() or agent.get("authtoken", "")
    if not token and ("ipykernel" in sys.modules or sys.stdin.isatty()):
        with contextlib.suppress(EOFError, NotImplementedError):  # nobody answers
            token = getpass.getpass("ngrok authtoken (not shown): ").strip()
    if not re.fullmatch(r"[!-~]+", token):
        step = "Put one from https://dashboard.ngrok.com into Colab's Secrets (the key icon)."
        raise CellError("There is no ngrok authtoken (NGROK_AUTHTOKEN).", step)
    _write("tunnel/ngrok.yml", {"version": 3, "agent": {**agent, "authtoken": token}})  # is YAML


def _hold(facts: Facts) -> Generator[Facts, None, None]:
    """Run an agent with one endpoint, ours, until it dies."""
    from pyngrok import conf, ngrok
    from pyngrok.exception import PyngrokError

    logging.disable()  # ngrok repeats a token it refuses, and pyngrok logs what ngrok says
    settings, agent = _load("tunnel/ngrok.yml"), None
    settings["agent"]["web_addr"] = f"127.0.0.1:{_free_port()}"
    program = os.environ.get("PYNGROK_NGROK_PATH") or f"{HERE}/tunnel/ngrok"
    file = _write("tunnel/ngrok.yml", settings)
    config = conf.PyngrokConfig(ngrok_path=program, config_path=file, request_timeout=20)
    public = {each: facts[each] for each in ("name", "user", "host_key", "boot_id", "root")}
    wanted: Facts = {"name": "colabdev", "proto": "tcp", "url": f"tcp://{facts['settings'][0]}"}
    wanted["metadata"] = json.dumps(public, ensure_ascii=False)
    wanted["upstream"] = {"url": f"127.0.0.1:{facts['port']}"}
    try:
        ours = ngrok.connect(pyngrok_config=config, **wanted)
        agent = _record(ngrok.get_ngrok_process(config).proc.pid)
        state: Facts = {"agent": agent, "program": _run(program, "version").strip()}
        while _alive(agent):  # it may move on its own, after it lost its connection
            for each in ngrok.api_request(f"{ours.api_url}/api/endpoints")["endpoints"]:
                if each["name"] == "colabdev":
                    state["address"] = each["url"].removeprefix("tcp://")
                else:  # the agent's API is open to whoever has a login on this machine
                    ngrok.api_request(f"{ours.api_url}{each['uri']}", "DELETE")
                    state["closed"] = f"Somebody here published {each['name']:.200}: closed."
            yield dict(state)
            time.sleep(2)
        raise CellError("ngrok's agent ended.", "It is started anew.")
    except (PyngrokError, OSError, ValueError, LookupError) as error:
        logs = [entry.line for entry in getattr(error, "ngrok_logs", [])]
        said = " ".join([str(error), getattr(error, "body", ""), *logs])
        said = " ".join(said.replace(settings["agent"]["authtoken"], "...").split())[:300]
        code = (re.findall(r"ERR_NGROK_\d+", said) or [""])[0]
        known = [known for codes, known in REFUSALS.items() if code[10:] in codes.split()]
        sentence, page = known[0] if known else (f"ngrok opens no tunnel: {said}", "agents")
        step = f"See https://dashboard.ngrok.com/{page} and run the cell again."
        raise CellError(f"{sentence} ({code or '-'})", step, code) from None
    finally:
        _end(agent)
        ngrok.kill(config)
