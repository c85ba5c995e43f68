"""The language of what a user reads: English sentences, looked up in a catalogue."""

import gettext
import os
from pathlib import Path

DOMAIN = "colabdev"
LANGUAGES = ("en", "ko")


def folder() -> Path:
    """Return where the catalogues lie."""
    return Path(__file__).parent / "locale"


def choose(wanted: str = "") -> None:
    """Speak *wanted* from here on, by default what the environment names (LANGUAGE, LC_ALL, LANG).

    click looks its own texts up in the same domain. gettext takes the language from the
    environment alone, so a wish that differs is put there; programs started from here share it.
    """
    gettext.bindtextdomain(DOMAIN, str(folder()))
    gettext.textdomain(DOMAIN)
    named = [name[:2] for name in os.environ.get("LANGUAGE", "").split(":")]
    if next((name for name in named if name in LANGUAGES), "") == "en":
        os.environ["LANGUAGE"] = "en"  # it has no catalogue, and what is named behind it would win
    if wanted in LANGUAGES and wanted != spoken():
        os.environ["LANGUAGE"] = wanted


def spoken() -> str:
    """Return the language that is spoken, one of `LANGUAGES`."""
    return "ko" if gettext.find(DOMAIN, str(folder())) else "en"


def tr(message: str, /, **values: object) -> str:
    """Return *message* in the user's language with *values* in the place of its ``{names}``.

    *message* is the English sentence as it stands in the source, so that the catalogue's tools
    find it; never a text put together at run time.
    """
    return gettext.gettext(message).format(**values)


def mark(message: str, /) -> str:
    """Return *message* as it is: it stands in a table, and `tr` says it where it is shown."""
    return message


def tr_n(one: str, many: str, count: int, /, **values: object) -> str:
    """Return *one* or *many*, whichever fits *count*, as `tr` does; ``{count}`` is *count*."""
    return gettext.ngettext(one, many, count).format(count=count, **values)
