"""The runtimes on the user's ngrok account, found by what their cells wrote there."""

import contextlib
import http.client
import json
import os
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any  # the service speaks JSON

from colabdev.errors import ConfigError, HostKeyMismatch, HostUnreachable, InputError
from colabdev.language import tr
from colabdev.remote.destination import ConnectString, Destination
from colabdev.remote.runtime import Registry, Runtime, check_alias
from colabdev.remote.sshconfig import write_ssh_files
from colabdev.settings import setting

_SERVICE = "https://api.ngrok.com"
_TIMEOUT = 20.0  # seconds for each request, and for each answer as a whole
_MOST_PAGES = 50
_MOST_BYTES = 4 * 1024 * 1024
_LONGEST_WAIT = 60.0  # seconds that the service may ask us to wait
_BANNER_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Found:
    """An endpoint that a cell opened: what it calls itself, where it is, and since when."""

    name: str
    where: ConnectString
    created: str


def api_key() -> str:
    """Return the key for ngrok's API that the user has set, else ``""``."""
    return str(setting("ngrok_api_key").value or "")


def search(
    key: str, *, sleep: Callable[[float], None] | None = time.sleep, timeout: float = _TIMEOUT
) -> list[Found]:
    """Return the runtimes that the account of *key* knows, the newest first.

    When the service asks to wait (429) that is done with *sleep*; None gives up instead. *timeout*
    is how many seconds it has to answer, and again to be through with its answer.

    Raises:
        ConfigError: ngrok does not know the key.
        HostUnreachable: the service does not answer, or with something else.
    """
    known = (_found(each) for each in _endpoints(_Service(key, sleep, timeout)))
    return sorted((one for one in known if one), key=lambda one: one.created, reverse=True)


def greets(destination: Destination) -> bool:
    """Tell whether an SSH server answers at *destination* (RFC 4253, section 4.2)."""
    place = (destination.hostname, destination.port)
    with contextlib.suppress(OSError), socket.create_connection(place, _BANNER_TIMEOUT) as line:
        return line.makefile("rb").readline(256).startswith(b"SSH-2.0-")
    return False


def check_forged(found: Found, known: Sequence[Runtime]) -> None:
    """Refuse *found* when one of *known* has the same life and another host key.

    Raises:
        HostKeyMismatch: the host key of one life of a machine never changes.
    """
    for runtime in known:
        same_life = runtime.boot_id == found.where.boot_id and runtime.destination
        if same_life and same_life.host_key != found.where.destination.host_key:
            raise HostKeyMismatch(
                tr(
                    "An endpoint on your ngrok account calls itself {alias} and shows another "
                    "host key than that machine has. Nothing was sent to it.",
                    alias=runtime.alias,
                ),
                tr("Look who may publish there: https://dashboard.ngrok.com/endpoints"),
            )


def follow(runtime: Runtime) -> Runtime | None:
    """Return *runtime* at the address it has moved to, recorded; None when that is not known.

    Only the same life of the same machine is followed, its host key included.
    """
    there = runtime.destination
    if there is None or there.via != "ngrok" or not (key := api_key()):
        return None
    try:
        candidates = search(key, sleep=None)
    except (ConfigError, HostUnreachable):
        return None  # that the old address fails is what the user needs to hear
    for found in candidates:
        new = found.where.destination
        same = found.where.boot_id == runtime.boot_id and new.host_key == there.host_key
        if same and (new.hostname, new.port) != (there.hostname, there.port) and greets(new):
            registry = Registry()
            if moved := registry.move(runtime, new):
                write_ssh_files(registry)
            return moved
    return None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: the key is for this service alone."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True, slots=True)
class _Service:
    """How ngrok's API is asked; see `search`."""

    key: str
    sleep: Callable[[float], None] | None
    timeout: float


def _endpoints(service: _Service) -> Iterator[dict[str, Any]]:
    base = os.environ.get("COLABDEV_NGROK_API", _SERVICE)
    url: str | None = f"{base}/endpoints?limit=100"
    for _ in range(_MOST_PAGES):
        if not url:
            return
        page = _page(url, service)
        listed = page.get("endpoints", [])
        yield from (each for each in listed if isinstance(each, dict))
        url = page.get("next_page_uri")
        if url and not _same_place(str(url), base):
            raise _strange()


def _same_place(url: str, base: str) -> bool:
    one, other = urllib.parse.urlsplit(url), urllib.parse.urlsplit(base)
    return (one.scheme, one.netloc) == (other.scheme, other.netloc)


def _page(url: str, service: _Service) -> dict[str, Any]:
    host = urllib.parse.urlsplit(url).hostname
    if not url.startswith("https://") and host not in ("127.0.0.1", "localhost"):
        raise ConfigError(tr("ngrok's API is asked over https alone."), tr("Mend the address."))
    headers = {"Authorization": f"Bearer {service.key}", "Ngrok-Version": "2"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme was checked
    opener = urllib.request.build_opener(_NoRedirect)
    for last in (False, False, True):
        try:
            with opener.open(request, timeout=service.timeout) as answer:
                body = _read(answer, service.timeout)
            page = json.loads(body) if len(body) <= _MOST_BYTES else None
        except urllib.error.HTTPError as error:
            with error:
                pause = _pause(error)
            if error.code in (401, 403):
                raise ConfigError(
                    tr("ngrok does not know this API key."),
                    tr(
                        "An API key is another thing than the authtoken: make one at "
                        "https://dashboard.ngrok.com/api-keys"
                    ),
                ) from error
            if error.code != 429 or last or service.sleep is None:
                raise _unanswered(f"HTTP {error.code}") from error
            service.sleep(pause)
        except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
            raise _unanswered(str(getattr(error, "reason", error))) from error
        else:
            if not isinstance(page, dict) or not isinstance(page.get("endpoints"), list):
                raise _strange()
            return page
    raise _strange()


def _read(answer: http.client.HTTPResponse, seconds: float) -> bytes:
    """Return the body of *answer* up to one byte more than we take; TimeoutError if it trickles."""
    body, deadline = b"", time.monotonic() + seconds
    while len(body) <= _MOST_BYTES and (chunk := answer.read1(_MOST_BYTES)):
        body += chunk
        if time.monotonic() > deadline:
            raise TimeoutError("timed out")
    return body


def _pause(error: urllib.error.HTTPError) -> float:
    asked = error.headers.get("Retry-After", "")
    return min(float(asked), _LONGEST_WAIT) if asked.isdecimal() else 5.0


def _unanswered(reason: str) -> HostUnreachable:
    return HostUnreachable(
        tr("ngrok's API does not answer: {reason}.", reason=reason[:200]),
        tr("Try again, or connect with the string that the cell prints."),
    )


def _strange() -> HostUnreachable:
    return _unanswered(tr("what came is no list of endpoints"))


def _found(endpoint: dict[str, Any]) -> Found | None:
    """Return what an *endpoint* of ours says; what is not ours, or is damaged, is None."""
    try:
        told = json.loads(endpoint["metadata"])
        name, user, key, boot_id, root = (
            told[field] for field in ("name", "user", "host_key", "boot_id", "root")
        )
        address = endpoint.get("url") or endpoint["public_url"]
        place = urllib.parse.urlsplit(address)
        destination = Destination(user, str(place.hostname), place.port or 0, key, "ngrok")
        # What stands there passes the gate that a pasted string passes.
        where = ConnectString.parse(str(ConnectString(destination, boot_id, root)))
        created = str(endpoint.get("created_at", ""))
        check_alias(name)
    except (InputError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return Found(name, where, created) if place.scheme == "tcp" else None
