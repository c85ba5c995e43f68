"""Pictures of the terminal for the READMEs: real runs on this machine, drawn by rich as SVG.

The runs see a machine of their own, with empty /home and /content and a name (namespaces of Linux,
which root may make). What else differs from run to run (times, ids, ports) is written as it would
always be, so that a new picture differs where colabdev does.
"""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pyte
from rich import terminal_theme
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

CHECKOUT = Path(__file__).resolve().parent.parent
PLACE = CHECKOUT / "docs" / "pictures"
COLUMNS = 100
THEMES = {"dark": terminal_theme.MONOKAI, "light": terminal_theme.DEFAULT_TERMINAL_THEME}
LANGUAGES = {"en": "C.UTF-8", "ko": "ko_KR.UTF-8"}
# No font from elsewhere: whoever looks at a picture asks nobody but the page it is on.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def main() -> None:
    """Draw each picture in each language and theme."""
    if sys.argv[1:] != ["inside"]:
        _enter()
        return
    for place in map(Path, ("/home", "/content", "/etc/profile.d")):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place], check=True)
    subprocess.run(["hostname", "colab-vm"], check=True)
    for language in LANGUAGES:
        for name, lines in scenes(language):
            for theme in THEMES:
                draw(name, lines, language, theme)


def _enter() -> None:
    """Start this script anew on a machine of its own, and leave no trace on this one."""
    if sys.platform != "linux" or os.geteuid() != 0:
        sys.exit(
            "The pictures are made on Linux by root, who may give them a machine of their own."
        )
    made = not Path("/content").exists()
    Path("/content").mkdir(exist_ok=True)
    own = ["unshare", "--mount", "--uts", "--propagation", "private"]
    try:
        subprocess.run([*own, sys.executable, __file__, "inside"], check=True)
    finally:
        if made:
            Path("/content").rmdir()


def scenes(language: str) -> Iterator[tuple[str, list[Text]]]:
    """Walk the road from a cell to a course; yield what the terminal showed at each stage."""
    laptop, vm = Path("/home/you"), Path("/home/vm")
    for folder in (laptop, vm):
        folder.mkdir()

    def say(*words: str, cwd: Path = laptop, shown: str = "") -> list[Text]:
        line = Text(f"$ {shown or ' '.join(('colabdev', *words))}", style="bold")
        screen = run([sys.executable, "-m", "colabdev", *words], environment(laptop, language), cwd)
        return [line, *map(normal, screen), Text()]

    cell = laptop / "cell.py"
    made = [sys.executable, "-m", "colabdev", "cell", "--tunnel", "none"]
    done = subprocess.run(made, env=environment(laptop, "en"), check=True, capture_output=True)
    cell.write_bytes(done.stdout)
    try:
        found = re.search(r"'(colabdev://[^']+)'", _cell(cell, vm))
        assert found, "the cell prints its connect string"
        short = "colabdev connect 'colabdev://root@localhost:12345?key=...'"
        yield "connect", say("connect", found[1], shown=short) + say("status")
        say("new", "hello")
        project = laptop / "hello"
        dry = say("sync", "--dry-run", cwd=project)
        yield "sync", [*_shortened(dry, 6, 2), *say("sync", cwd=project)]
        job = say("run", "-m", "hello.train", "--config", "debug", cwd=project)
        yield "run", [*_shortened(job, 14, 4), *say("results", "list", cwd=project)]
        yield "doctor", say("doctor")
        started = say("exercises", "start", *(("--lang", "ko") if language == "ko" else ()))
        course = laptop / "colabdev-course"
        checked = say("exercises", "check", cwd=course)
        yield "exercises", started + _shortened(checked, 9, 3)
    finally:
        _cell(cell, vm, "stop")
        for folder in (laptop, vm, Path("/content/hello")):
            shutil.rmtree(folder, ignore_errors=True)


def _shortened(lines: list[Text], first: int, last: int) -> list[Text]:
    return [*lines[:first], Text("..."), *lines[-last:]] if len(lines) > first + last else lines


def draw(name: str, lines: list[Text], language: str, theme: str) -> None:
    """Write one picture."""
    recorder = Console(
        record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True,  # noqa: PTH123, SIM115 - rich's own way to be silent
        color_system="truecolor", legacy_windows=False,
    )  # fmt: skip
    for line in lines:
        recorder.print(line, overflow="crop", no_wrap=True)
    svg = recorder.export_svg(
        title="colabdev", theme=THEMES[theme], code_format=FORMAT, unique_id=f"{name}-{theme}"
    )
    folder = PLACE / language
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"
    (folder / f"{name}-{theme}.svg").write_text(text, encoding="utf-8")


def environment(home: Path, language: str) -> dict[str, str]:
    """Return the environment of a user whose home is *home*, and of nobody else."""
    there = {"COLAB_RELEASE_TAG": "release"} if home.name == "vm" else {"COLABDEV_LINK": "off"}
    return {
        "HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "TERM": "xterm-256color",
        "LANG": LANGUAGES[language], "PYTHONUTF8": "1", **there,
    }  # fmt: skip


def run(words: list[str], env: dict[str, str], cwd: Path) -> list[Text]:
    """Run *words* in a terminal and return the lines that stand on its screen at the end."""
    screen = pyte.HistoryScreen(COLUMNS, 200, history=1000)
    stream = pyte.ByteStream(screen)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    child = subprocess.Popen(
        words, env=env, cwd=cwd, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and select.select([master], [], [], 300)[0]:
        try:
            data = os.read(master, 65536)
        except OSError:  # Linux's way to say that the other side is closed
            break
        if not data:
            break
        stream.feed(data)
    os.close(master)
    child.wait(timeout=60)
    lines = [_line(screen.buffer[row], screen.columns) for row in range(screen.lines)]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    return lines


def _line(cells: "dict[int, pyte.screens.Char]", columns: int) -> Text:
    line = Text()
    for column in range(columns):
        cell = cells[column]
        colour = "" if cell.fg == "default" else cell.fg
        colour = {"brown": "yellow"}.get(colour, colour)
        style = " ".join(filter(None, ("bold" if cell.bold else "", colour)))
        line.append(cell.data, style or None)
    line.rstrip()
    return line


# What is another one every time, and what stands there instead, as long as it.
_VARYING = (
    (r"(?<=localhost:)\d{5}|(?<=127\.0\.0\.1:)\d{5}", "12345"),
    (r"\b\d\d-\d\d \d\d:\d\d\b", "11-25 12:00"),
    (r"\b\d{8}-\d{6}-\d{6}-[0-9a-f]{4}", "20261125-120000-000000-ab12"),
    (r"\b[0-9a-f]{12}\b", "0123456789ab"),
    (r"\b[0-9a-f]{8}\b(?=  )", "01234567"),
    (r"\b\d+:\d\d(?= (h|시간) {3,}[-\d])", "3:47"),
    (r"(?<=3:47 h   )\d+:\d\d|(?<=3:47 시간   )\d+:\d\d", "8:13"),
    (r"\b\d+(?= ms\b)", "9"),
    (r"(?<=seed )\d+", "123456"),
    (r"\b\d+\.\d(?= s$)", "2.5"),
    (r"(?<=samples_per_s = )[\d.]+", "150.000"),
    (r"\b\d+\.\d(?= of \d)", "75.4"),
    (r"\b\d+\.\d(?= Gi?B)|(?<=GiB 중 )[\d.]+", "78.2"),
    (r"(?<=Linux )\d\S+", "6.6.105"),
    (r"(?<=OpenSSH_)\d[^,]+?(?=  |$)", "9.6p1"),
)


def normal(line: Text) -> Text:
    """Write what differs from run to run as it would always be; columns stay where they are."""
    plain = line.plain
    for pattern, instead in _VARYING:
        plain = re.sub(pattern, lambda found, said=instead: _in_place(found, said), plain)
    if plain == line.plain:
        return line
    made = Text(plain)
    for span in line.spans:
        made.stylize(span.style, span.start, span.end)
    return made


def _in_place(found: "re.Match[str]", instead: str) -> str:
    """Return *instead*, as long as what it stands for where anything comes after it."""
    if not found.string[found.end() :].strip():
        return instead
    return instead[: len(found[0])].ljust(len(found[0]))


def _cell(cell: Path, vm: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(cell), *words],
        env=environment(vm, "en"), cwd=vm, capture_output=True, text=True, check=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.stdout


if __name__ == "__main__":
    main()
