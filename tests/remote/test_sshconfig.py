"""The laptop's SSH files: what we write holds, and what is not ours stays byte for byte."""

import os
import re
import stat
import subprocess
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from colabdev import paths
from colabdev.errors import ConfigError
from colabdev.remote import sshconfig
from colabdev.remote.destination import Destination
from colabdev.remote.runtime import Registry, Runtime
from tests.remote.keys import fresh_ed25519

KEY = fresh_ed25519()
BOOT = "0123456789abcdef0123456789abcdef"

HOSTILE = """
Host *
  HostName evil.example.com
  Port 1
  User mallory
  IdentityFile ~/.ssh/id_rsa
  IdentitiesOnly no
  IdentityAgent ~/.ssh/agent
  HostKeyAlias evil
  HostKeyAlgorithms ssh-rsa
  UserKnownHostsFile /dev/null
  GlobalKnownHostsFile /tmp/everybody
  StrictHostKeyChecking no
  UpdateHostKeys yes
  VerifyHostKeyDNS yes
  CheckHostIP yes
  CanonicalizeHostname always
  CanonicalDomains evil.example.com
  PubkeyAuthentication no
  PasswordAuthentication yes
  KbdInteractiveAuthentication yes
  PreferredAuthentications password
  ForwardAgent yes
  ForwardX11 yes
  PermitLocalCommand yes
  LocalCommand touch /tmp/ran
  RemoteCommand touch /tmp/ran
  RequestTTY force
  ProxyJump evil.example.com
  ProxyCommand nc evil.example.com 22
  ServerAliveInterval 0
  ServerAliveCountMax 100
  ControlMaster auto
  ControlPath /tmp/one-for-all
"""


@pytest.fixture
def config(home: Path) -> Path:
    """Lend the user's ``~/.ssh/config``, which is not there yet."""
    assert paths.user_ssh_config() == home / ".ssh" / "config"
    return home / ".ssh" / "config"


def _runtime(alias: str = "colab", port: int = 12345) -> Runtime:
    destination = Destination("root", "0.tcp.ngrok.io", port, KEY, "ngrok")
    return Runtime(alias, destination, BOOT, "/content", f"2026-01-01T00:00:{port % 60:02}+00:00")


def _written(*runtimes: Runtime) -> None:
    registry = Registry()
    for runtime in runtimes:
        registry.put(runtime)
    sshconfig.write_ssh_files(registry)


def _effective(config: Path, alias: str) -> dict[str, list[str]]:
    """Ask the real ssh what it would do for *alias*."""
    asked = subprocess.run(
        ["ssh", "-G", "-F", config, alias], capture_output=True, text=True, check=True
    )
    options: dict[str, list[str]] = {}
    for line in asked.stdout.splitlines():
        name, _, value = line.partition(" ")
        options.setdefault(name, []).append(value)
    return options


def test_no_host_star_bends_our_block(config: Path) -> None:
    """The real ssh, over a ``Host *`` that contradicts every line of ours, does what ours say."""
    config.parent.mkdir(mode=0o700)
    config.write_text(HOSTILE)
    _written(_runtime())
    assert sshconfig.ensure_include()
    found = _effective(config, "colab")
    known_hosts = str(paths.known_hosts_file())
    expected = {
        "hostname": "0.tcp.ngrok.io",
        "port": "12345",
        "user": "root",
        "identitiesonly": "yes",
        "identityagent": "none",
        "hostkeyalias": "colab",
        "hostkeyalgorithms": "ssh-ed25519",
        "userknownhostsfile": known_hosts,
        "globalknownhostsfile": known_hosts,
        "stricthostkeychecking": "true",
        "updatehostkeys": "false",
        "verifyhostkeydns": "false",
        "checkhostip": "no",
        "canonicalizehostname": "false",
        "pubkeyauthentication": "true",
        "passwordauthentication": "no",
        "kbdinteractiveauthentication": "no",
        "preferredauthentications": "publickey",
        "forwardagent": "no",
        "forwardx11": "no",
        "permitlocalcommand": "no",
        "requesttty": "auto",
        "serveraliveinterval": "30",
        "serveralivecountmax": "3",
        "controlpath": str(paths.ssh_dir() / BOOT[:12]),
    }
    assert {name: found[name][0] for name in expected} == expected
    assert found["identityfile"][0] == str(paths.key_file())
    assert not {"remotecommand", "proxyjump", "proxycommand"} & found.keys()


def test_every_pinned_option_is_attacked() -> None:
    """A line added to our block must be contradicted above, or the test above proves nothing."""
    pinned = re.findall(r"^  (\w+) ", sshconfig.render_block(_runtime()), re.MULTILINE)
    attacked = re.findall(r"^  (\w+) ", HOSTILE, re.MULTILINE)
    assert set(pinned) <= set(attacked)


def test_other_hosts_are_left_alone(config: Path) -> None:
    """For every other host the real ssh does what it did before."""
    config.parent.mkdir(mode=0o700)
    config.write_text("Host work\n  User me\n  Port 2222\nHost *\n  ServerAliveInterval 7\n")
    before = {name: _effective(config, name) for name in ("work", "example.com", "colabx")}
    _written(_runtime())
    sshconfig.ensure_include()
    assert {name: _effective(config, name) for name in before} == before


def test_several_runtimes_each_have_a_block(config: Path) -> None:
    """Each alias leads to its own machine, and a bare alias names each pinned key."""
    _written(_runtime("colab", 1001), _runtime("second", 1002))
    sshconfig.ensure_include()
    assert _effective(config, "colab")["port"] == ["1001"]
    assert _effective(config, "second")["port"] == ["1002"]
    assert sorted(paths.known_hosts_file().read_text().splitlines()) == [
        f"colab {KEY}",
        f"second {KEY}",
    ]


def test_our_files_are_private(config: Path) -> None:
    """Nobody else reads or writes what tells ssh where to go and whom to trust."""
    _written(_runtime())
    sshconfig.ensure_include()
    assert stat.S_IMODE(paths.ssh_dir().stat().st_mode) == 0o700
    assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
    for path in (paths.known_hosts_file(), paths.ssh_config_file(), config):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_state_with_blanks_and_korean(
    config: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state folder with blanks and Korean letters is quoted so that ssh finds every file."""
    monkeypatch.setenv("COLABDEV_HOME", str(folder / "내 상태 x"))
    _written(_runtime())
    sshconfig.ensure_include()
    found = _effective(config, "colab")
    assert found["identityfile"] == [str(paths.key_file())]
    assert found["userknownhostsfile"] == [str(paths.known_hosts_file())]


def test_a_relative_state_folder(
    config: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths in the config are absolute even when COLABDEV_HOME is not."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLABDEV_HOME", "state")
    _written(_runtime())
    sshconfig.ensure_include()
    monkeypatch.chdir("/")
    assert _effective(config, "colab")["identityfile"] == [f"{folder}/state/ssh/id_ed25519"]


@pytest.mark.parametrize("name", ['a"b', "a%b", "a\\b", "a*b", "${HOME}", "a[b]", "a\nb"])
def test_a_path_that_ssh_would_misread_is_refused(
    name: str, config: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state folder that cannot be written down safely is refused, and nothing is changed."""
    monkeypatch.setenv("COLABDEV_HOME", str(folder / name))
    with pytest.raises(ConfigError) as caught:
        sshconfig.ensure_include()
    assert "COLABDEV_HOME" in caught.value.hint
    assert not config.exists()


def test_a_long_state_folder_shares_no_connection(
    config: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the socket's name would be too long for the system, sharing is off, not broken."""
    monkeypatch.setenv("COLABDEV_HOME", str(folder / ("x" * 100)))
    config.parent.mkdir(mode=0o700)
    config.write_text(HOSTILE)
    _written(_runtime())
    sshconfig.ensure_include()
    assert "controlpath" not in _effective(config, "colab")


def test_windows() -> None:
    """On Windows paths have forward slashes and quotes, and connection sharing is switched off."""
    path = PureWindowsPath("C:\\Users\\김 철수\\AppData\\Local\\colabdev\\ssh\\id_ed25519")
    quoted = sshconfig.quoted(path)
    assert quoted == '"C:/Users/김 철수/AppData/Local/colabdev/ssh/id_ed25519"'
    block = sshconfig.render_block(_runtime(), platform="win32")
    assert "\n  ControlMaster no\n  ControlPath none\n" in block
    assert "ControlMaster" not in sshconfig.render_block(_runtime(), platform="darwin")


LINE = 'Include "/home/me/state/ssh/config"'


@pytest.mark.parametrize(
    ("config", "present"),
    [
        ("", False),
        (f"{LINE}\n", True),
        (LINE, True),
        (f"{LINE}\r\n", True),
        (f"# mine\n\n{LINE}\nHost a\n", True),
        ("  include /home/me/state/ssh/config\n", True),
        ("\tINCLUDE=/home/me/state/ssh/config\n", True),
        ('Include "~/.orb/config" "/home/me/state/ssh/config" # both\n', True),
        (f"# {LINE}\n", False),
        (f"#{LINE}\n", False),
        (f"Host a\n  {LINE}\n", False),
        (f"match all\n{LINE}\n", False),
        ("Include /home/me/state/ssh/config.d\n", False),
        ("Include /home/me/state/ssh\n", False),
        ("IncludeAll /home/me/state/ssh/config\n", False),
        ("User Include /home/me/state/ssh/config\n", False),
    ],
)
def test_include_is_judged_as_ssh_does(config: str, present: bool) -> None:
    """A commented, conditional or foreign Include is not ours; an odd spelling of ours is."""
    assert sshconfig.includes(config.encode(), LINE) is present


LINES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [
            b"Host *",
            b"Match all",
            b"  User me",
            b"# " + LINE.encode(),
            b"include /home/me/state/ssh/config",
            b"  " + LINE.encode(),
            LINE.encode(),
            b"\xef\xbb\xbfHost bom",
            b"Host caf\xe9",
            "Host 김".encode(),
            b"",
        ]
    ),
)
CONFIGS = st.builds(
    lambda lines, newline, last: newline.join(lines) + last,
    st.lists(LINES, max_size=8),
    st.sampled_from([b"\n", b"\r\n"]),
    st.sampled_from([b"", b"\n", b"\r\n"]),
)


@settings(deadline=None)
@given(CONFIGS)
@example(b"")
@example(b"Host a\r\n  User b\r\n")
@example(b"Host *\n" + LINE.encode())
def test_put_in_and_taken_out(config: bytes) -> None:
    """The line goes in once, in force; and out again without a trace, whatever stands around it."""
    once = sshconfig.with_include(config, LINE)
    assert sshconfig.includes(once, LINE)
    assert sshconfig.with_include(once, LINE) == once
    assume(not sshconfig.includes(config, LINE))
    assert once.endswith(config)
    assert sshconfig.without_include(once, LINE) == config


@pytest.mark.parametrize(
    "content",
    [
        b"Host a\n  User b\n",
        b"Host a\r\n  User b\r\n",
        b"Host a\n  User b",
        b"# caf\xe9 \xff\n",
        b"\xef\xbb\xbf# byte order mark\n",
        b"\n\n",
    ],
)
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_the_file_keeps_every_other_byte(config: Path, content: bytes, mode: int) -> None:
    """In and out on the disk: contents and mode come back as they were; twice equals once."""
    config.parent.mkdir(mode=0o755)
    config.write_bytes(content)
    config.chmod(mode)
    assert sshconfig.ensure_include()
    assert not sshconfig.ensure_include()
    assert sshconfig.include_present()
    first, rest = config.read_bytes().split(b"\n", 1)
    assert first.rstrip(b"\r").decode() == sshconfig.include_line()
    assert first.endswith(b"\r") is (b"\r" in content)
    assert rest == content
    assert stat.S_IMODE(config.stat().st_mode) == mode
    assert stat.S_IMODE(config.parent.stat().st_mode) == 0o755
    assert sshconfig.remove_include()
    assert not sshconfig.remove_include()
    assert config.read_bytes() == content
    assert stat.S_IMODE(config.stat().st_mode) == mode


def test_a_config_of_ours_alone_goes_again(config: Path) -> None:
    """Where no config was, none is left behind."""
    assert sshconfig.ensure_include()
    assert sshconfig.remove_include()
    assert not config.exists()


def test_a_linked_config_keeps_its_link(config: Path, folder: Path) -> None:
    """With dotfiles in a repository, the file there changes and the link stays a link."""
    target = folder / "ssh config"
    target.write_bytes(b"Host a\n")
    config.parent.mkdir(mode=0o700)
    config.symlink_to(target)
    assert sshconfig.ensure_include()
    assert config.is_symlink()
    assert target.read_text() == f"{sshconfig.include_line()}\nHost a\n"
    assert sshconfig.remove_include()
    assert config.is_symlink()
    assert target.read_bytes() == b"Host a\n"


def test_a_link_to_nothing_is_filled_and_emptied(config: Path, folder: Path) -> None:
    """A link whose target is not there yet makes the target, and is never removed itself."""
    config.parent.mkdir(mode=0o700)
    config.symlink_to(folder / "later")
    assert sshconfig.ensure_include()
    assert (folder / "later").read_text() == f"{sshconfig.include_line()}\n"
    assert sshconfig.remove_include()
    assert config.is_symlink()


def _make_read_only(config: Path) -> None:
    config.write_bytes(b"Host a\n")
    config.chmod(0o400)


def _make_utf_16(config: Path) -> None:
    config.write_bytes("Host a\n".encode("utf-16"))


def _make_folder(config: Path) -> None:
    config.mkdir()


def _make_loop(config: Path) -> None:
    config.symlink_to(config)


@pytest.mark.parametrize("make", [_make_read_only, _make_utf_16, _make_folder, _make_loop])
def test_a_config_that_cannot_be_changed(config: Path, make: object) -> None:
    """It stays as it is, and the sentence names it and the line that belongs there."""
    assert callable(make)
    config.parent.mkdir(mode=0o700)
    make(config)
    before = config.read_bytes() if config.is_file() else os.lstat(config).st_ino
    with pytest.raises(ConfigError) as caught:
        sshconfig.ensure_include()
    assert str(config) in caught.value.message
    assert sshconfig.include_line() in caught.value.hint
    assert before == (config.read_bytes() if config.is_file() else os.lstat(config).st_ino)
    assert list(config.parent.iterdir()) == [config]


def test_ssh_folder_that_is_a_file(config: Path) -> None:
    """A file where ``~/.ssh`` should be is a sentence, not a traceback."""
    config.parent.write_text("surprise")
    with pytest.raises(ConfigError):
        sshconfig.ensure_include()
    assert config.parent.read_text() == "surprise"
