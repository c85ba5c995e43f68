"""``colabdev disconnect``: forget a runtime and take back what connecting put on this computer."""

from colabdev import paths
from colabdev.commands.reporter import Reporter
from colabdev.editor.settings import forget_everywhere
from colabdev.errors import ConfigError, InputError
from colabdev.language import tr
from colabdev.remote import sshconfig
from colabdev.remote.runtime import Registry, Runtime


def disconnect(alias: str | None, reporter: Reporter) -> Runtime | None:
    """Forget the runtime *alias*, or the only one for None; return it, None if it was not known.

    The machine itself goes on running. With the last runtime our line leaves ``~/.ssh/config``.

    Raises:
        InputError: there are several, and *alias* names none.
        ConfigError: a file of ours cannot be written.
    """
    registry = Registry()
    known = {runtime.alias: runtime for runtime in registry.all()}
    if alias is None and len(known) > 1:
        raise InputError(
            tr("Several runtimes are known."),
            tr("Name the one to forget: {known}.", known=", ".join(known)),
        )
    gone = known.pop(alias or next(iter(known), ""), None)
    if gone is not None:
        registry.forget(gone.alias)
        reporter.done(_farewell(gone))
    else:
        reporter.done(
            tr("There is no runtime {alias}, so nothing is to be done.", alias=alias)
            if alias
            else tr("There is no runtime, so nothing is to be done.")
        )
    sshconfig.write_ssh_files(registry)
    if gone is not None:
        take_out_of_editors(gone.alias, reporter)
    if not known:
        _take_out_include(reporter)
    return gone


def take_out_of_editors(alias: str, reporter: Reporter) -> None:
    """Take the *alias* that is no runtime's any more out of the editors' settings."""
    try:
        for path in forget_everywhere([alias]):
            reporter.done(tr("{path} no longer names {alias}.", path=path, alias=alias))
    except ConfigError as error:  # what is left behind says of an unknown host that it runs Linux
        reporter.warn(error.message)


def _farewell(gone: Runtime) -> str:
    if gone.destination is not None and gone.destination.via == "colab":
        return tr(
            "Forgot {alias}. The runtime goes on and uses compute units; to end it: "
            "colab stop -s {session}",
            alias=gone.alias,
            session=gone.destination.hostname,
        )
    return tr(
        "Forgot {alias}. The machine goes on: colabdev_stop() in its notebook "
        "ends it ('colabdev down' if it runs on this computer).",
        alias=gone.alias,
    )


def _take_out_include(reporter: Reporter) -> None:
    try:
        removed = sshconfig.remove_include()
    except ConfigError as error:  # the line left behind includes a file without hosts: harmless
        reporter.warn(
            error.message,
            tr("Take out the line yourself: {include_line}", include_line=sshconfig.include_line()),
        )
        return
    if removed:
        reporter.done(
            tr(
                "{user_ssh_config} no longer includes {ssh_config_file}.",
                user_ssh_config=paths.user_ssh_config(),
                ssh_config_file=paths.ssh_config_file(),
            )
        )
