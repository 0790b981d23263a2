"""The plan of one or several requests: every cell once, those that cannot be computed with what they lack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from .once import Once
from .plan import Group, Job, Plan, make_lenient_plan, make_plan
from .request import Request


def plan_all(
    requests: Sequence[Request],
    *,
    lenient: bool,
    processes: int = 1,
    on_render: Callable[[str, int, int], None] | None = None,
) -> Plan:
    """Return the plan of several requests; a cell that two of them ask for is in it once.

    Args:
        requests: What the user asked for.
        lenient: Whether what is missing blocks its own cells alone, in place of the whole plan.
        processes: Processes that render embedded scenes which are not in their cache yet.
        on_render: Told (dataset, done, total) while scenes are rendered.

    Raises:
        UserError: A name is unknown, or something is missing and the plan is not lenient.
    """
    once = Once(processes, on_render)
    plans = [
        make_lenient_plan(request, once) if lenient else Plan(make_plan(request, once=once)) for request in requests
    ]
    blocked = dict.fromkeys(one for plan in plans for one in plan.blocked)
    return Plan(_titled(_each_once([group for plan in plans for group in plan.groups])), tuple(blocked))


def _each_once(groups: Sequence[Group]) -> list[Group]:
    """Leave out cells that an earlier group has, and groups without cells."""
    seen: set[str] = set()
    found = []
    for group in groups:
        jobs = {job.cell.key: job for job in group.jobs}
        new = tuple(job for key, job in jobs.items() if key not in seen)
        seen |= jobs.keys()
        if new:
            found.append(replace(group, jobs=new))
    return found


def _titled(groups: Sequence[Group]) -> tuple[Group, ...]:
    """Give cells whose titles would be equal a label: split, limit and precision where they differ, else the key."""
    titles = Counter(job.title for group in groups for job in group.jobs)

    def label(job: Job) -> Job:
        if titles[job.title] == 1:
            return job
        cell = job.cell
        return replace(job, label=f"{cell.split}, {cell.limit or 'all'} images, {cell.precision}, {cell.key}")

    return tuple(replace(group, jobs=tuple(map(label, group.jobs))) for group in groups)
