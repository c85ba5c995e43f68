"""The clipboard of this desktop: put text on it, and look at what is there."""

from colabdev.errors import InputError
from colabdev.language import tr


def copy(text: str) -> None:
    """Put *text* on the clipboard of this desktop.

    Raises:
        InputError: there is none, as over SSH or without xclip or wl-clipboard on Linux.
    """
    import pyperclip

    try:
        pyperclip.copy(text)
    except pyperclip.PyperclipException as error:
        raise InputError(
            tr("There is no clipboard to copy to from here."),
            tr("Linux needs xclip or wl-clipboard; or write it to a file: colabdev cell > cell.py"),
        ) from error


def paste() -> str:
    """Return the text on the clipboard, ``""`` where there is none or no clipboard."""
    import pyperclip

    try:
        return str(pyperclip.paste())
    except (pyperclip.PyperclipException, UnicodeDecodeError):
        return ""
