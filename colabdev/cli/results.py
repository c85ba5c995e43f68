"""``colabdev results``: what was measured, kept on the laptop."""

from typing import TYPE_CHECKING

import click

from colabdev.cli.console import Console
from colabdev.cli.options import job_ids, json_option, pass_console
from colabdev.language import tr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colabdev.results.run import GpuUse, Run


@click.group(short_help="Show what runs measured, and on which hardware.")
def results() -> None:
    """Recorded runs, with their metrics and the hardware they ran on.

    \b
    Example:
      colabdev results list
    """


@results.command("list")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--kind", type=click.Choice(["run", "exercise"]), help="Only runs of this kind.")
@json_option
@pass_console
def list_(console: Console, limit: int, kind: str | None) -> None:
    """List recorded runs, the newest first.

    \b
    Example:
      colabdev results list --kind exercise
    """
    from colabdev.cli.tables import moment
    from colabdev.commands.results import list_runs
    from colabdev.commands.words import word

    found = list_runs(limit=limit, kind=kind)
    if console.as_json:
        console.result(found)
        return
    console.table(
        [
            {
                "id": run.id[:8],
                "name": run.name,
                "on": run.alias,
                "hardware": hardware(run.hardware),
                "state": word(run.state.value),
                "metrics": run.metric_count,
                "started": moment(run.started),
            }
            for run in found
        ],
        {
            "id": tr("run"),
            "name": tr("name"),
            "on": tr("on"),
            "hardware": tr("hardware"),
            "state": tr("state"),
            "metrics": tr("metrics"),
            "started": tr("started"),
        },
        empty=tr("Nothing is recorded yet. Try: colabdev exercises run tiny-autograd"),
    )


@results.command()
@click.argument("run", default="last", shell_complete=job_ids)
@json_option
@pass_console
def show(console: Console, run: str) -> None:
    """Show one recorded run with everything it measured.

    RUN is an id, the beginning of one, or 'last'.

    \b
    Example:
      colabdev results show last
    """
    from colabdev.commands.results import show_run

    found = show_run(run)
    if console.as_json:
        console.result(found)
        return
    console.result(None, "\n".join((_headline(found), *map(_gpu_line, found.gpus))))
    console.table(
        [
            {
                "exercise": metric.exercise,
                "case": metric.case,
                "metric": metric.metric,
                "value": tr("skipped: {why}", why=metric.skipped)
                if metric.skipped
                else metric.value,
                "unit": metric.unit,
                "step": metric.step,
                "device": metric.device,
                "dtype": metric.dtype,
                "iqr": metric.iqr,
            }
            for metric in found.metrics
        ],
        _columns(found),
        empty=tr("It reported no metric."),
    )


def hardware(facts: "Mapping[str, object]") -> str:
    """Return in a few words what a run ran on."""
    gpu = facts.get("gpu")
    if isinstance(gpu, dict) and gpu.get("name"):
        return str(gpu["name"])
    if facts.get("cpus"):
        return tr("CPU, {cores} cores", cores=facts["cpus"])
    return tr("unknown")


def _gpu_line(use: "GpuUse") -> str:
    """Say how busy a GPU was while the run ran."""
    from colabdev.sync.report import size_text

    parts = []
    if use.mean_use is not None:
        parts.append(
            tr(
                "{mean} % busy (at most {most} %)",
                mean=f"{use.mean_use:.0f}",
                most=f"{use.most_use:.0f}",
            )
        )
    if use.peak_memory is not None:
        parts.append(tr("peak memory {size}", size=size_text(use.peak_memory)))
    if use.mean_power is not None:
        parts.append(f"{use.mean_power:.0f} W")
    return tr(
        "GPU {number}: {use} ({samples} samples)",
        number=use.gpu,
        use=", ".join(parts) or tr("it tells nothing"),
        samples=use.samples,
    )


def _headline(run: "Run") -> str:
    from colabdev.cli.tables import moment
    from colabdev.commands.words import word

    code = "" if run.exit_code is None else tr(", exit code {code}", code=run.exit_code)
    checks = [bool(record.fields.get("passed")) for record in run.records if record.kind == "check"]
    passed = checks and tr(", {passed} of {all} checks passed", passed=sum(checks), all=len(checks))
    return tr(
        "{kind} {id}: {name} on {alias} ({hardware}), {started}, {state}{code}{passed}",
        kind=word(run.kind),
        id=run.id,
        name=run.name,
        alias=run.alias,
        hardware=hardware(run.hardware),
        started=moment(run.started),
        state=word(run.state.value),
        code=code,
        passed=passed or "",
    )


def _columns(run: "Run") -> dict[str, str]:
    """Return the columns that hold anything in *run*."""
    optional = ("exercise", "case", "unit", "step", "device", "dtype", "iqr")
    used = {
        name for name in optional for row in run.metrics if getattr(row, name) not in (None, "")
    }
    headings = {
        "case": tr("case"),
        "metric": tr("metric"),
        "value": tr("value"),
        "unit": tr("unit"),
        "step": tr("step"),
        "device": tr("device"),
        "dtype": "dtype",
        "iqr": "iqr",
    }
    return {
        name: heading for name, heading in headings.items() if name in used or name not in optional
    }


COMMANDS = (results,)
