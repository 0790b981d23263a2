"""The options by which cells are asked for, shared by ``lqbench plan``, ``run`` and ``time``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...datasets.errors import UserError
from .options import add_options, data_root_option, datasets_option, names_option

if TYPE_CHECKING:
    from ..plan import Plan
    from ..request import Request

_BEHIND = (
    names_option("--detector", "detectors", help="Detectors behind the methods.  [default: that of each dataset]"),
    click.option(
        "--config",
        metavar="FILE",
        help="Config of an mmdet model, for the detector mmdet: a file (it is run as code), or the name of one that "
        "comes with mmdet, such as retinanet/retinanet_r50_fpn_1x_coco.py.",
    ),
    click.option("--weights", type=click.Path(path_type=Path), help="Checkpoint of the detector."),
    click.option(
        "--sr-weights",
        "sr_files",
        multiple=True,
        metavar="[METHOD=]FILE",
        help="Weights of a method's super-resolution or restoration network; once for each such method.",
    ),
    data_root_option,
    click.option("--split", help="Split of the datasets.  [default: that of each dataset]"),
)
"""What stands behind the methods and the datasets: detectors, weights and folders; `lqbench time` takes them too."""

_OPTIONS = (
    names_option("--method", "methods", help='Methods, see `lqbench list methods`; "*" stands for any part of a name.'),
    datasets_option(
        help="Datasets, see `lqbench list datasets`, also with *; coco:PATH or voc:PATH for data of your own."
    ),
    click.option(
        "--suite",
        metavar="NAME|FILE",
        help="A suite of methods and datasets in place of both: its name, or a YAML file.",
    ),
    click.option(
        "--degrade",
        default="",
        metavar="RECIPE",
        help='A further degradation on top, such as "blur(iso,var=2.4)|down(4)|noise(25)".',
    ),
    *_BEHIND,
    click.option("--limit", type=click.IntRange(min=1), help="Use only the first so many images."),
    click.option(
        "--precision",
        type=click.Choice(["float32", "bfloat16", "float16"]),
        default="float32",
        show_default=True,
        help="In which numbers methods compute; lower ones by torch's autocast, as cells of their own.",
    ),
    click.option(
        "--invalid-boxes",
        type=click.Choice(["error", "drop"]),
        default="error",
        show_default=True,
        help="What to do about annotated boxes without area or outside their image.",
    ),
)


def behind_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what stands behind methods and datasets."""
    return add_options(command, _BEHIND)


def asking_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options by which cells are asked for; ``Asked.of`` takes their values."""
    return add_options(command, _OPTIONS)


@dataclass(frozen=True)
class Asked:
    """What a command line asks for.

    Attributes:
        requests: One for the names of the command line, or one for each entry of a suite.
        wide: Whether wildcards or a suite chose the cells, so that those which lack something are left out.
    """

    requests: tuple[Request, ...]
    wide: bool

    @staticmethod
    def of(values: dict[str, Any]) -> Asked:
        """Return what the values of ``asking_options`` ask for.

        Raises:
            UserError: Methods or datasets are missing, or named beside a suite; or nothing fits a name.
        """
        from ..request import Request
        from ..selecting import expanded, is_pattern, load_suite, requests_of
        from ..sr_files import parse_sr_weights

        suite, files = values["suite"], values["sr_files"]
        names = {name: values[name] for name in ("methods", "datasets", "detectors")}
        others = {name: values[name] for name in ("weights", "data_root", "split", "limit", "invalid_boxes")}
        more = {name: values[name] for name in ("degrade", "config", "precision")}
        _check_names(suite, names)
        if suite:
            base = Request((), (), names["detectors"], **others, **more)
            requests = requests_of(load_suite(suite), base)
            methods = [name for request in requests for name in request.methods]
            enlarge = parse_sr_weights(files, tuple(dict.fromkeys(methods)))
            return Asked(tuple(_with_weights(request, enlarge) for request in requests), wide=True)
        request = expanded(Request(**names, **others, **more))
        wide = any(is_pattern(name) for name in (*names["methods"], *names["datasets"]))
        return Asked((_with_weights(request, parse_sr_weights(files, request.methods)),), wide)

    def plan(self, *, lenient: bool, workers: int | None = None) -> Plan:
        """Make the plan; scenes are rendered on as many processes as were asked for, else on all processors.

        Raises:
            UserError: Something is unknown, or missing and the plan is not lenient.
        """
        from rich.console import Console

        from ..device import usable_processors
        from ..planning import plan_all
        from ..progress import make_display, report_rendering

        processes = usable_processors() if workers is None else max(1, workers)
        with make_display(Console(stderr=True)) as display:
            return plan_all(self.requests, lenient=lenient, processes=processes, on_render=report_rendering(display))


def _check_names(suite: str | None, names: dict[str, tuple[str, ...]]) -> None:
    if suite:
        given = [option for option, key in (("--method", "methods"), ("--dataset", "datasets")) if names[key]]
        if given:
            raise UserError(f"--suite {suite} names methods and datasets itself; leave {' and '.join(given)} out.")
        return
    missing = [option for option, key in (("--method", "methods"), ("--dataset", "datasets")) if not names[key]]
    if missing:
        raise click.UsageError(f"Missing option {' and '.join(missing)}; or give a suite by --suite.")


def _with_weights(request: Request, files: dict[str, Path]) -> Request:
    from dataclasses import replace

    own = {method: file for method, file in files.items() if method in request.methods}
    return replace(request, sr_weights=own)
