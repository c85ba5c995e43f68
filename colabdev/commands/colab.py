"""``colabdev connect --via colab``: a runtime of Google's own CLI, made where there is none."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from colabdev import paths
from colabdev.commands.connect import Connection, record
from colabdev.commands.direct import checked, settle
from colabdev.commands.reporter import Reporter
from colabdev.errors import ColabdevError, HostKeyMismatch
from colabdev.language import tr
from colabdev.remote import colab
from colabdev.remote.destination import ConnectString, Destination, fingerprint
from colabdev.remote.host import host_facts
from colabdev.remote.link.client import tell
from colabdev.remote.runtime import Registry, Runtime, check_alias
from colabdev.remote.ssh import SSHTransport
from colabdev.remote.ssh.scan import scan
from colabdev.remote.sshkey import ensure_key
from colabdev.store import locked, private_dir


def connect_colab(session: str, alias: str, reporter: Reporter, *, gpu: str = "") -> Connection:
    """Log in to the runtime *session* of Google's CLI and record it as *alias*.

    One that the CLI does not know is made, with a *gpu* of `colab.GPUS` or none. The CLI takes us
    there by the user's Google account, so the host key that is met on that road is the machine's:
    it is learned once and pinned.

    Raises:
        InputError: *session* or *alias* cannot be a name.
        ConfigError: Google's CLI is not on this computer.
        TransportError: Colab gives no runtime, or it cannot be reached.
    """
    check_alias(alias)
    there = colab.place(session)
    ensure_key()
    _give_way(there)
    with _made(there, gpu, reporter):
        with reporter.step(tr("Asking {place} for its host key", place=there)):
            there = replace(there, host_key=scan(there))
        with (
            reporter.step(tr("Logging in to {place}", place=there)),
            SSHTransport.connect(there, paths.key_file(), wait=False) as transport,
        ):
            where = checked(ConnectString(there, *settle(transport)))
            _check_life(where)
            facts = host_facts(transport, where.root, torch=False)
        connection = record(where, facts, alias, reporter)
    reporter.done(
        tr(
            "Its host key is {fingerprint}, learned over Colab's own road and pinned. "
            "The runtime uses compute units until you end it: colab stop -s {session}",
            fingerprint=fingerprint(there.host_key),
            session=session,
        )
    )
    return connection


def alias_of(session: str) -> str:
    """Return the alias that the runtime *session* has already, else *session* itself."""
    return next((runtime.alias for runtime in _known(colab.place(session))), session)


def _known(there: Destination) -> Iterator[Runtime]:
    for runtime in Registry().all():
        known = runtime.destination
        if known and (known.via, known.hostname) == (there.via, there.hostname):
            yield runtime


def _give_way(there: Destination) -> None:
    """Let go of the only connection that the runtime takes, where a link of ours has it."""
    for runtime in _known(there):
        tell(runtime.alias, "leave")


def _check_life(where: ConnectString) -> None:
    """Refuse another host key for a life of the machine that is known already."""
    for runtime in _known(where.destination):
        known = runtime.destination
        same = runtime.boot_id == where.boot_id
        if same and known and known.host_key != where.destination.host_key:
            raise HostKeyMismatch(
                tr("{place} shows another host key than before.", place=where.destination.hostname),
                tr(
                    "If that is no surprise: colabdev runtimes forget {alias}, and connect again.",
                    alias=runtime.alias,
                ),
            )


@contextlib.contextmanager
def _made(there: Destination, gpu: str, reporter: Reporter) -> Iterator[None]:
    """See to the runtime *there*; when the block fails, say that a new one goes on and costs."""
    session = there.hostname
    private_dir(paths.home())
    # Two at once would make two, and Google's CLI would lose sight of the first.
    with locked(paths.home() / "colab", timeout=900):
        with reporter.step(tr("Asking Google's CLI for the runtime {session}", session=session)):
            new = not colab.exists(there)
        if new:
            with reporter.step(tr("Making the runtime {session}", session=session)):
                _make(there, gpu, reporter)
            reporter.done(tr("Made the runtime {session}.", session=session))
        elif gpu:
            reporter.warn(
                tr("The runtime {session} is there already: --gpu has no effect.", session=session),
                tr("For another GPU: colab stop -s {session}, then this again.", session=session),
            )
    try:
        yield
    except (ColabdevError, KeyboardInterrupt):
        if new:
            reporter.warn(
                tr("The runtime {session} goes on and uses compute units.", session=session),
                tr("End it: colab stop -s {session}", session=session),
            )
        raise


def _make(there: Destination, gpu: str, reporter: Reporter) -> None:
    try:
        colab.make(there, gpu)
    except KeyboardInterrupt:
        reporter.warn(
            tr("'colab new' may still make the runtime {session}.", session=there.hostname),
            tr(
                "Look with 'colab sessions'; end it: colab stop -s {session}",
                session=there.hostname,
            ),
        )
        raise
