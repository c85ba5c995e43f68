"""How something stands, in the words that people read; programs and commands take the English."""

from colabdev.language import mark, tr

WORDS = (
    *(mark("up"), mark("gone"), mark("unreachable")),  # a runtime
    *(mark("pending"), mark("running"), mark("succeeded"), mark("failed")),  # a job, a run
    *(mark("cancelled"), mark("lost"), mark("detached"), mark("interrupted")),
    *(mark("run"), mark("exercise")),  # what was recorded
    *(mark("ok"), mark("warn"), mark("fail"), mark("skipped")),  # a check of the doctor's
    *(mark("flag"), mark("environment"), mark("project"), mark("config"), mark("default")),
    *(mark("terminal"), mark("editor")),  # who is connected; the other names are programs'
)


def word(value: str) -> str:
    """Return *value*, a state or the like, in the user's language; an unknown one as it is."""
    return tr(value) if value in WORDS else value
