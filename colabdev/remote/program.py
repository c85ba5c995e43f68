"""Run one of our programs on a machine: its source travels inside the request that starts it."""

import base64
import re
import zlib
from collections.abc import Sequence

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


# A docstring is a triple-quoted string that begins a line: so much holds of all of the payload.
_DOCSTRING = re.compile(r'^([ \t]*)"""(?:.|\n)*?"""[ \t]*\n', re.M)
_COMMENT = re.compile(r"^[ \t]*#.*\n", re.M)


def program(name: str, *arguments: str) -> Sequence[str]:
    """Return the argument list that runs ``payload/<name>.py`` with *arguments* on any machine.

    It runs under the notebook kernel's interpreter, which the cell names in ``COLABDEV_PYTHON``,
    else under the first ``python3``. Inside, ``__name__`` is ``"__main__"``, ``sys.argv[1:]`` are
    the *arguments* and the global ``SOURCE`` is the program's own text.
    """
    packed = base64.b64encode(zlib.compress(bare(texts.payload(name)).encode(), 9)).decode()
    code = _LOADER.format(packed=packed, name=name)
    assert len(code) < _LIMIT, f"payload {name} has outgrown one argument"
    start = 'exec "${COLABDEV_PYTHON:-python3}" -c "$@"'
    return ["sh", "-c", start, "sh", code, *arguments]


def bare(source: str) -> str:
    """Return *source* without docstrings and comments, which would cost bytes on every call."""
    return _COMMENT.sub("", _DOCSTRING.sub(r"\g<1>0\n", source))
