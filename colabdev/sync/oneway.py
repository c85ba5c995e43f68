"""Turn a plan for both ways into one for a single way, for a part of the tree, or for a mirror."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from colabdev.payload.replica import leads_out
from colabdev.sync.reconcile import Change, Limit, Plan
from colabdev.sync.snapshot import Entry, Kind, folders_of, is_below

Chosen = Callable[[str], bool]


def flipped(plan: Plan) -> Plan:
    """Return *plan* as it reads from the other side."""
    return replace(
        plan,
        send=plan.fetch,
        fetch=plan.send,
        changed_here=plan.changed_there,
        changed_there=plan.changed_here,
        ask_here=plan.ask_there,
        ask_there=plan.ask_here,
    )


def only_sent(plan: Plan, limit: Limit) -> Plan:
    """Return *plan* without anything that changes this side.

    What is new or changed there stays and is named; what was taken away there is sent again.
    """
    send, changed, too_large = list(plan.send), list(plan.changed_there), dict(plan.too_large)
    kept: set[str] = set()
    for change in plan.fetch:
        path, mine = change.path, change.expected
        if change.entry:
            kept.add(path)
            if change.entry.kind is not Kind.DIRECTORY:
                changed.append(path)
        elif mine and not is_below(path, kept):
            if mine.kind is Kind.FILE and mine.size > limit(path):
                too_large[path] = mine.size
            else:
                send.append(Change(path, mine, None))
    send.sort(key=lambda change: change.path)
    return replace(plan, send=send, fetch=[], changed_there=changed, too_large=too_large)


def overwritten(
    plan: Plan,
    here: Mapping[str, Entry],
    there: Mapping[str, Entry],
    limit: Limit,
    *,
    deletes: bool,
) -> Plan:
    """Return a plan that puts all that is here over what is there, whoever changed it last.

    With *deletes*, what is not here goes there too. *plan* tells what is the same already.
    """
    made = replace(plan, send=[], fetch=[], conflicts=[], too_large={}, refused=[])
    closed = {*plan.ask_here, *plan.ask_there}
    for path in sorted(here.keys() | there.keys()):
        mine, theirs = here.get(path), there.get(path)
        if path in plan.agreed or path in closed or is_below(path, closed):
            continue
        if mine is None:
            if deletes:
                made.send.append(Change(path, None, theirs))
        elif mine.kind is Kind.SYMLINK and leads_out(path, mine.target):
            made.refused.extend(left for left in plan.refused if left.path == path)
            closed.add(path)
        elif mine.kind is Kind.FILE and mine.size > limit(path):
            made.too_large[path] = mine.size
            closed.add(path)
        else:
            made.send.append(Change(path, mine, theirs))
    return made


def part_of(plan: Plan, chosen: Chosen) -> Plan:
    """Return what *plan* does to the *chosen* paths, and to the folders they need."""
    return Plan(
        send=_changes_of(plan.send, chosen),
        fetch=_changes_of(plan.fetch, chosen),
        agreed={path: agreed for path, agreed in plan.agreed.items() if chosen(path)},
        conflicts=[left for left in plan.conflicts if chosen(left.path)],
        changed_here=[path for path in plan.changed_here if chosen(path)],
        changed_there=[path for path in plan.changed_there if chosen(path)],
        too_large={path: size for path, size in plan.too_large.items() if chosen(path)},
        refused=[left for left in plan.refused if chosen(left.path)],
        gone=[path for path in plan.gone if chosen(path)],
        ask_here=[path for path in plan.ask_here if chosen(path)],
        ask_there=[path for path in plan.ask_there if chosen(path)],
    )


def _changes_of(changes: list[Change], chosen: Chosen) -> list[Change]:
    needed: set[str] = set()
    for change in changes:
        if chosen(change.path) and change.entry:
            needed.update(folders_of(change.path))
    return [
        change
        for change in changes
        if chosen(change.path)
        or (change.path in needed and change.entry and change.entry.kind is Kind.DIRECTORY)
    ]
