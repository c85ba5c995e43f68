"""``colabdev connect``: prove that a machine is the one its connect string names; remember it."""

import datetime
from dataclasses import dataclass, replace
from pathlib import Path

from colabdev import paths
from colabdev.commands.hardware import remember_hardware, warn_of_the_end
from colabdev.commands.reporter import Reporter
from colabdev.errors import ConfigError, InputError, RuntimeGone
from colabdev.language import tr
from colabdev.remote import sshconfig
from colabdev.remote.destination import ConnectString, parse_connect_string
from colabdev.remote.host import HostFacts, host_facts
from colabdev.remote.runtime import Registry, Runtime, check_alias
from colabdev.remote.ssh import SSHTransport
from colabdev.remote.sshkey import ensure_key


@dataclass(frozen=True, slots=True)
class Connection:
    """A proved and recorded runtime, and what the machine says of itself (torch was not asked)."""

    runtime: Runtime
    facts: HostFacts


def connect(
    text: str,
    alias: str,
    reporter: Reporter,
    *,
    identity: str = "",
    stable: bool = False,
    now: datetime.datetime | None = None,
) -> Connection:
    """Log in by the connect string *text* and record the machine as *alias*.

    But for the laptop's own key nothing is written before the login is proved against the pinned
    host key. A known alias gets the new address. *identity* is the user's key file for a relay on
    the way; for *stable* see `Runtime`.

    Raises:
        BadConnectString: *text* is none, or the alias cannot be one (InputError).
        TransportError: the machine cannot be reached, is another one, or refuses the key.
        RuntimeGone: the machine has been started anew since the string was printed.
        ConfigError: a file of ours cannot be written.
    """
    check_alias(alias)
    wanted = parse_connect_string(text)
    if identity and wanted.destination.relay is None:
        raise InputError(
            tr("There is no relay on the way that --identity could be for."),
            tr("Leave it out: the machine knows this computer's own key."),
        )
    own = str(Path(identity).expanduser().absolute()) if identity else ""
    return connect_to(wanted, own, alias, reporter, stable=stable, now=now)


def connect_to(
    wanted: ConnectString,
    identity: str,
    alias: str,
    reporter: Reporter,
    *,
    stable: bool = False,
    now: datetime.datetime | None = None,
) -> Connection:
    """Log in to *wanted*, whose alias was checked, and record it as `connect` does."""
    wanted = replace(wanted, destination=replace(wanted.destination, identity=identity))
    ensure_key()
    with (
        reporter.step(tr("Logging in to {destination}", destination=wanted.destination)),
        SSHTransport.connect(wanted.destination, paths.key_file(), wait=False) as transport,
    ):
        facts = host_facts(transport, wanted.root, torch=False)
    if facts.boot_id != wanted.boot_id:
        raise RuntimeGone(
            tr(
                "The machine at {destination} is in another life than this connect "
                "string: it has been started anew since, or its folder ~/.colabdev was "
                "removed.",
                destination=wanted.destination,
            ),
            tr("Run the cell again and connect with the string it prints."),
        )
    return record(wanted, facts, alias, reporter, stable=stable, now=now)


def record(
    wanted: ConnectString,
    facts: HostFacts,
    alias: str,
    reporter: Reporter,
    *,
    stable: bool = False,
    now: datetime.datetime | None = None,
) -> Connection:
    """Write down the proved machine *wanted* as *alias*, for colabdev and for ssh."""
    registry = Registry()
    before = {runtime.alias: runtime for runtime in registry.all()}.get(alias)
    registered = (now or datetime.datetime.now(datetime.UTC)).isoformat(timespec="microseconds")
    runtime = Runtime(alias, wanted.destination, wanted.boot_id, wanted.root, registered, stable)
    registry.put(runtime)
    remember_hardware(facts)
    sshconfig.write_ssh_files(registry)
    reporter.done(_welcome(runtime, before))
    _include(reporter)
    warn_of_the_end(runtime, reporter)
    return Connection(runtime, facts)


def _welcome(runtime: Runtime, before: Runtime | None) -> str:
    sentence = tr(
        "Connected: {alias} is {destination}, workspace {root}.",
        alias=runtime.alias,
        destination=runtime.destination,
        root=runtime.root,
    )
    if before is None:
        return sentence
    if before.boot_id != runtime.boot_id:
        more = tr("It is a fresh machine: files and jobs of the one before are not there.")
    elif before.destination != runtime.destination:
        more = tr("It is the same machine as before at a new address.")
    else:
        more = tr("It was connected already.")
    return f"{sentence} {more}"


def _include(reporter: Reporter) -> None:
    try:
        added = sshconfig.ensure_include()
    except ConfigError as error:  # the runtime is there and works: only plain `ssh ALIAS` does not
        reporter.warn(error.message, error.hint)
        return
    if added:
        reporter.done(
            tr(
                "{user_ssh_config} now includes {ssh_config_file}.",
                user_ssh_config=paths.user_ssh_config(),
                ssh_config_file=paths.ssh_config_file(),
            )
        )
