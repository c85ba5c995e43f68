"""Run one of our programs on a machine: its source travels inside the request that starts it."""

import base64
import functools
import json
import re
import struct
import zlib

from colabdev import texts

# Linux takes at most 128 KiB in one argument (MAX_ARG_STRLEN); sshd's exec request is one argument.
_LIMIT = 120_000

# The program finds its own text in SOURCE, for when it must outlive this process. Python would
# look into the folder it starts in first: a json.py in somebody's home is not the one we mean.
_LOADER = (
    "import sys;sys.path=[p for p in sys.path if p];"
    "import base64,zlib;"
    "SOURCE=zlib.decompress(base64.b64decode('{packed}')).decode();"
    "exec(compile(SOURCE,'<colabdev {name}>','exec'))"
)


# An interpreter that is started ahead: it says READY, waits for a program on its stdin (as `handed`
# packs it), says BEGUN and is that program; the rest of its stdin is the program's. It has loaded
# already what our programs load. Handed none, it ends with its stdin.
READY = b"\0colabdev waits\n"
BEGUN = b"\1"
_WAITING = f"""\
import sys;sys.path=[p for p in sys.path if p]
import base64,collections,contextlib,dataclasses,errno,hashlib,json,os,pathlib,re,select,shutil
import signal,stat,struct,subprocess,tempfile,threading,time,zlib
def take(size):
    data=b""
    while len(data)<size:
        more=os.read(0,size-len(data))
        if not more:sys.exit()
        data+=more
    return data
os.write(1,{READY!r})
words,SOURCE=map(take,struct.unpack(">II",take(8)))
words,SOURCE=json.loads(words),zlib.decompress(SOURCE).decode()
sys.argv[1:]=words[1:]
code=compile(SOURCE,f"<colabdev {{words[0]}}>","exec")
os.write(1,{BEGUN!r})
del take,words
exec(code)
"""
_START = 'exec "${COLABDEV_PYTHON:-python3}" -c "$@"'

# A docstring is a triple-quoted string that begins a line: so much holds of all of the payload.
_DOCSTRING = re.compile(r'^([ \t]*)"""(?:.|\n)*?"""[ \t]*\n', re.M)
_COMMENT = re.compile(r"^[ \t]*#.*\n", re.M)


class Program(list[str]):
    """The argument list that runs a program of ours; a link may hand *packed* to a waiting one."""

    def __init__(self, name: str, packed: str, arguments: list[str]) -> None:
        self.name = name
        self.packed = packed
        self.arguments = arguments
        code = _LOADER.format(packed=packed, name=name)
        assert len(code) < _LIMIT, f"payload {name} has outgrown one argument"
        super().__init__(["sh", "-c", _START, "sh", code, *arguments])

    def handed(self) -> bytes:
        """Return what makes a `waiting` interpreter run this."""
        words = json.dumps([self.name, *self.arguments]).encode()
        source = base64.b64decode(self.packed)
        return struct.pack(">II", len(words), len(source)) + words + source


def program(name: str, *arguments: str) -> Program:
    """Return the argument list that runs ``payload/<name>.py`` with *arguments* on any machine.

    It runs under the notebook kernel's interpreter, which the cell names in ``COLABDEV_PYTHON``,
    else under the first ``python3``. Inside, ``__name__`` is ``"__main__"``, ``sys.argv[1:]`` are
    the *arguments* and the global ``SOURCE`` is the program's own text.
    """
    return Program(name, _packed(name), list(arguments))


@functools.cache
def _packed(name: str) -> str:
    return base64.b64encode(zlib.compress(bare(texts.payload(name)).encode(), 9)).decode()


def waiting() -> list[str]:
    """Return the argument list of an interpreter that waits for a program."""
    return ["sh", "-c", _START, "sh", _WAITING]


def bare(source: str) -> str:
    """Return *source* without docstrings and comments, which would cost bytes on every call."""
    return _COMMENT.sub("", _DOCSTRING.sub(r"\g<1>0\n", source))
