"""All checks in turn: what depends on a failed one is skipped and says by which."""

from collections.abc import Iterator, Sequence

from colabdev.commands.doctor import laptop, machine, road
from colabdev.commands.doctor.check import Check, Finding, Patient, Step, Verdict, skipped
from colabdev.commands.reporter import Reporter
from colabdev.editor.find import System, this_system
from colabdev.language import tr
from colabdev.remote.runtime import Registry


def examine(
    alias: str | None, reporter: Reporter, *, fix: bool = False, system: System | None = None
) -> list[Check]:
    """Check this computer and the runtime *alias*, by default the one connected last.

    Without any runtime it is this computer alone. With *fix* what is safe to mend is mended first,
    and each thing done is told.

    Raises:
        InputError: *alias* is not known.
    """
    registry = Registry()
    runtime = registry.get(alias) if alias is not None or registry.all() else None
    patient = Patient(system or this_system(), runtime)
    far = runtime is not None and runtime.destination is not None
    steps = [*laptop.STEPS, *(road.STEPS if far else ()), *(machine.STEPS if far else ())]
    with reporter.step(tr("Examining")) as progress:
        checks: list[Check] = []
        for step in steps:
            progress.say(tr("Looking at: {what}", what=tr(step.name)))
            checks += _checked(step, patient, checks, reporter, fix=fix)
    return checks


def _checked(
    step: Step, patient: Patient, before: Sequence[Check], reporter: Reporter, *, fix: bool
) -> Iterator[Check]:
    """Yield the check of *step*, or nothing when it does not apply to *patient*."""
    broken = [
        check.name
        for check in before
        if check.name in step.needs and check.verdict in (Verdict.FAIL, Verdict.SKIPPED)
    ]
    finding: Finding | None
    if broken:
        finding = skipped(tr("because of: {name}", name=tr(broken[0])))
    else:
        finding = laptop.guarded(step.look, patient)
        if fix and step.fix is not None and finding and finding.verdict is Verdict.FAIL:
            failed = laptop.guarded(lambda one: _mend(step, one, reporter), patient)
            finding = failed or laptop.guarded(step.look, patient)
    if finding is not None:
        yield Check(step.name, finding.found, finding.source, finding.verdict, finding.mend)


def _mend(step: Step, patient: Patient, reporter: Reporter) -> None:
    assert step.fix is not None
    reporter.done(step.fix(patient))
