"""Measures D-DBPN x4 on 75x75 pixels in several forms and writes the section of docs/performance.md.

    python tests/sr_speed.py [--rounds 3] [--no-compile] [--threads 2]

Each form runs in processes of its own, one for the forward pass and one for the training step, so that peak memory is
that form's. The forms take turns, round after round, and the best time of each counts, so that other work on the
machine disturbs less. Times are processor time, over all threads, and wall time. Nothing is asserted.

All forms have the same weights, drawn as published with one seed, and the same input; the first one, plain eager
float32, is what the others are held against. Compiling takes minutes and is done once, in the first round.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from performance_page import OUT, cpu, put, torch_version

from lqbench.benchmark.waiting import wait_briefly
from lqbench.methods.memory import keep_freed_memory

HEADING = "## Super-resolution: D-DBPN"
FORMS = {
    "plain eager float32": "plain",
    "plain, channels-last": "plain channels",
    "in use: quick form, channels-last": "quick",
    "in use, checkpointing": "quick checkpointing",
    "plain, channels-last, bfloat16 autocast": "plain channels bfloat16",
    "plain, channels-last, torch.compile": "plain channels compile",
}
"""Forms by what the table calls them."""
MODES = ("forward", "step")
TDSR_FORMS = ("plain eager float32", "in use: quick form, channels-last", "in use, checkpointing")
"""Forms of which the whole training step of task-driven super-resolution is measured too."""
RETURN_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1000000"}
"""Makes glibc give freed maps back at once, so that peak memory is what is needed; takes time, so not for times."""
Result = dict[str, float]


def build(form: str) -> tuple[Callable[[Any], Any], Any]:
    """Return the network of a form as a function, and the network itself."""
    import torch

    from lqbench.methods.sr.catalog import build_sr
    from lqbench.methods.sr.networks.dbpn import Dbpn

    torch.manual_seed(0)
    network = build_sr("dbpn", 4)
    assert isinstance(network, Dbpn)
    network.plain = "plain" in form
    network.checkpointing = "checkpointing" in form
    network.memory_format = torch.channels_last if "channels" in form else None
    return (torch.compile(network) if "compile" in form else network), network


def tdsr_step(network: Any, run: Callable[[Any], Any], low: Any) -> Callable[[], Any]:
    """Return one step of training through a frozen SSD300: both losses, their gradients, and Adam."""
    import torch

    from lqbench.methods.detectors.base import TaskTargets
    from lqbench.methods.detectors.torchvision_build import ARCHITECTURES
    from lqbench.methods.detectors.torchvision_models import Ssd300
    from lqbench.methods.tdsr.losses import detection_loss

    torch.manual_seed(2)
    detector = Ssd300()
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "ssd300.pth"
        torch.save(ARCHITECTURES["ssd300_vgg16"].build(21).state_dict(), weights)
        detector.load("cpu", weights)
    high = torch.rand(1, 3, 300, 300, generator=torch.Generator().manual_seed(3))
    boxes = torch.tensor([[30.0, 40.0, 180.0, 220.0], [150.0, 60.0, 290.0, 200.0]])
    targets = [TaskTargets(boxes=boxes, labels=torch.tensor([7, 15]))]
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-7)

    def step() -> Any:
        optimiser.zero_grad()
        restored = run(low)
        loss = torch.nn.functional.mse_loss(restored, high) + 0.01 * detection_loss(detector, restored, targets)
        loss.backward()
        optimiser.step()
        return torch.cat([one.grad.flatten() for one in network.parameters() if one.grad is not None])

    return step


def measure(form: str, mode: str, threads: int, reference: Path) -> Result:
    """Run one form twice in this process: the first run warms up, or compiles."""
    import torch

    torch.set_num_threads(threads)
    if not RETURN_MEMORY.keys() & os.environ.keys():
        keep_freed_memory()
    run, network = build(form)
    low = torch.rand(1, 3, 75, 75, generator=torch.Generator().manual_seed(1))
    cast = torch.autocast("cpu", torch.bfloat16) if "bfloat16" in form else nullcontext()

    def forward() -> Any:
        with torch.no_grad(), cast:
            return run(low)

    def step() -> Any:
        network.zero_grad()
        with cast:
            high = run(low)
        high.float().square().mean().backward()
        return torch.cat([one.grad.flatten() for one in network.parameters() if one.grad is not None])

    work = forward if mode == "forward" else step if mode == "step" else tdsr_step(network, run, low)
    begin = time.perf_counter()
    value = work().detach().float()
    result = {"first": time.perf_counter() - begin}
    processor, wall = time.process_time(), time.perf_counter()
    work()
    result |= {"processor": time.process_time() - processor, "wall": time.perf_counter() - wall}
    result["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if not reference.exists():
        torch.save(value, reference)
    wanted = torch.load(reference, weights_only=True)
    result["difference"] = float((value - wanted).abs().max())
    result["largest"] = float(wanted.abs().max())
    return result


def in_process(form: str, mode: str, threads: int, folder: Path, **environment: str) -> Result:
    """Measure one form in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--one", form, mode, str(folder / f"{mode}.pt")]
    command += ["--threads", str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    if done.returncode:
        raise SystemExit(f"{form}, {mode} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def collect(forms: dict[str, str], rounds: int, threads: int) -> dict[tuple[str, str], Result]:
    """Return the best times of each form and mode."""
    best: dict[tuple[str, str], Result] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for title, form in forms.items():
                if number and "compile" in form:
                    continue
                for mode in (*MODES, *(("tdsr",) if title in TDSR_FORMS else ())):
                    new = in_process(form, mode, threads, Path(folder))
                    if not number:
                        new["needed"] = in_process(form, mode, threads, Path(folder), **RETURN_MEMORY)["peak"]
                    old = best.get((title, mode), new)
                    best[title, mode] = {name: min(value, new.get(name, value)) for name, value in old.items()}
                    print(number, title, mode, {name: round(value, 6) for name, value in new.items()}, flush=True)
    return best


def row(title: str, best: dict[tuple[str, str], Result], plain: str) -> str:
    """Return one row of the table."""
    cells = [title]
    for mode in MODES:
        one, reference = best[title, mode], best[plain, mode]
        gain = reference["processor"] / one["processor"]
        memory = f"{one['peak']:.1f}, {one['needed']:.1f}"
        cells += [f"{one['processor']:.2f}", f"{one['wall']:.2f}", f"{gain:.2f}", memory]
    differences = [best[title, mode]["difference"] / best[title, mode]["largest"] for mode in MODES]
    cells += [f"{value:.0e}" if value else "0" for value in differences]
    return "| " + " | ".join(cells) + " |"


def tdsr_row(title: str, best: dict[tuple[str, str], Result]) -> str:
    """Return one row of the table of whole training steps."""
    one, plain = best[title, "tdsr"], best[TDSR_FORMS[0], "tdsr"]
    gain = plain["processor"] / one["processor"]
    difference = one["difference"] / one["largest"]
    times = f"{one['processor']:.2f} | {one['wall']:.2f} | {gain:.2f}"
    memory = f"{one['peak']:.1f}, {one['needed']:.1f}"
    return f"| {title} | {times} | {memory} | {f'{difference:.0e}' if difference else '0'} |"


def section(best: dict[tuple[str, str], Result], threads: int, rounds: int) -> str:
    """Return the section of the page."""
    titles = list(dict.fromkeys(title for title, _ in best))
    compiled = [title for title in titles if "compile" in title]
    minutes = sum(best[title, mode]["first"] for title in compiled for mode in MODES) / 60
    return TEMPLATE.format(
        rows="\n".join(row(title, best, titles[0]) for title in titles),
        tdsr="\n".join(tdsr_row(title, best) for title in TDSR_FORMS),
        compiling=f" Compiling took {minutes:.0f} minutes for both passes together." if compiled else "",
        largest=best[titles[0], "forward"]["largest"],
        threads=threads,
        rounds=rounds,
        machine=f"{cpu()}; {os.cpu_count()} processors; load average {os.getloadavg()[1]:.1f}",
        versions=f"Python {platform.python_version()}, torch {torch_version()}",
    )


TEMPLATE = (
    HEADING
    + """

Written by `python tests/sr_speed.py`: D-DBPN x4 (T = 7, 10,426,358 parameters) on one image of 75x75 pixels, which
becomes 300x300, with {threads} threads, in processes set up as lqbench's own: freed memory is kept, threads that wait
turn briefly. Seconds of processor time and of wall time, best of {rounds} rounds; gain is plain processor time over the
form's; peak memory in GiB is the whole process's, as it comes and where freed memory is given back at once
(`MALLOC_MMAP_THRESHOLD_=1000000`). A step is forward pass, mean squared output and backward
pass, without optimiser.

| form | forward: processor s | wall s | gain | GiB | step: processor s | wall s | gain | GiB | output | gradient |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
{rows}

The last two columns are the largest absolute difference from the plain form over the largest absolute value of all
({largest:.2f} for the output): of the image, and of the gradients of all weights.{compiling}

The whole step of task-driven super-resolution with batch 1: the same network, a frozen SSD300 behind it, mean squared
error and 0.01 times the detector's loss, the gradients of both, and Adam:

| form | processor s | wall s | gain | GiB | gradient |
|---|---:|---:|---:|---:|---:|
{tdsr}

What the quick form does: without gradients the densely connected maps lie in one buffer, so that no reader copies them;
1x1 convolutions are matrix products; and in training the gradients of PReLU's slope and of the biases are computed in
three passes over the maps, for which torch takes longer than for the convolution's own gradient. It is used on CPUs;
elsewhere, and under autocast and `torch.compile`, the plain form runs. Fields of the network: `plain`,
`memory_format`, `checkpointing`.

{machine} over
the last five minutes of the run. A load above the number of processors means that other programs took part of the
machine and its caches; processor time is the better measure then. {versions}.
"""
)


def main() -> None:
    """Read the arguments, measure, print, and put the section into the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out, which takes minutes")
    parser.add_argument("--out", type=Path, default=OUT, help="the page whose section is written")
    parser.add_argument("--one", nargs=3, metavar=("FORM", "MODE", "FILE"), help="measure one form and print JSON")
    arguments = parser.parse_args()
    if arguments.one:
        form, mode, reference = arguments.one
        print(json.dumps(measure(form, mode, arguments.threads, Path(reference))))
        return
    wait_briefly()
    forms = {title: form for title, form in FORMS.items() if not (arguments.no_compile and "compile" in form)}
    text = section(collect(forms, arguments.rounds, arguments.threads), arguments.threads, arguments.rounds)
    print(text)
    put(HEADING, text, arguments.out)


if __name__ == "__main__":
    main()
