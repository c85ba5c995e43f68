"""Run one of our programs on a machine: its source travels inside the request that starts it."""

import base64
import contextlib
import functools
import hashlib
import json
import os
import re
import struct
import zlib

from colabdev import paths, texts

# Linux takes at most 128 KiB in one argument (MAX_ARG_STRLEN); sshd's exec request is one argument.
_LIMIT = 120_000

# What the interpreter runs that is started for one program. A machine may keep what Python makes of
# the text, in a folder that is its user's alone, beside a digest that a damaged file does not have.
_LOADER = """\
import base64,zlib
exec(compile(zlib.decompress(base64.b64decode('{packed}')),'<colabdev {name}>','exec'))
"""
_PLACE = """\
os.path.join(os.path.expanduser("~"),".colabdev","payload",
    f"{name}-{digest}-{{sys.hexversion:x}}.code")"""
_KEEPING = """\
import base64,hashlib,marshal,os,sys,zlib
def keep(code,place):
    folder=os.path.dirname(place)
    os.makedirs(folder,0o700,True)
    old=[os.path.join(folder,each) for each in os.listdir(folder) if each.endswith(".code")]
    for each in sorted(old,key=os.path.getmtime)[:-{most}]:os.unlink(each)
    draft=f"{{place}}.{{os.getpid()}}"
    with open(os.open(draft,os.O_CREAT|os.O_WRONLY|os.O_TRUNC,0o600),"wb") as stream:
        text=marshal.dumps(code)
        stream.write(hashlib.sha256(text).digest()+text)
    os.replace(draft,place)
    os.write(1,{keeps!r})
code=compile(zlib.decompress(base64.b64decode('{packed}')),'<colabdev {name}>','exec')
try:keep(code,{place})
except OSError:pass
del keep
exec(code)
"""
_KEPT = """\
import hashlib,marshal,os,sys
def kept(place):
    try:
        with open(os.open(place,os.O_RDONLY|os.O_NOFOLLOW),"rb") as stream:
            status=os.fstat(stream.fileno())
            text=stream.read()
    except OSError:return
    ours=status.st_uid==os.geteuid() and not status.st_mode&0o22
    if ours and hashlib.sha256(text[32:]).digest()==text[:32]:return marshal.loads(text[32:])
code=kept({place})
if not code:
    os.write(1,{lacks!r})
    sys.exit()
del kept
exec(code)
"""
_MOST = 16  # programs that a machine keeps
# What is said of it before the program's first word; after the second one nothing has run.
KEEPS = b"\0colabdev keeps this\n"
LACKS = b"\0colabdev lacks this\n"

# An interpreter that is started ahead: it says READY, waits for a program on its stdin (as `handed`
# packs it), says BEGUN and is that program; the rest of its stdin is the program's. It has loaded
# already what our programs load, keeps each program's text with what Python makes of it, and ends
# with its stdin, or when it is told to run what is not kept there.
READY = b"\0colabdev waits\n"
BEGUN = b"\1"
_WAITING = f"""\
import base64,collections,contextlib,dataclasses,errno,fcntl,functools,glob,hashlib
import importlib.machinery,importlib.util,io,itertools,json,operator,os,pathlib,queue,re,select
import selectors,shutil,signal,stat,struct,subprocess,sys,tempfile,threading,time,traceback,typing
import unicodedata,zlib
def take(size):
    data=b""
    while len(data)<size:
        more=os.read(0,size-len(data))
        if not more:sys.exit()
        data+=more
    return data
def receive():
    words,text=map(take,struct.unpack(">II",take(8)))
    name,digest,*sys.argv[1:]=json.loads(words)
    folder=os.path.join(os.path.expanduser("~"),".colabdev","payload")
    place=os.path.join(folder,f"{{name}}-{{digest}}.py")
    try:
        if text:
            os.makedirs(folder,0o700,True)
            draft=f"{{place}}.{{os.getpid()}}"
            with open(os.open(draft,os.O_CREAT|os.O_WRONLY|os.O_TRUNC,0o600),"wb") as stream:
                stream.write(zlib.decompress(text))
            os.replace(draft,place)
        return importlib.machinery.SourceFileLoader(name,place).get_code(name)
    except OSError:
        if not text:sys.exit()
        return compile(zlib.decompress(text),f"<colabdev {{name}}>","exec")
os.write(1,{READY!r})
code=receive()
os.write(1,{BEGUN!r})
del take,receive
exec(code)
"""
# -I and -S: nothing that stands in somebody's home, or on Python's path, is taken for ours, and
# what a machine loads into every Python (Colab's does much) is not waited for.
_START = 'exec "${COLABDEV_PYTHON:-python3}" -I -S -c "$@"'

# A docstring is a triple-quoted string that begins a line: so much holds of all of the payload.
_DOCSTRING = re.compile(r'^([ \t]*)"""(?:.|\n)*?"""[ \t]*\n', re.M)
_COMMENT = re.compile(r"^[ \t]*#.*\n", re.M)


class Program(list[str]):
    """The argument list that runs a program of ours; a link may hand *packed* to a waiting one.

    Its text travels along and, with *keep*, is kept there for the next time; then the machine says
    KEEPS before all else. What is *kept* does not travel; the machine may say that it LACKS it.
    """

    def __init__(
        self,
        name: str,
        packed: str,
        arguments: list[str],
        *,
        keep: bool = False,
        kept: bool = False,
    ) -> None:
        self.name = name
        self.packed = packed
        self.arguments = arguments
        form = _KEPT if kept else _KEEPING if keep else _LOADER
        place = _PLACE.format(name=name, digest=self.digest)
        words = {"name": name, "packed": packed, "place": place}
        code = form.format(**words, most=_MOST, keeps=KEEPS, lacks=LACKS)
        assert len(code) < _LIMIT, f"payload {name} has outgrown one argument"
        super().__init__(["sh", "-c", _START, "sh", code, *arguments])

    @property
    def digest(self) -> str:
        """What tells its text from every other one."""
        return hashlib.sha256(self.packed.encode()).hexdigest()[:12]

    def handed(self, *, kept: bool) -> bytes:
        """Return what makes a `waiting` interpreter run this; *kept* is its text there already."""
        words = json.dumps([self.name, self.digest, *self.arguments]).encode()
        text = b"" if kept else base64.b64decode(self.packed)
        return struct.pack(">II", len(words), len(text)) + words + text


def program(name: str, *arguments: str, keep: bool = False, kept: bool = False) -> Program:
    """Return the argument list that runs ``payload/<name>.py`` with *arguments* on any machine.

    It runs under the notebook kernel's interpreter, which the cell names in ``COLABDEV_PYTHON``,
    else under the first ``python3``. Inside, ``__name__`` is ``"__main__"``, and the *arguments*
    are in ``sys.argv[1:]``. *keep* and *kept* are as in `Program`.
    """
    return Program(name, _packed(name), list(arguments), keep=keep, kept=kept)


@functools.cache
def _packed(name: str) -> str:
    """Return the text of a program as it travels; it is made once for each state of our sources."""
    state = texts.payload_state()
    file = paths.programs_dir() / name
    with contextlib.suppress(OSError, ValueError):
        first, _, packed = file.read_text(encoding="ascii").partition("\n")
        if first == f"{state} {zlib.crc32(packed.encode())}":
            return packed
    packed = base64.b64encode(zlib.compress(bare(texts.payload(name)).encode(), 9)).decode()
    with contextlib.suppress(OSError):  # then it is made the next time, too
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = file.with_suffix(f".{os.getpid()}")
        draft.write_text(f"{state} {zlib.crc32(packed.encode())}\n{packed}", encoding="ascii")
        draft.replace(file)
    return packed


def waiting() -> list[str]:
    """Return the argument list of an interpreter that waits for a program."""
    return ["sh", "-c", _START, "sh", _WAITING]


def bare(source: str) -> str:
    """Return *source* without docstrings and comments, which would cost bytes on every call."""
    return _COMMENT.sub("", _DOCSTRING.sub(r"\g<1>0\n", source))
