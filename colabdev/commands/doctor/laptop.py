"""The checks of this computer: ssh, its files, the editor, the settings."""

import os
import re
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from colabdev import paths
from colabdev.commands.doctor.causes import diagnosis
from colabdev.commands.doctor.check import (
    Finding,
    Patient,
    Step,
    ask,
    fail,
    ok,
    skipped,
    warn,
)
from colabdev.commands.words import word
from colabdev.editor.editors import EDITORS, named
from colabdev.editor.find import find
from colabdev.editor.links import list_command
from colabdev.errors import ColabdevError, InputError, system_says
from colabdev.language import mark, tr
from colabdev.remote import colab, sshconfig, usage
from colabdev.remote.runtime import Registry
from colabdev.remote.tunnels import colab_program
from colabdev.settings import KEYS, Source, setting

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS_READ = stat.S_IRWXG | stat.S_IRWXO
_HARMLESS = re.compile(r"LANG|LC_.*|COLORTERM|NO_COLOR")
_FIX = "colabdev doctor --fix"
_LOW = 0.1  # of the month's allowance


def ssh_words() -> list[str]:
    """Return the beginning of every ssh command: the config that the user's own ssh reads."""
    words = ["ssh"]
    if os.name == "posix":
        import pwd  # ssh looks into the login's home, whatever HOME says

        home = Path(pwd.getpwuid(os.getuid()).pw_dir)
        if home != Path.home():
            words += ["-F", str(paths.user_ssh_config())]
    return words


def _client(_: Patient) -> Finding:
    program = shutil.which("ssh")
    if program is None:
        return fail(
            tr("not there"),
            "PATH",
            tr(
                "Install the OpenSSH client: 'apt install openssh-client', or on Windows "
                "Settings > System > Optional features."
            ),
        )
    said = ask([program, "-V"]).stderr.strip() or tr("it said nothing")
    version = re.search(r"(\d+)\.(\d+)p?", said)
    if version and (int(version[1]), int(version[2])) < (7, 3):
        return fail(said, program, tr("Update it: 'Include' needs OpenSSH 7.3."))
    return ok(said.split(",")[0], program)


def _key(patient: Patient) -> Finding:
    path = paths.key_file()
    if not path.exists():
        if patient.runtime is None:
            return warn(tr("none yet"), str(path), "colabdev cell --copy")
        return fail(
            tr("not there"), str(path), tr("Render and run a new cell: colabdev cell --copy")
        )
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & _OTHERS_READ:
        return fail(tr("others may read it ({mode})", mode=f"{mode:o}"), str(path), _FIX)
    return ok(tr("private"), str(path))


def _fix_key(_: Patient) -> str:
    paths.key_file().chmod(0o600)
    return tr("{path} is yours alone now.", path=paths.key_file())


def _our_files(patient: Patient) -> Finding | None:
    if patient.runtime is None or patient.runtime.destination is None:
        return None
    config = paths.ssh_config_file()
    for path in (config, paths.known_hosts_file()):
        if not path.exists():
            return fail(tr("not there"), str(path), _FIX)
        if os.name == "posix" and path.stat().st_mode & _OTHERS_WRITE:
            return fail(tr("others may write it, so ssh refuses it"), str(path), _FIX)
    if sshconfig.render_block(patient.runtime) not in _text(config):
        return fail(
            tr("{alias} is not in it as it should be", alias=patient.runtime.alias),
            str(config),
            _FIX,
        )
    pinned = f"{patient.runtime.alias} {patient.runtime.destination.host_key}"
    if pinned not in _text(paths.known_hosts_file()).splitlines():
        return fail(tr("the pinned host key is missing"), str(paths.known_hosts_file()), _FIX)
    return ok(tr("{alias} is in them", alias=patient.runtime.alias), str(config.parent))


def _text(path: Path) -> str:
    """Return what stands in *path*, damaged or not."""
    return path.read_text(encoding="utf-8", errors="replace")


def _fix_our_files(_: Patient) -> str:
    sshconfig.write_ssh_files(Registry())
    return tr("Wrote {folder} anew.", folder=paths.ssh_dir())


def _user_config(_: Patient) -> Finding:
    path = paths.user_ssh_config()
    if not path.exists():
        return ok(tr("not there, which is fine"), str(path))
    if os.name == "posix" and path.stat().st_mode & _OTHERS_WRITE:
        return fail(tr("others may write it, so ssh refuses to run at all"), str(path), _FIX)
    return ok(tr("yours alone to write"), str(path))


def _fix_user_config(_: Patient) -> str:
    path = paths.user_ssh_config()
    path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_OTHERS_WRITE)
    return tr("Nobody else may write {path} now.", path=path)


def _include(patient: Patient) -> Finding | None:
    if patient.runtime is None or patient.runtime.destination is None:
        return None
    path = paths.user_ssh_config()
    if sshconfig.include_present():
        return ok(tr("at the top, in force for every host"), str(path))
    text = _text(path) if path.exists() else ""
    below = str(paths.ssh_config_file()) in text
    found = tr("below a Host, where it counts for that alone") if below else tr("missing")
    return fail(found, str(path), _FIX)


def _fix_include(_: Patient) -> str:
    sshconfig.ensure_include()
    return tr("{path} includes colabdev's config at its top.", path=paths.user_ssh_config())


def _host_star(patient: Patient) -> Finding | None:
    """Look for what adds up over all Host blocks, and no block of ours can undo."""
    if patient.runtime is None or patient.runtime.destination is None:
        return None
    asked = ask([*ssh_words(), "-G", patient.runtime.alias])
    if asked.returncode:
        why = diagnosis(asked.stderr)
        return fail(why.sentence, "ssh -G", why.step)
    extra = []
    for line in asked.stdout.splitlines():
        name, _, value = line.partition(" ")
        forwards = name in ("localforward", "remoteforward", "dynamicforward")
        sends = name == "setenv" or (name == "sendenv" and not _HARMLESS.fullmatch(value))
        if forwards or sends:
            extra.append(f"{name} {value}" if name != "setenv" else name)
    if extra:
        return warn(
            ", ".join(extra),
            f"ssh -G {patient.runtime.alias}",
            tr("They reach the runtime as well: move them from 'Host *' to a host of their own."),
        )
    return ok(tr("nothing is forwarded or sent along"), f"ssh -G {patient.runtime.alias}")


def _editor(patient: Patient) -> Finding:
    wanted = setting("editor").value
    found = find(patient.system, (named(wanted),) if wanted else EDITORS)
    if found is None:
        names = wanted or ", ".join(editor.title for editor in EDITORS)
        return warn(
            tr("none of {names}", names=names),
            "PATH",
            tr("Install VS Code: https://code.visualstudio.com/download"),
        )
    if found.windows:
        return warn(
            tr(
                "{editor} of Windows, which reads Windows' own SSH files", editor=found.editor.title
            ),
            found.program,
            tr("Install colabdev in Windows as well: pip install colabdev"),
        )
    return ok(found.editor.title, found.program)


def _extension(patient: Patient) -> Finding:
    wanted = setting("editor").value
    found = find(patient.system, (named(wanted),) if wanted else EDITORS)
    if found is None or found.windows:
        return skipped(tr("there is no editor to ask"))
    extension = found.editor.extension
    if found.editor.bundled:
        return ok(tr("{extension} comes with it", extension=extension), found.editor.title)
    asked = ask(list_command(found))
    if extension in asked.stdout.lower().split():
        return ok(extension, " ".join(list_command(found)))
    return warn(
        tr("{extension} is missing", extension=extension),
        " ".join(list_command(found)),
        "colabdev code --install-extension",
    )


def _cloudflared(patient: Patient) -> Finding | None:
    destination = patient.runtime.destination if patient.runtime else None
    if destination is None or destination.via != "cloudflared":
        return None
    program = shutil.which("cloudflared")
    if program is None:
        return fail(
            tr("not there, and the road goes through it"),
            "PATH",
            tr("Get cloudflared from https://github.com/cloudflare/cloudflared/releases/latest"),
        )
    return ok(tr("there"), program)


def _google(patient: Patient) -> Finding | None:
    destination = patient.runtime.destination if patient.runtime else None
    if destination is None or destination.via != "colab":
        return None
    try:
        program = colab_program()
    except InputError as error:
        return fail(tr("not there, and the road goes through it"), "PATH", error.hint)
    try:
        colab.check(destination)
    except ColabdevError as error:
        return fail(error.message, program, error.hint)
    return ok(tr("it knows {session}", session=destination.hostname), program)


def _token(_: Patient) -> Finding:
    """Tell whether there is a token, and nothing of it."""
    names = [name for name in ("NGROK_AUTHTOKEN", "NGROK_API_KEY") if os.environ.get(name)]
    if names:
        return ok(tr("set (not shown)"), ", ".join(names))
    if setting("ngrok_api_key").value:
        return ok(tr("set (not shown)"), str(paths.config_file()))
    return ok(tr("none here; the cell takes it from Colab's Secrets"), tr("environment"))


def _settings(_: Patient) -> Finding:
    try:
        changed = [one for one in map(setting, KEYS) if one.source is not Source.DEFAULT]
    except InputError as error:
        return fail(error.message, str(paths.config_file()), error.hint)
    if not changed:
        return ok(tr("all at their defaults"), str(paths.config_file()))
    places = (one.where or word(one.source) for one in changed)
    shown = ", ".join(
        f"{one.name} = {one.shown} ({where})" for one, where in zip(changed, places, strict=True)
    )
    return ok(shown, "colabdev config show")


def _allowance(patient: Patient) -> Finding | None:
    destination = patient.runtime.destination if patient.runtime else None
    if destination is not None and destination.via not in usage.METERED:
        return None
    left = usage.this_month().left()
    found = tr(
        "{megabytes} MB and {connections} connections left of ngrok's free month (an estimate)",
        megabytes=left.bytes // 1_000_000,
        connections=left.connections,
    )
    low = left.bytes < _LOW * usage.FREE_BYTES or left.connections < _LOW * usage.FREE_CONNECTIONS
    source = str(paths.usage_file())
    if low:
        return warn(found, source, tr("Look at https://dashboard.ngrok.com/usage"))
    return ok(found, source)


def guarded(look: object, patient: Patient) -> Finding | None:
    """Return what *look* finds; a file that it cannot read is a finding too."""
    assert callable(look)
    try:
        finding: Finding | None = look(patient)
    except ColabdevError as error:
        return fail(error.message, "", error.hint)
    except OSError as error:
        return fail(
            f"{error.filename}: {system_says(error)}",
            "",
            tr("Check its permissions and its folder's."),
        )
    return finding


STEPS: Sequence[Step] = (
    Step(mark("OpenSSH client"), _client),
    Step(mark("key"), _key, fix=_fix_key),
    Step(mark("user's SSH config"), _user_config, fix=_fix_user_config),
    Step(mark("colabdev's SSH files"), _our_files, fix=_fix_our_files),
    Step(mark("Include line"), _include, fix=_fix_include),
    Step(mark("Host *"), _host_star, ("OpenSSH client", "user's SSH config", "Include line")),
    Step(mark("settings"), _settings),
    Step(mark("editor"), _editor, ("settings",)),
    Step(mark("extension"), _extension, ("settings", "editor")),
    Step(mark("cloudflared"), _cloudflared),
    Step(mark("Google's CLI"), _google),
    Step(mark("ngrok token"), _token, ("settings",)),
    Step(mark("tunnel allowance"), _allowance),
)
