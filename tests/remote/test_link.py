"""The link: one background connection, noticed and replaced whenever it is not as it should be."""

import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from colabdev import errors
from colabdev.errors import ConnectionLost, HostKeyMismatch, RemoteFailure, TransportError
from colabdev.remote.destination import ConnectString
from colabdev.remote.link import client, place, trunk, wire
from colabdev.remote.link.client import LinkProcess, LinkTransport
from colabdev.remote.link.server import Link
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry, Runtime
from colabdev.remote.ssh import SSHTransport
from colabdev.remote.transport import run
from tests.remote.keys import fresh_ed25519
from tests.remote.relay import relay_to
from tests.support.far import until
from tests.support.link import end_link, link_process

sshd = pytest.mark.sshd


@sshd
def test_a_killed_link_is_a_lost_connection_and_is_replaced(runtime: Runtime) -> None:
    """Who holds a channel hears ConnectionLost; the next command has a new link."""
    with reach(runtime) as transport:
        process = transport.start(["sh", "-c", "echo first; exec cat"])
        assert process.read() == b"first\n"
        first = link_process()
        os.kill(first.pid, 9)
        for call in (process.read, process.wait, lambda: process.write(b"x")):
            with pytest.raises(ConnectionLost):
                call()
        process.close()
        assert place.place("colab").socket.exists(), "it left its socket behind"
        assert run(transport, ["echo", "again"]).stdout == b"again\n"
        assert link_process().pid != first.pid


@sshd
def test_commands_that_start_at_once_share_one_link(runtime: Runtime) -> None:
    """Four processes find no link and start one; there is one connection, and all are served."""
    code = (
        "from colabdev.remote.reach import reach\n"
        "from colabdev.remote.runtime import Registry\n"
        "from colabdev.remote.transport import run\n"
        "with reach(Registry().get('colab')) as transport:\n"
        "    print(run(transport, ['sh', '-c', 'echo $PPID']).stdout.decode())\n"
        "    assert transport._own is None"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    told = {process.communicate()[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert len(told) == 1, "the far side saw several connections"
    link_process()


@sshd
def test_what_was_announced_is_started_once(runtime: Runtime, folder: Path) -> None:
    """It runs before anybody waits for it; the `start` of just that takes it up, and ends else."""
    mark, other = folder / "mark", folder / "other"
    words = ["sh", "-c", f"echo x >> '{mark}'; cat; echo ended >> '{mark}'"]
    with reach(runtime) as transport:
        assert isinstance(transport, LinkTransport)
        transport.announce(words)  # there is no link yet, and none is made for this
        assert not place.place("colab").socket.exists()
        run(transport, ["true"])
        transport.announce(words)
        until(mark.exists)
        process = transport.start(words)
        process.write(b"through")
        assert process.read() == b"through"
        process.close_stdin()
        assert process.wait() == 0
        assert mark.read_text() == "x\nended\n"
        process.close()
        mark.unlink()
        transport.announce(words)
        until(mark.exists)
        assert run(transport, ["sh", "-c", f"echo other > '{other}'"]).code == 0
        assert other.read_text() == "other\n"
        transport.announce(words)  # left at the end, when it is not wanted
    with reach(runtime) as transport:
        assert run(transport, ["echo", "after"]).stdout == b"after\n"


@sshd
def test_an_announcement_that_was_lost_is_made_again(runtime: Runtime) -> None:
    """The link ends between the announcement and the start: another one starts it."""
    with reach(runtime) as transport:
        assert isinstance(transport, LinkTransport)
        run(transport, ["true"])
        transport.announce(["echo", "said"])
        os.kill(link_process().pid, 9)
        done = None
        for _ in range(2):  # what had been accepted already is lost, as ever
            try:
                done = run(transport, ["echo", "said"])
                break
            except ConnectionLost:
                continue
        assert done is not None
        assert done.stdout == b"said\n"


@sshd
def test_without_a_link_it_goes_direct(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """COLABDEV_LINK=0 dials a connection of the command's own and starts nothing."""
    monkeypatch.setenv("COLABDEV_LINK", "0")
    with reach(runtime) as transport:
        assert isinstance(transport, SSHTransport)
        assert run(transport, ["echo", "direct"]).stdout == b"direct\n"
    assert not place.place("colab").folder.exists()


@sshd
def test_the_flag_goes_direct_as_well(runtime: Runtime, folder: Path) -> None:
    """``--no-link`` on the command line: the job runs to its own exit code, and no link is made."""
    words = ["run", "--no-link", "--on", "colab", "--", "sh", "-c", "cat line; exit 5"]
    (folder / "line").write_text("a line\n")
    done = subprocess.run(
        [sys.executable, "-m", "colabdev", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert (done.returncode, done.stdout) == (5, "a line\n"), done.stderr
    assert not place.place("colab").folder.exists()


@sshd
def test_errors_cross_as_their_kinds(runtime: Runtime) -> None:
    """A foreign host key stays HostKeyMismatch, with both fingerprints and no retry."""
    assert runtime.destination
    foreign = replace(runtime, destination=replace(runtime.destination, host_key=fresh_ed25519()))
    Registry().put(foreign)
    with reach(foreign) as transport:
        with pytest.raises(HostKeyMismatch) as caught:
            transport.start(["true"])
        assert "was expected" in caught.value.message
        assert isinstance(transport, LinkTransport)
        assert transport._own is None
    Registry().put(runtime)  # the link looks where the machine is by now
    with reach(runtime) as transport:
        assert run(transport, ["echo", "right"]).stdout == b"right\n"


@sshd
def test_errors_come_in_the_language_of_who_asked(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever started the link, and whatever they spoke."""
    assert runtime.destination
    with reach(runtime) as transport:
        assert run(transport, ["echo", "up"]).stdout == b"up\n"
    link = link_process()
    foreign = replace(runtime, destination=replace(runtime.destination, host_key=fresh_ed25519()))
    Registry().put(foreign)
    for language, words in (("ko", "다른 머신이"), ("en", "Another machine")):
        monkeypatch.setenv("LANGUAGE", language)
        with reach(foreign) as transport, pytest.raises(HostKeyMismatch) as caught:
            transport.start(["true"])
        assert words in caught.value.message
    assert link_process() == link


@sshd
def test_a_moved_tunnel(runtime: Runtime) -> None:
    """A cut is told to who listens; with the new address in the registry the link finds it."""
    assert runtime.destination
    with relay_to(runtime.destination.port) as relay:
        here = replace(runtime, destination=replace(runtime.destination, port=relay.port))
        Registry().put(here)
        with reach(here) as transport:
            process = transport.start(["cat"])
            link = link_process()
            relay.move()
            with pytest.raises(ConnectionLost):
                process.read()
            process.close()
            there = replace(here, destination=replace(runtime.destination, port=relay.port))
            Registry().put(there)
        with reach(there) as transport:
            assert run(transport, ["echo", "moved"]).stdout == b"moved\n"
        assert link_process() == link
        with reach(here) as transport, pytest.raises(TransportError):
            transport.start(["true"])  # one that still means the old address is not misled
        end_link()


@sshd
def test_a_forgotten_runtime_has_no_link(runtime: Runtime) -> None:
    """When the registry names it no more, the link lets go by itself."""
    with reach(runtime) as transport:
        assert run(transport, ["true"]).code == 0
        Registry().forget("colab")
        until(lambda: not place.place("colab").socket.exists())


@sshd
def test_an_idle_link_ends(runtime: Runtime, folder: Path) -> None:
    """It ends once the clock says that nobody has needed it, and not while a channel is lent."""
    clock = [0.0]
    spot = place.Place(folder / "link", "idle")
    link = Link("colab", spot, place.listen(spot), idle=600, now=lambda: clock[0])
    serving = threading.Thread(target=link.serve)
    serving.start()
    words = wire.VERSION + b"\n"
    request = f'{{"do": "start", "argv": ["cat"], "connect": "{_connect(runtime)}"}}'
    line = client.Line(place.dial(spot))
    line.send(words + wire.pack(b"R", request.encode()), 60)
    assert line.receive(60) == (b"H", wire.VERSION)
    assert line.receive(60) == (b"A", b"")
    process = LinkProcess(line, "colab")
    clock[0] = 5000.0
    process.write(b"still here")
    assert process.read() == b"still here"
    serving.join(timeout=1.5)
    assert serving.is_alive(), "a lent channel is no idleness"
    process.close()
    for _ in range(500):
        if link._visitors == 0:
            break
        time.sleep(0.01)
    clock[0] += 601
    serving.join(timeout=20)
    assert not serving.is_alive()
    assert not spot.socket.exists()


def _connect(runtime: Runtime) -> str:
    assert runtime.destination
    return str(ConnectString(runtime.destination, runtime.boot_id, runtime.root))


@sshd
def test_another_versions_link_makes_room(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command of another colabdev gets a link of its own; who is served stays served."""
    with reach(runtime) as transport:
        process = transport.start(["cat"])
        old = link_process()
        with monkeypatch.context() as patch:
            patch.setattr(wire, "VERSION", b"0.0.0/0")  # a constant that no link of today has
            assert client.ask(runtime, {"do": "start", "argv": ["true"]}, spawn=False) is None
        until(lambda: not place.place("colab").socket.exists())
        process.write(b"kept")
        assert process.read() == b"kept"
        process.close()
        old.wait(timeout=20)


@sshd
def test_a_hanging_link_is_left_alone_and_replaced(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link that says nothing costs one command a moment; it goes direct, the next starts anew."""
    with reach(runtime) as transport:
        run(transport, ["true"])
    hanging = link_process()
    hanging.suspend()
    with monkeypatch.context() as patch, reach(runtime) as transport:
        patch.setattr(client, "_GREETING", 0.3)  # how long it waits for a word, shortened
        assert run(transport, ["echo", "direct"]).stdout == b"direct\n"
        assert isinstance(transport, LinkTransport)
        assert transport._own is not None
    with reach(runtime) as transport:
        assert run(transport, ["echo", "new"]).stdout == b"new\n"
        assert isinstance(transport, LinkTransport)
    hanging.resume()
    hanging.wait(timeout=20)
    link_process()


@sshd
def test_a_hanging_link_takes_no_large_request(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its socket has no room for is not waited for without end."""
    with reach(runtime) as transport:
        run(transport, ["true"])
    hanging = link_process()
    hanging.suspend()
    with monkeypatch.context() as patch:
        patch.setattr(client, "_GREETING", 0.3)  # how long it waits for a word, shortened
        large = {"do": "start", "argv": ["true", "x" * 2_000_000]}
        assert client.ask(runtime, large, spawn=False) is None
    assert not place.place("colab").socket.exists()
    hanging.resume()
    hanging.wait(timeout=20)


@sshd
def test_a_connection_that_died_in_the_laptops_sleep(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first command afterwards gets a new one, and waits for no keep-alive; a living one stays.

    A sleep is made of a last word that lies long back, by a clock that goes on meanwhile.
    """
    assert runtime.destination
    monkeypatch.setattr(trunk, "_SIGN", 0.5)  # how long it waits for a sign of life, shortened
    with relay_to(runtime.destination.port) as relay:
        moved = replace(runtime, destination=replace(runtime.destination, port=relay.port))
        Registry().put(moved)
        link = trunk.Trunk("colab")
        request = {"do": "start", "argv": ["true"], "connect": _connect(moved)}
        try:
            link.lend(request)
            first = link._transport
            assert first
            first._client.meter.heard -= 3600
            link.lend(request)
            assert link._transport is first
            first._client.meter.heard -= 3600
            relay.freeze()
            link.lend(request)
            assert link._transport is not first
            assert not first.is_alive()
        finally:
            link.close()


@sshd
def test_more_channels_than_the_machine_opens(runtime: Runtime) -> None:
    """66 commands at once all run, those beyond the machine's limit on a second connection."""
    with reach(runtime) as transport:
        processes = [transport.start(["cat"]) for _ in range(66)]
        for number, process in enumerate(processes):
            process.write(f"this is {number}".encode())
            process.close_stdin()
        for number, process in enumerate(processes):
            assert process.read() == f"this is {number}".encode()
            assert process.wait() == 0
            process.close()


@sshd
def test_an_unread_flood_stops_nobody_else(runtime: Runtime) -> None:
    """Beside a channel whose megabytes nobody takes, a lone line arrives."""
    with reach(runtime) as transport:
        flood = transport.start(["head", "-c", "50000000", "/dev/zero"])
        assert flood.read(1) == b"\0"
        assert run(transport, ["echo", "alone"]).stdout == b"alone\n"
        size = 1
        while chunk := flood.read():
            size += len(chunk)
        assert size == 50_000_000
        flood.close()


@pytest.mark.parametrize("unix", [True, False])
def test_a_place_lends_itself_to_its_user(folder: Path, unix: bool) -> None:
    """What is said at one end arrives at the other, over a socket with a path and over loopback."""
    spot = place.Place(folder / "link", "name", unix)
    with place.listen(spot) as listener:
        near: list[socket.socket] = []
        dialling = threading.Thread(target=lambda: near.append(place.dial(spot)))
        dialling.start()
        visitor, _ = listener.accept()
        place.admit(visitor, spot)
        dialling.join()
        near[0].sendall(b"hello")
        assert visitor.recv(5) == b"hello"
        visitor.close()
        near[0].close()
    assert spot.socket.stat().st_mode & 0o777 == 0o600


def test_a_stranger_on_a_dead_links_port_learns_nothing(folder: Path) -> None:
    """Over loopback both ends prove that they hold the key, before anything else is said."""
    spot = place.Place(folder / "link", "name", unix=False)
    with place.listen(spot) as listener:
        dialling = threading.Thread(target=_refused, args=(spot,))
        dialling.start()
        visitor, _ = listener.accept()
        visitor.recv(32)
        visitor.sendall(b"\0" * 64)
        heard = b"".join(iter(lambda: visitor.recv(100), b""))
        assert len(heard) == 32, "a proof, and no more"
        visitor.close()
        dialling.join()


def _refused(spot: place.Place) -> None:
    with pytest.raises(OSError):
        place.dial(spot).close()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o707])
def test_a_folder_that_others_may_open_is_not_used(folder: Path, mode: int) -> None:
    """No socket is made or used where another user could have put one."""
    (folder / "link").mkdir(mode=0o700)
    (folder / "link").chmod(mode)
    spot = place.Place(folder / "link", "name")
    with pytest.raises(place.Unsafe):
        place.listen(spot)
    with pytest.raises(place.Unsafe):
        place.dial(spot)
    (folder / "else").symlink_to(folder)
    with pytest.raises(place.Unsafe):
        place.check_folder(folder / "else")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs two users")
def test_another_user_is_refused(folder: Path) -> None:
    """A process of another user is known by the system's word and sent away."""
    near, far = socket.socketpair(socket.AF_UNIX)
    code = (
        "import socket,sys,os; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(1)"
    )
    spot = place.Place(Path("/tmp") / f"colabdev-test-{os.getpid()}", "name")
    listener = place.listen(spot)
    try:
        spot.folder.chmod(0o755)
        spot.socket.chmod(0o666)
        stranger = subprocess.Popen(["/usr/bin/python3", "-c", code, str(spot.socket)], user=65534)
        visitor, _ = listener.accept()
        with pytest.raises(place.Unsafe):
            place.admit(visitor, spot)
        visitor.close()
        stranger.wait()
    finally:
        listener.close()
        for file in spot.folder.iterdir():
            file.unlink()
        spot.folder.rmdir()
        near.close()
        far.close()


def test_a_sockets_path_is_short(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """However long the home's name is, the socket's path stays below 100 bytes."""
    for size in (1, 40, 78, 200):
        monkeypatch.setenv("COLABDEV_HOME", f"/{'김' * (size // 3)}{'x' * size}")
        spot = place.place("an-alias-of-sixty-three-letters-" + "x" * 31)
        assert len(os.fsencode(spot.socket)) < place.LONGEST
    monkeypatch.setenv("COLABDEV_HOME", str(folder))
    assert place.place("one").socket.parent == folder / "link"
    assert place.place("one") != place.place("two")


@pytest.mark.parametrize("name", sorted(vars(errors)))
def test_every_error_crosses(name: str) -> None:
    """Each kind of ours arrives as what it was, with its sentence and its next step."""
    kind = getattr(errors, name)
    if not (isinstance(kind, type) and issubclass(kind, errors.ColabdevError)):
        return
    if kind in (RemoteFailure, errors.JobFailed):
        return
    back = wire.unpack_error(wire.pack_error(kind("a sentence", "a step")))
    assert (type(back), back.message, back.hint) == (kind, "a sentence", "a step")


def test_a_failure_keeps_its_kind() -> None:
    """What the far side reports keeps its stable kind on the way."""
    back = wire.unpack_error(wire.pack_error(RemoteFailure("stdin", "m", "h")))
    assert isinstance(back, RemoteFailure)
    assert back.kind == "stdin"
