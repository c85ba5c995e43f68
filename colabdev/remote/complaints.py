"""What the programs of the roads complain of, and what that means to a user."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from colabdev.errors import (
    ColabdevError,
    HostKeyMismatch,
    HostUnreachable,
    LoginRefused,
    RuntimeGone,
)
from colabdev.language import tr
from colabdev.remote.destination import Destination


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a road's program says (*pattern*) and what that means; both texts name a place."""

    via: str
    pattern: str
    kind: type[ColabdevError]
    sentence: Callable[[str], str]
    hint: Callable[[str], str]


COMPLAINTS = (
    Complaint(
        "relay",
        r"Host key verification failed",
        HostKeyMismatch,
        lambda place: tr("Another machine answers in the relay's place, {place}.", place=place),
        lambda _: tr("If the relay was set up anew, run the cell again for its new key."),
    ),
    Complaint(
        "relay",
        r"Permission denied",
        LoginRefused,
        lambda place: tr("The relay {place} refuses this computer's own SSH keys.", place=place),
        lambda place: tr(
            "See that 'ssh {place}' works without a password; or name the key: "
            "colabdev connect --identity FILE '...'",
            place=place,
        ),
    ),
    Complaint(
        "relay",
        r"administratively prohibited",
        HostUnreachable,
        lambda place: tr("The relay {place} forwards nothing for this login.", place=place),
        lambda _: tr("Its sshd needs 'AllowTcpForwarding yes' for you."),
    ),
    Complaint(
        "relay",
        r"open failed|stdio forwarding failed",
        HostUnreachable,
        lambda place: tr("The relay {place} is there, but the machine is not.", place=place),
        lambda _: tr("Run the cell again and connect with the string it prints."),
    ),
    Complaint(
        "relay",
        r"Could not resolve|Connection (refused|timed out)|No route",
        HostUnreachable,
        lambda place: tr("The relay {place} cannot be reached.", place=place),
        lambda _: tr("Check this computer's network, and the relay itself."),
    ),
    Complaint(
        "cloudflared",
        r"no such host|lookup ",
        HostUnreachable,
        lambda place: tr("The name {place} does not resolve: that tunnel is gone.", place=place),
        lambda _: tr("Run the cell again and connect with the string it prints."),
    ),
    Complaint(
        "cloudflared",
        r"bad handshake",
        HostUnreachable,
        lambda place: tr("Cloudflare knows no tunnel behind {place} any more.", place=place),
        lambda _: tr("Run the cell again and connect with the string it prints."),
    ),
    # What Google's CLI says of `status`, `new` and `ssh`, as its published source has it.
    Complaint(
        "colab",
        r"Session '[^']*' not found",
        RuntimeGone,
        lambda place: tr("The runtime {place} has ended: Colab knows it no more.", place=place),
        lambda place: tr("Make a new one: colabdev connect --via colab -s {place}", place=place),
    ),
    Complaint(
        "colab",
        r"Creating runtime",
        RuntimeGone,
        lambda place: tr(
            "The runtime {place} had just ended, and Google's CLI made a new one by that name.",
            place=place,
        ),
        lambda place: tr(
            "Use it: colabdev connect --via colab -s {place}; or end it: colab stop -s {place}",
            place=place,
        ),
    ),
    Complaint(
        "colab",
        r"HTTP 404",
        HostUnreachable,
        lambda place: tr("The runtime {place} was made without SSH.", place=place),
        lambda place: tr("End it with 'colab stop -s {place}' and connect again.", place=place),
    ),
    Complaint(
        "colab",
        r"HTTP 429",
        HostUnreachable,
        lambda place: tr(
            "Another SSH connection holds the only one that the runtime {place} takes.", place=place
        ),
        lambda _: tr("Close it ('colab ssh', another computer, a --no-link), and try again."),
    ),
    Complaint(
        "colab",
        r"HTTP 502",
        HostUnreachable,
        lambda place: tr("The runtime {place} is there, its SSH server is not.", place=place),
        lambda place: tr(
            "Try again in a minute. If it stays so, end it: colab stop -s {place}", place=place
        ),
    ),
    Complaint(
        "colab",
        r"HTTP 400",
        LoginRefused,
        lambda place: tr("Colab takes this computer's key for no login to {place}.", place=place),
        lambda _: tr("Update Google's CLI: uv tool upgrade google-colab-cli"),
    ),
    Complaint(
        "colab",
        r"HTTP 40[13]|Unauthorized|Forbidden",
        HostUnreachable,
        lambda place: tr("Colab does not let Google's CLI into {place}.", place=place),
        lambda _: tr("Log in anew with 'colab sessions'; see that it is the same account."),
    ),
    Complaint(
        "colab",
        r"DefaultCredentialsError|RefreshError|OAuth config not found|EOFError|Aborted",
        HostUnreachable,
        lambda place: tr(
            "Google's CLI is not logged in, and so cannot reach {place}.", place=place
        ),
        lambda _: tr("Run 'colab sessions', follow what it says, and try again."),
    ),
    Complaint(
        "colab",
        r"Backend rejected accelerator",
        HostUnreachable,
        lambda place: tr(
            "Colab gives this account no such GPU; {place} was not made.", place=place
        ),
        lambda _: tr("Try --gpu T4, or leave --gpu out for a runtime without one."),
    ),
    Complaint(
        "colab",
        r"TooManyAssignments|HTTP 412",
        HostUnreachable,
        lambda place: tr(
            "This account has as many runtimes as Colab allows it; {place} was not made.",
            place=place,
        ),
        lambda _: tr("See them with 'colab sessions', and end one: colab stop -s NAME"),
    ),
    Complaint(
        "colab",
        r"No such (command|option)",
        HostUnreachable,
        lambda place: tr(
            "This version of Google's CLI has no 'colab ssh --proxy-mode' to reach {place} by.",
            place=place,
        ),
        lambda _: tr("Update it: uv tool upgrade google-colab-cli"),
    ),
    Complaint(
        "colab",
        r"WebSocket|ConnectionError|Max retries|[Tt]imed? ?out",
        HostUnreachable,
        lambda place: tr("Google's CLI does not reach Colab, and so not {place}.", place=place),
        lambda _: tr("Check this computer's network and try again."),
    ),
)


def complaint(destination: Destination, said: str) -> ColabdevError:
    """Return what it means that the program of the road said *said* before SSH was reached."""
    place = str(destination.relay) if destination.relay else destination.hostname
    for known in COMPLAINTS:
        if known.via == destination.via and re.search(known.pattern, said):
            return known.kind(known.sentence(place), known.hint(place))
    last = (said.strip() or "-").splitlines()[-1][:300]
    hint = tr(
        "Try again. If it stays so, run the cell again and connect with the string it prints."
    )
    if destination.via == "colab":
        hint = tr("Try again. If it stays so, see: colab status -s {place}", place=place)
    return HostUnreachable(
        tr("The {via} road to {place} failed: {said}", via=destination.via, place=place, said=last),
        hint,
    )
