"""What ssh means by what it says: VS Code shows none of it but "Could not establish connection"."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from colabdev.language import tr


@dataclass(frozen=True, slots=True)
class Cause:
    """A *pattern* in ssh's words, what it means and what to do; both may use its groups."""

    pattern: str
    sentence: Callable[["re.Match[str]"], str]
    step: Callable[["re.Match[str]"], str]
    host_key: bool = False  # the far side is another machine: no login was tried
    known: bool = False  # it is the right machine: its host key was taken


def _again(_: "re.Match[str]") -> str:
    return tr("Run the cell again and connect with the string it prints.")


def _fix(_: "re.Match[str]") -> str:
    return "colabdev doctor --fix"


CAUSES = (
    Cause(
        r"Bad owner or permissions on (.+)",
        lambda said: tr("Others may write {file}, so ssh refuses to run at all.", file=said[1]),
        lambda said: f"chmod go-w '{said[1].strip()}'",
    ),
    Cause(
        r"(.+): line (\d+): Bad configuration option: (\S+)",
        lambda said: tr("ssh does not know the option {name} in its config.", name=said[3]),
        lambda said: tr("Take out line {line} of {file}.", line=said[2], file=said[1]),
    ),
    Cause(
        r"UNPROTECTED PRIVATE KEY FILE",
        lambda _: tr("Others may read the private key, so ssh does not use it."),
        _fix,
    ),
    Cause(
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        lambda _: tr("Another machine answers at the address, with another host key."),
        _again,
        host_key=True,
    ),
    Cause(
        r"No \S+ host key is known|Host key verification failed",
        lambda _: tr("The host key of the machine is not the one that was pinned."),
        _again,
        host_key=True,
    ),
    Cause(
        r"Too many authentication failures",
        lambda _: tr("ssh offered too many keys before the right one."),
        _fix,
        known=True,
    ),
    Cause(
        r"Permission denied",
        lambda _: tr("It is the right machine, but it refuses this computer's key."),
        lambda _: tr("Render the cell on this computer and run that one: colabdev cell --copy"),
        known=True,
    ),
    Cause(
        r"Could not resolve hostname (\S+?):",
        lambda said: tr("The name {host} does not resolve.", host=said[1]),
        lambda _: tr("Connect again with what the cell prints, or check the Include line: --fix"),
    ),
    Cause(r"Connection refused", lambda _: tr("Nothing listens at the address."), _again),
    Cause(
        r"timed out|No route to host|Network is unreachable",
        lambda _: tr("The address does not answer."),
        lambda _: tr("Check this computer's network; if it is fine, run the cell again."),
    ),
    Cause(
        r"kex_exchange_identification|banner|Connection closed by|Connection reset",
        lambda _: tr("The tunnel is up, but no SSH server answers behind it."),
        _again,
    ),
    Cause(
        r"Unable to negotiate|no matching (.+) found",
        lambda _: tr("ssh and the server find no common ground."),
        lambda _: tr("Update the OpenSSH client."),
    ),
    Cause(
        r"administratively prohibited",
        lambda _: tr("The server allows no forwarding, which VS Code needs."),
        _again,
    ),
    Cause(
        r"Address already in use|cannot listen to port|forwarding failed|local forwarding",
        lambda _: tr("A LocalForward of the SSH config asks for a port that is taken."),
        lambda _: tr("Take LocalForward out of 'Host *', or move it below a host of its own."),
    ),
    Cause(
        r"(\S+): (?:not found|command not found|No such file or directory)",
        lambda said: tr("The program {name} of the road is missing.", name=said[1]),
        lambda said: tr("Install {name}, then run the doctor again.", name=said[1]),
    ),
    Cause(r"Broken pipe|lost connection", lambda _: tr("The connection broke."), _again),
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why ssh failed: one *sentence*, one *step*.

    Whether the *host_key* was wrong, or the machine is *known* by it; neither when ssh did not get
    that far.
    """

    sentence: str
    step: str
    host_key: bool = False
    known: bool = False


def diagnosis(said: str) -> Diagnosis:
    """Return what the words *said* of a failed ssh mean."""
    for cause in CAUSES:
        match = re.search(cause.pattern, said)
        if match is not None:
            sentence, step = cause.sentence(match), cause.step(match)
            return Diagnosis(sentence, step, cause.host_key, cause.known)
    lines = [line for line in said.strip().splitlines() if line.strip()]
    last = lines[-1].strip()[:200] if lines else tr("it said nothing")
    return Diagnosis(
        tr("ssh failed: {said}", said=last), tr("See 'ssh -v' for more, or run the cell again.")
    )
