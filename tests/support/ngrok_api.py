"""A stand-in for ngrok's service: ``GET /endpoints`` of its API, on loopback, in pages of two."""

import contextlib
import http.server
import json
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any  # the service speaks JSON

from colabdev.remote.destination import ConnectString

KEY = "the-api-key"


@dataclass
class Account:
    """What the service knows and how it behaves; *asked* are the paths it was asked for."""

    endpoints: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # given first
    next_host: str = ""  # where the next page is said to be, for the wicked
    url: str = ""
    before: Callable[[], object] = lambda: None  # called with each question, before it is answered
    third: threading.Event = field(default_factory=threading.Event)  # it was asked three times

    def publish(self, where: ConnectString, name: str = "colab", created: str = "2026-01") -> None:
        """Put an endpoint on the account as the cell would."""
        there = where.destination
        told = {
            "name": name,
            "user": there.user,
            "host_key": there.host_key,
            "boot_id": where.boot_id,
            "root": where.root,
        }
        self.endpoints.append(
            {
                "id": f"ep_{len(self.endpoints)}",
                "url": f"tcp://{there.hostname}:{there.port}",
                "metadata": json.dumps(told),
                "created_at": created,
            }
        )


@contextlib.contextmanager
def serve() -> Iterator[Account]:
    """Lend an account behind a server that ends with the block."""
    account = Account()

    class Service(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            account.asked.append(self.path)
            account.before()
            if len(account.asked) >= 3:
                account.third.set()
            if account.refusals:
                status, headers = account.refusals.pop(0)
                self._answer(status, {"msg": "refused"}, headers)
            elif self.headers["Authorization"] != f"Bearer {KEY}":
                self._answer(401, {"error_code": "ERR_NGROK_206"}, {})
            else:
                assert self.headers["Ngrok-Version"] == "2"
                self._page()

        def _page(self) -> None:
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
            start = int(query.get("before_id", ["0"])[0])
            page = account.endpoints[start : start + 2]
            following = None
            if account.endpoints[start + 2 :]:
                host = account.next_host or account.url
                following = f"{host}/endpoints?before_id={start + 2}"
            self._answer(200, {"endpoints": page, "next_page_uri": following}, {})

        def _answer(self, status: int, body: dict[str, Any], headers: dict[str, str]) -> None:
            payload = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(payload))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Service) as server:
        account.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield account
        finally:
            server.shutdown()
            thread.join()
