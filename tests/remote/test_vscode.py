"""What VS Code's Remote-SSH does with our files: its own parser, and its own handshake."""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from colabdev import paths
from colabdev.remote import sshconfig
from colabdev.remote.destination import ConnectString, Destination
from colabdev.remote.runtime import Registry, Runtime
from tests.remote.keys import fresh_ed25519
from tests.support.node import Node, node
from tests.support.runtime import StartedRuntime

KEY = fresh_ed25519()
OURS = "/home/me/내 state/ssh/config"
LINE = f'Include "{OURS}"'

BLOCKS = st.lists(
    st.sampled_from(
        [
            "Host *\n  ServerAliveInterval 7\n  User mallory\n",
            "Host work w*rk !colab\n\tPort 2222\n\tHostName=work.example.com\n",
            "# a comment\n\n",
            "Host colab2\n  IdentityFile ~/.ssh/other\n  Port 9\n",
            "Match all\n  ForwardAgent yes\n",
            "Include ~/.orbstack/ssh/config\n",
            "\n  # indented\nCompression yes\n",
            'Host "with quotes"\n  ProxyCommand sh -c "nc %h %p"\n',
        ]
    ),
    max_size=5,
)


@pytest.fixture(scope="module")
def parse() -> Iterator[Node]:
    """Lend Remote-SSH's parser: top-level Includes, hosts in order, and what holds for one."""
    with node(
        "import SSHConfig from 'ssh-config';",
        "({text, alias}) => { const config = SSHConfig.parse(text);"
        " const top = config.filter(line => line.type === 1);"
        " const section = line => /^(host|match)$/i.test(line.param);"
        " const first = top.findIndex(section);"
        " const head = first < 0 ? top : top.slice(0, first);"
        " return {includes: head.filter(line => /^include$/i.test(line.param)).map(x => x.value),"
        " hosts: top.filter(line => line.param === 'Host').map(line => line.value),"
        " computed: alias ? config.compute(alias) : {}, text: config.toString()}; }",
    ) as function:
        yield function


@given(BLOCKS, st.sampled_from(["\n", "\r\n"]))
@example([], "\n")
def test_remote_ssh_follows_our_include(parse: Node, blocks: list[str], newline: str) -> None:
    """The line is the first one above every Host, so that the hosts in it are listed."""
    text = "".join(blocks).replace("\n", newline)
    before = parse({"text": text})
    after = parse({"text": sshconfig.with_include(text.encode(), LINE).decode()})
    assert _bare(after["includes"][0]) == OURS
    assert after["includes"][1:] == before["includes"]
    assert after["hosts"] == before["hosts"]
    assert after["text"].endswith(before["text"])


def test_remote_ssh_reads_our_blocks(parse: Node, home: Path) -> None:
    """Each runtime is listed with its host, port, user and key, as Remote-SSH computes them."""
    registry = Registry()
    for number, alias in enumerate(("colab", "Second.one"), 1):
        there = Destination("root", f"{number}.tcp.ngrok.io", 1000 + number, KEY, "ngrok")
        registry.put(Runtime(alias, there, "0" * 32, "/content", f"2026-01-0{number}T00:00:00Z"))
    sshconfig.write_ssh_files(registry)
    text = paths.ssh_config_file().read_text()
    for number, alias in enumerate(("colab", "Second.one"), 1):
        read = parse({"text": text, "alias": alias})
        assert sorted(read["hosts"]) == ["Second.one", "colab"]
        found = read["computed"]
        assert found["HostName"] == f"{number}.tcp.ngrok.io"
        assert found["Port"] == str(1000 + number)
        assert found["User"] == "root"
        key = found["IdentityFile"]
        assert _bare(key if isinstance(key, str) else key[0]) == str(paths.key_file())


def _bare(value: object) -> str:
    text = value if isinstance(value, str) else str(value[0])  # type: ignore[index]  # a list
    return text.strip('"')


@settings(max_examples=30)
@given(BLOCKS)
def test_ssh_goes_where_we_say_whatever_the_user_has(blocks: list[str]) -> None:
    """By ``ssh -G`` over generated configs, host, port, user and key of ours always count."""
    if any("Include" in block for block in blocks):
        blocks = [block for block in blocks if "Include" not in block]
    there = Destination("root", "0.tcp.ngrok.io", 12345, KEY, "ngrok")
    runtime = Runtime("colab", there, "0" * 32, "/content", "2026-01-01T00:00:00+00:00")
    Registry().put(runtime)
    sshconfig.write_ssh_files(Registry())
    config = paths.user_ssh_config()
    config.parent.mkdir(mode=0o700, exist_ok=True)
    text = sshconfig.with_include("".join(blocks).encode(), sshconfig.include_line())
    config.write_bytes(text)
    asked = subprocess.run(
        ["ssh", "-G", "-F", config, "colab"], capture_output=True, text=True, check=True
    )
    for line in (
        "hostname 0.tcp.ngrok.io",
        "port 12345",
        "user root",
        "forwardagent no",
        f"identityfile {paths.key_file()}",
    ):
        assert re.search(rf"^{re.escape(line)}$", asked.stdout, re.MULTILINE), line


_SERVER = """
echo "shell:$0:$COLABDEV_RUNTIME"
exec python3 -c '
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    print("listening:%d" % server.getsockname()[1], flush=True)
    visitor, _ = server.accept()
    visitor.sendall(b"hello " + visitor.recv(100))
'
"""


@pytest.mark.sshd
def test_the_handshake_of_remote_ssh(machine: StartedRuntime, address: ConnectString) -> None:
    """``ssh -T -D PORT ALIAS bash``: a script on stdin, and a SOCKS port that leads to its server.

    This is how Remote-SSH starts its server and reaches it.
    """
    if shutil.which("bash") is None:
        pytest.skip("there is no bash here")
    Registry().put(
        Runtime("colab", address.destination, address.boot_id, address.root, "2026-01-01")
    )
    sshconfig.write_ssh_files(Registry())
    sshconfig.ensure_include()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["ssh", "-F", str(paths.user_ssh_config()), "-o", "BatchMode=yes"]
    with subprocess.Popen(
        [*words, "-T", "-D", str(port), "colab", "bash"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as ssh:
        assert ssh.stdin
        assert ssh.stdout
        ssh.stdin.write(_SERVER)
        ssh.stdin.close()
        ssh.stdin = None
        assert ssh.stdout.readline() == f"shell:bash:{machine.home / '.colabdev'}\n"
        name, _, there = ssh.stdout.readline().partition(":")
        assert name == "listening"
        with socket.create_connection(("127.0.0.1", port), 30) as link:
            link.sendall(b"\x05\x01\x00")  # SOCKS 5 without a login (RFC 1928)
            assert link.recv(2) == b"\x05\x00"
            link.sendall(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + int(there).to_bytes(2, "big"))
            assert link.recv(10)[:2] == b"\x05\x00"
            link.sendall(b"VS Code")
            assert link.makefile("rb").read() == b"hello VS Code"
        assert ssh.wait(timeout=30) == 0
