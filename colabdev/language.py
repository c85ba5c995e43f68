"""The language of what a user reads: English sentences, looked up in a catalogue."""

import gettext


def tr(message: str, /, **values: object) -> str:
    """Return *message* in the user's language with *values* in the place of its ``{names}``.

    *message* is the English sentence as it stands in the source, so that the catalogue's tools
    find it; never a text put together at run time.
    """
    return gettext.gettext(message).format(**values)


def tr_n(one: str, many: str, count: int, /, **values: object) -> str:
    """Return *one* or *many*, whichever fits *count*, as `tr` does; ``{count}`` is *count*."""
    return gettext.ngettext(one, many, count).format(count=count, **values)
