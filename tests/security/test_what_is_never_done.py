"""What other tools of this kind get wrong, and this one's source does not hold at all."""

import ast
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.commands.cell import TUNNELS, render_cell
from colabdev.remote import sshconfig
from colabdev.remote.destination import Relay
from colabdev.remote.runtime import Registry
from colabdev.remote.sshkey import ensure_key

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for path in sorted((ROOT / "colabdev").rglob("*.py"))
    if "data" not in path.relative_to(ROOT).parts
]
CALLS = {
    "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "eval",
    "pickle.load", "pickle.loads", "marshal.loads", "yaml.load", "ssl._create_unverified_context",
    "paramiko.AutoAddPolicy", "paramiko.WarningPolicy", "requests.get", "tempfile.mktemp",
    "shutil.unpack_archive",
}  # fmt: skip
# A name, the module it stands in, and why it may.
ALLOWED = {
    ("exec", "payload/tasks.py"): "the learner's own exercise, on the runtime",
}
WORDS = re.compile(
    r"StrictHostKeyChecking[ =]+(?:no|off|accept-new|ask)|UserKnownHostsFile[ =]+/dev/null"
    r"|CERT_NONE|check_hostname = False|curl [^\n]*-[A-Za-z]*k|--no-check-certificate"
    r"|PasswordAuthentication[ =]+yes|PermitRootLogin[ =]+yes|PermitEmptyPasswords[ =]+yes"
    r"|\bchpasswd\b|pkill|killall|\bkill -9\b|/etc/ssh/sshd_config"
)
# colab-ssh does these: what keeps it from them has to name them.
FENCE = "payload/cell/cloudflared.py"


def _calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_shell_no_foreign_code_no_blind_trust(path: Path) -> None:
    """No shell puts words together, nothing received is run, no key or certificate goes unasked."""
    name = path.relative_to(ROOT / "colabdev").as_posix()
    for called, node in _calls(path):
        assert called not in CALLS, f"{called} in line {node.lineno}"
        if called == "exec":
            assert (called, name) in ALLOWED, f"line {node.lineno}"
        for keyword in node.keywords:
            value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
            if called.startswith("subprocess.") or called == "Popen":
                assert not (keyword.arg == "shell" and value is not False), f"line {node.lineno}"
            assert not (keyword.arg == "verify" and value is False), f"line {node.lineno}"
        if called.endswith((".extractall", ".extract")):
            assert any(keyword.arg == "filter" for keyword in node.keywords), f"line {node.lineno}"
    found = WORDS.findall(path.read_text(encoding="utf-8"))
    assert not found or name == FENCE, found


@pytest.mark.parametrize("tunnel", TUNNELS)
def test_no_cell_does_so_either(tunnel: str) -> None:
    """What is pasted into a notebook is held to the same; but for the fence around colab-ssh."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
    relay = Relay("me", "relay.example.org", 22, key) if tunnel == "relay" else None
    cell = render_cell(f"{key} colabdev", tunnel=tunnel, relay=relay)
    if tunnel != "cloudflared":
        assert not WORDS.findall(cell)
    assert not re.search(
        r"shell=True|os\.system|\beval\(|\bexec\(|b64decode|zlib|urlretrieve", cell
    )


def test_files_are_private_from_their_first_byte_whatever_the_umask() -> None:
    """Under umask 0 the key, the pinned keys, our config and the user's ~/.ssh are yours alone."""
    before = os.umask(0)
    try:
        ensure_key()
        sshconfig.write_ssh_files(Registry())
        sshconfig.ensure_include()
        Registry().forget("nobody")
    finally:
        os.umask(before)
    user = paths.user_ssh_config()
    for path in (user, user.parent, paths.home(), *paths.home().rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        public = path.suffix == ".pub"  # ssh-keygen's own choice, in a folder of ours
        assert mode & 0o077 == 0 or public, (path, oct(mode))
        assert mode & 0o100 or not path.is_dir(), "a folder that cannot be entered"


def test_our_config_comes_whole_or_not_at_all(home: Path) -> None:
    """The file that ssh reads is replaced by a new one; the old one is never written into."""
    user = paths.user_ssh_config()
    user.parent.mkdir(mode=0o700)
    user.write_text("Host work\n")
    with user.open() as held:
        sshconfig.ensure_include()
        assert held.read() == "Host work\n"
    assert user.read_text().endswith("Host work\n")
    assert [path.name for path in user.parent.iterdir() if path.name.startswith(".")] == []


def test_a_commented_line_is_no_include() -> None:
    """Whether the user's config reads ours is judged as ssh does, not by a part of its text."""
    user = paths.user_ssh_config()
    user.parent.mkdir(mode=0o700)
    user.write_text(f"# {sshconfig.include_line()}\n")
    sshconfig.write_ssh_files(Registry())
    assert not sshconfig.include_present()
    assert sshconfig.ensure_include()
    asked = subprocess.run(["ssh", "-G", "-F", user, "x"], capture_output=True, check=False)
    assert asked.returncode == 0, asked.stderr


def test_the_page_names_tests_that_are_there() -> None:
    """Each test that docs/security.md calls as a witness exists."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", page)
    assert len(named) > 20
    for file, test in named:
        assert f"def {test}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), (file, test)
