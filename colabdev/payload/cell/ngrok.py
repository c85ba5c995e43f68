"""The ngrok tunnel: pyngrok in the keeper's hands, with the token in a file of its own."""

import contextlib
import getpass
import json
import logging
import os
import re
import subprocess
import warnings
from typing import Any

from colabdev.payload.cell.core import (
    CellError,
    _born,
    _free_port,
    _load,
    _loopback,
    _path,
    _remove,
    _run,
    _save,
    _say,
)
from colabdev.payload.cell.install import _install
from colabdev.payload.cell.keeper import Held, Kept, TunnelLost
from colabdev.payload.cell.refusals import REFUSALS, RENEW
from colabdev.payload.cell.secret import _colab_secret


class Ngrok(Kept):
    """A TCP endpoint at ngrok: *reserved* (``host:port``), or a new one each time if empty."""

    via = "ngrok"

    def __init__(self, reserved: str) -> None:
        self.settings = [self.via, reserved]
        self.url = f"tcp://{reserved}"  # without an address ngrok chooses one
        self.given = os.environ.pop("NGROK_AUTHTOKEN", "")  # nothing started here may inherit it
        self.been_up = False

    def prepare(self) -> None:
        """Install pyngrok where it is missing, and keep the token for the keeper."""
        _install("pyngrok", "9.", "pyngrok>=9,<10")
        _install("PyYAML", "", "PyYAML")
        token = _ngrok_token(self.given)
        _save("tunnel/ngrok.yml", {"version": 3, "agent": {"authtoken": token}})  # JSON is YAML

    def failure(self, state: dict[str, Any]) -> CellError:
        """Return the sentence for ngrok's code; a token that it refused is forgotten."""
        code = state.get("code", "")
        sentence, step = REFUSALS.get(code, ("", ""))
        if step == RENEW:
            _remove("tunnel/ngrok.yml")  # so that the next run asks anew
        if sentence:
            return CellError(f"{sentence} ({code})", step)
        step, detail = "See https://ngrok.com/docs/errors and {log}.", state.get("detail") or "-"
        log = _path("tunnel/keeper.log")
        return CellError("ngrok opened no tunnel: {detail}", step, detail=detail, log=log)

    def address(self, facts: dict[str, Any]) -> str:
        """Return where the endpoint is, and tell of the agent and of what it had to close."""
        address, state = super().address(facts), _load("tunnel/state.json")
        _say("The agent is {version}.", version=state.get("version"))
        if closed := state.get("closed"):
            _say("Somebody here published {closed} by our ngrok agent: closed.", closed=closed)
        return address

    def hold(self, facts: dict[str, Any]) -> Held:
        """Run an agent with one endpoint, ours, until it dies."""
        from pyngrok import conf, ngrok
        from pyngrok.exception import PyngrokError

        logging.disable()  # ngrok repeats a token it refuses, and pyngrok logs what ngrok says
        settings, public = (
            _load("tunnel/ngrok.yml"),
            ("name", "user", "host_key", "boot_id", "root"),
        )
        config = conf.PyngrokConfig(
            ngrok_path=os.environ.get("PYNGROK_NGROK_PATH") or _path("tunnel/ngrok"),
            config_path=_path("tunnel/ngrok.yml"),
            start_new_session=True,
            request_timeout=20,
        )
        agent, news = None, dict[str, Any]()
        try:
            settings["agent"]["web_addr"] = f"127.0.0.1:{_free_port()}"
            _save("tunnel/ngrok.yml", settings)
            tunnel = ngrok.connect(
                proto="tcp",
                name="colabdev",
                upstream={"url": _loopback(facts)},
                url=self.url,
                metadata=json.dumps({each: facts[each] for each in public}, ensure_ascii=False),
                pyngrok_config=config,
            )
            agent, api = ngrok.get_ngrok_process(config).proc, f"{tunnel.api_url}/api/endpoints"
            news["version"] = _run([config.ngrok_path, "version"]).stdout.strip()
            while agent.poll() is None:  # it may move on its own, after it lost its connection
                for each in ngrok.api_request(api, timeout=20)["endpoints"]:
                    if each["name"] == "colabdev":
                        address = each["url"].removeprefix("tcp://")
                        continue
                    # The agent's API is open to whoever has a login on this machine.
                    ngrok.api_request(f"{tunnel.api_url}{each['uri']}", "DELETE", timeout=20)
                    news["closed"] = f"{each['name']} ({each['url']})"[:200]
                self.been_up = True
                yield address, [agent.pid, _born(agent.pid)], news
                with contextlib.suppress(subprocess.TimeoutExpired):
                    agent.wait(2)
        except (PyngrokError, OSError, ValueError, LookupError) as error:
            raise self._lost(error, settings["agent"]["authtoken"]) from None
        finally:
            if agent is not None:
                agent.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    agent.wait(5)
            ngrok.kill(config)

    def _lost(self, error: Exception, token: str) -> TunnelLost:
        logs = [entry.line for entry in getattr(error, "ngrok_logs", [])]
        said = " ".join([str(error), getattr(error, "body", ""), *logs]).replace(token, "...")
        found = re.search(r"ERR_NGROK_\d+", said)
        code = found[0] if found else ""
        # ngrok counts an agent that just died for a while: the new one may find itself too many,
        # or its reserved address taken.
        passing = ("ERR_NGROK_108", "ERR_NGROK_702", "ERR_NGROK_334")
        final = bool(code) and not (self.been_up and (code not in REFUSALS or code in passing))
        return TunnelLost(" ".join(said.split())[:300], code, final)


def _ngrok_token(given: str) -> str:
    """Return the authtoken: from Colab's Secrets, the environment, an earlier run, or the user."""
    earlier = _load("tunnel/ngrok.yml").get("agent", {}).get("authtoken", "")
    token = _colab_secret("NGROK_AUTHTOKEN") or given.strip() or earlier
    if not token:
        nobody = (EOFError, NotImplementedError, getpass.GetPassWarning)  # is there to answer
        with contextlib.suppress(*nobody), warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # it would show the token
            token = getpass.getpass("ngrok authtoken (not shown): ").strip()
    if not re.fullmatch(r"[!-~]+", token):
        step = "Put one from https://dashboard.ngrok.com into Colab's Secrets (the key icon)."
        raise CellError("There is no ngrok authtoken (NGROK_AUTHTOKEN).", step)
    return token
