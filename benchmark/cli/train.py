"""``lqbench train``: train the networks that come with the project, and methods that bring a training recipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...datasets.errors import UserError
from ...datasets.registry import Registry

if TYPE_CHECKING:
    from ...datasets.dataset import Dataset
    from ...datasets.types import Detections
    from ...methods.detectors.base import Detector
    from ...methods.training.request import FitRequest, MeasurableSet

    Fit = Callable[[FitRequest], Path]

_CARD_METRICS = ("AP", "AP50", "AP_S", "AP_M", "AP_L")
_STOPPED = "lqbench: stopped; the same command with --resume goes on from the last checkpoint."


@click.command("train", short_help="Train a network that comes with the project.")
@click.option("--method", default="detector", show_default=True, help="What to train.")
@click.option("--dataset", default="scenes-clean", show_default=True, help="Track to train on.")
@click.option("--config", default="mini", show_default=True, help="Named config of the method, or a YAML file.")
@click.option("--set", "overrides", multiple=True, metavar="FIELD=VALUE", help="Replaces one field of the config.")
@click.option("--favoured", metavar="NAME", help="lcp: dataset of images that detectors do well on; sets that field.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Weight file to write.")
@click.option("--seed", default=0, show_default=True, help="Decides initial weights and the training crops.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:<index>.")
@click.option("--devices", default=1, show_default=True, type=click.IntRange(min=1), help="Processes on each machine.")
@click.option("--nodes", default=1, show_default=True, type=click.IntRange(min=1), help="Machines.")
@click.option("--epochs", type=click.IntRange(min=1), help="Replaces the config's number of epochs.")
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of data that is not embedded.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint of the same command.")
def command(
    *,
    method: str,
    dataset: str,
    config: str,
    overrides: tuple[str, ...],
    favoured: str | None,
    out: Path | None,
    seed: int,
    device: str,
    devices: int,
    nodes: int,
    epochs: int | None,
    data_root: Path | None,
    resume: bool,
) -> None:
    """Train a network, measure it on images it did not learn from, and write its weights with a JSON card beside them.

    Progress is kept after every epoch: stop with Ctrl-C, go on with --resume.
    """
    fit = find_fit(method)
    overrides = (*overrides, *([] if favoured is None else [f"favoured={favoured}"]))
    from ...methods.training.request import FitRequest

    request = FitRequest(
        method,
        dataset,
        config,
        out or Path(".lqbench", "train", f"{method}-{_file_name(dataset)}-{_file_name(config)}-seed{seed}.safetensors"),
        seed,
        overrides,
        epochs,
        data_root,
        device,
        devices,
        nodes,
        resume,
        rich=sys.stderr.isatty(),
        tell=_tell,
        measure=measure,
        command=_recipe(method, dataset, config, seed, epochs, overrides),
    )
    try:
        written = fit(request)
    except KeyboardInterrupt:
        _tell(_STOPPED)
        raise SystemExit(130) from None
    from ...methods.training.trainer import process_rank

    # The first process writes the file and says so; the others may find it there already.
    if process_rank() == 0:
        click.echo(f"{written} (card: {written.with_suffix('.json')})")


def find_fit(name: str) -> Fit:
    """Return what trains a method: its adapter's ``fit``.

    Raises:
        UserError: The method is unknown (close names are suggested), or has nothing to train.
    """
    from ...methods.catalog import method_registry

    methods = method_registry()
    names: Registry[None] = Registry("trainable method")
    names.register("detector", f"{__name__}:fit_detector")
    for other in methods:
        names.register(other, methods.target(other))
    names.target(name)
    if name == "detector":
        return fit_detector
    method = methods.get(name)
    if not method.trainable():
        raise UserError(f"the method {name!r} has nothing to train; train the detector behind it.")
    return method.fit


def fit_detector(request: FitRequest) -> Path:
    """Train the bundled detector, which is no method by itself but stands behind several.

    Raises:
        UserError: An option is given that this training does not have.
    """
    from ...methods.detector.train import TrainingJob, train_detector

    if request.overrides or request.devices * request.nodes > 1:
        raise UserError("--set, --devices and --nodes are not for --method detector; leave them away.")
    job = TrainingJob(
        request.dataset,
        request.config,
        request.out,
        request.seed,
        request.device,
        request.epochs,
        request.data_root,
        request.command,
    )
    return train_detector(job, resume=request.resume, rich=request.rich, tell=request.tell, evaluate=evaluate)


def evaluate(detector: Detector, dataset: Dataset) -> dict[str, float | None]:
    """Return COCO's AP figures of a detector on a dataset whose classes are the detector's own."""
    from ...datasets.degradations.resize import to_float

    images = (dataset.sample(index).image for index in range(len(dataset)))
    return measure(dataset, [(index, detector.predict([to_float(image)])[0]) for index, image in enumerate(images)])


def measure(images: MeasurableSet, found: Sequence[tuple[int, Detections]]) -> dict[str, float | None]:
    """Return COCO's AP figures of detections, by image index, on a set of images."""
    from ...results.tables import detections_frame, ground_truth_of
    from ..metrics.coco import coco_metrics

    truth = ground_truth_of(images)
    values = coco_metrics(truth, detections_frame(found), truth.facts["area_frame"]).values
    return {name: values[name] for name in _CARD_METRICS}


def _recipe(
    method: str, dataset: str, config: str, seed: int, epochs: int | None, overrides: Sequence[str]
) -> tuple[str, ...]:
    """Return the command that makes the same weights; where they are written to is no part of it."""
    chosen = {"method": method, "dataset": dataset, "config": config, "seed": seed, "epochs": epochs}
    options = [(f"--{name}", str(value)) for name, value in chosen.items() if value is not None]
    options += [("--set", override) for override in overrides]
    return ("lqbench", "train", *(part for option in options for part in option))


def _file_name(text: str) -> str:
    """Return a text such as ``coco:/data/mine`` or the path of a config as a part of a file's name."""
    return "-".join(Path(text.replace(":", "/")).parts[-2:]).replace("/", "").removesuffix(".yaml")


def _tell(line: str) -> None:
    click.echo(line, err=True)
