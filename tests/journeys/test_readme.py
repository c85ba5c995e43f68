"""README, followed word for word on an empty home."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.stub_editor import put_editor

SVG = "{http://www.w3.org/2000/svg}"
ROOT = Path(__file__).parents[2]

# What README shows and a test cannot follow, and why.
EXEMPT = {
    "cell --copy": "needs a clipboard",
    "connect 'colabdev://root@0.tcp.ngrok.io:12345?key=...'": "needs Colab",
    "status": "shown with Colab; 'status --json' is followed",
    "doctor": "shown with Colab; has tests of its own",
    "code": "shown with Colab; followed on the local runtime",
    "shell": "owns the terminal",
    "exercises start": "followed in the course's own journey",
    "exercises run dot-mm-matmul": "takes its time",
    "exercises results dot-mm-matmul": "needs the measurement before it",
}


def _blocks(name: str) -> list[tuple[bool, list[str]]]:
    text = (ROOT / name).read_text(encoding="utf-8")
    found = re.findall(r"^(<!-- tested -->\n)?```\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [(bool(mark), lines.splitlines()) for mark, lines in found]


def _bare(line: str) -> str:
    return re.sub(r"\s+# .*", "", line).strip()


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_every_command_is_followed_or_exempt_with_a_reason(name: str) -> None:
    """A command of README stands in a block that a test runs, or in the list of exceptions."""
    for tested, lines in _blocks(name):
        for line in map(_bare, lines):
            if line.startswith("colabdev ") and not tested:
                assert line.removeprefix("colabdev ") in EXEMPT, line


@pytest.mark.sshd
@pytest.mark.torch
@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_readme_followed_word_for_word(name: str, folder: Path) -> None:
    """Each marked block, run by a shell on an empty home, ends well at every line.

    The editor that is found there, a stand-in, is told to open the project on the runtime.
    """
    editor = put_editor(folder / "bin")
    (editor.parent / "extensions").write_text("ms-vscode-remote.remote-ssh")
    env = {
        **os.environ,
        "PATH": f"{editor.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONUTF8": "1",
    }
    for place, (tested, lines) in enumerate(_blocks(name)):
        if not tested:
            continue
        at = folder / str(place)
        at.mkdir()
        script = "set -e\n" + "\n".join(lines) + "\n"
        try:
            done = subprocess.run(
                ["bash", "-xc", script],
                cwd=at,
                env=env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=500,
                check=False,
            )
            assert done.returncode == 0, done.stderr[-3000:]
        finally:
            if any("up --local" in line for line in lines):
                again = ["colabdev", "down", "--yes"]
                subprocess.run(again, env=env, capture_output=True, check=False)
    words = (editor.parent / "opened").read_text().splitlines()
    assert words[:2] == ["--remote", "ssh-remote+local"]
    assert words[2].endswith("/content/hello/")


@pytest.mark.parametrize(("name", "language"), [("README.md", "en"), ("README.ko.md", "ko")])
def test_the_pictures_are_there(name: str, language: str) -> None:
    """Each picture is shown, in both themes with the same text, sound, and asks for nothing else.

    What else it must not show is whose machine it was drawn on.
    """
    text = (ROOT / name).read_text(encoding="utf-8")
    shown = set(re.findall(r'"(docs/pictures/[^"]+\.svg)"', text))
    folder = ROOT / "docs" / "pictures" / language
    assert shown == {f"docs/pictures/{language}/{one.name}" for one in folder.glob("*.svg")}
    assert len(shown) >= 10
    for light in sorted(folder.glob("*-light.svg")):
        dark = light.with_name(light.name.replace("-light", "-dark"))
        texts = [
            [node.text for node in ElementTree.parse(one).iter(f"{SVG}text")]
            for one in (light, dark)
        ]
        assert texts[0] == texts[1]
        assert "url(http" not in light.read_text(encoding="utf-8")
        assert "href" not in light.read_text(encoding="utf-8")
        said = "".join(filter(None, texts[0])).replace("\xa0", " ")
        assert f"$ colabdev {light.name.removesuffix('-light.svg')}" in said
        assert "/.cache/" not in said
        assert "Traceback" not in said
