"""Measures the crux learner at 800x1344 pixels, whole and in bands, and writes the section of docs/performance.md.

    python tests/lcp_memory.py [--rounds 2] [--threads 2]

Each form runs in processes of its own, one for the forward pass and one for forward and backward pass, so that peak
memory is that form's; what a process takes with the image alone is taken off. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from performance_page import OUT, cpu, put, torch_version

HEADING = "## LCP: the crux learner"
SIZE = (800, 1344)
FORMS = {"whole image": None, "bands of 128 rows (in use)": 128, "bands of 64 rows": 64, "bands of 256 rows": 256}
MODES = ("nothing", "forward", "step")
RETURN_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1000000"}
"""Makes glibc give freed maps back at once, so that peak memory is what is needed."""
Result = dict[str, float]


def measure(band: int | None, mode: str, threads: int, reference: Path) -> Result:
    """Run one form in this process and compare it with what the first one left."""
    import torch

    from lqbench.methods.lcp.config import LcpConfig
    from lqbench.methods.lcp.crux import CruxLearner

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    learner = CruxLearner(LcpConfig())
    learner.band = band
    image = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    start, difference = time.process_time(), 0.0
    if mode != "nothing":
        with torch.set_grad_enabled(mode == "step"):
            crux = learner(image)
        found = [crux.detach()]
        if mode == "step":
            crux.square().mean().backward()
            found += [one.grad for one in learner.parameters() if one.grad is not None]
        taken = time.process_time() - start
        if not reference.exists():
            torch.save(found, reference)
        wanted = torch.load(reference, weights_only=True)
        scale = [float(one.abs().max()) for one in wanted]
        pairs = zip(found, wanted, scale, strict=True)
        difference = max(float((one - other).abs().max()) / most for one, other, most in pairs if most)
    else:
        taken = 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"processor": taken, "peak": peak, "difference": difference}


def run(title: str, mode: str, threads: int, folder: Path) -> Result:
    """Measure one form in a process of its own."""
    command = [sys.executable, __file__, "--one", title, mode, str(folder / f"{mode}.pt"), "--threads", str(threads)]
    environment = os.environ | RETURN_MEMORY
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)


def collect(rounds: int, threads: int) -> dict[tuple[str, str], Result]:
    """Return each form's result, the best time and the least memory of the rounds."""
    best: dict[tuple[str, str], Result] = {}
    with tempfile.TemporaryDirectory() as name:
        for _ in range(rounds):
            for title in FORMS:
                for mode in MODES:
                    found = run(title, mode, threads, Path(name))
                    before = best.setdefault((title, mode), found)
                    best[title, mode] = {key: min(value, before[key]) for key, value in found.items()} | {
                        "difference": found["difference"]
                    }
    return best


def section(best: dict[tuple[str, str], Result], threads: int) -> str:
    """Return the section of the page."""
    lines, first = [], next(iter(FORMS))
    idle = best[first, "nothing"]["peak"]

    def memory(title: str, mode: str) -> float:
        return best[title, mode]["peak"] - idle

    for title in FORMS:
        cells = [title]
        for mode in MODES[1:]:
            found = best[title, mode]
            cells += [f"{found['processor']:.2f}", f"{memory(title, mode):.2f}"]
            cells += [f"{memory(first, mode) / memory(title, mode):.1f}", f"{found['difference']:.0e}"]
        lines.append(f"| {' | '.join(cells)} |")
    return TEMPLATE.format(threads=threads, rows="\n".join(lines), machine=cpu(), versions=f"torch {torch_version()}")


TEMPLATE = (
    HEADING
    + """

Written by `python tests/lcp_memory.py`: the crux learner as published (4,479 weights) on one image of 800x1344 pixels,
{threads} threads. All its maps have the image's resolution. In bands, the heat map is computed from the rows of each
band and those around it that its convolutions read; while training, a band is computed again for its gradient, so that
only one band's maps are kept. Seconds of processor time; GiB beyond the process with the image alone; how many times
less that is than for the whole image; largest difference over the largest value.

| form | forward: s | GiB | less | difference | training step: s | GiB | less | difference |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
{rows}

{machine}. {versions}.
"""
)


def main() -> None:
    """Read the arguments, measure, print, and put the section into the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=OUT, help="the page whose section is written")
    parser.add_argument("--one", nargs=3, metavar=("FORM", "MODE", "FILE"), help="measure one form and print JSON")
    arguments = parser.parse_args()
    if arguments.one:
        title, mode, reference = arguments.one
        print(json.dumps(measure(FORMS[title], mode, arguments.threads, Path(reference))))
        return
    text = section(collect(arguments.rounds, arguments.threads), arguments.threads)
    print(text)
    put(HEADING, text, arguments.out)


if __name__ == "__main__":
    main()
