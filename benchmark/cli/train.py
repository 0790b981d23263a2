"""``lqbench train``: train the networks that come with the project."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...datasets.registry import Registry

if TYPE_CHECKING:
    from ...datasets.dataset import Dataset
    from ...methods.detectors.base import Detector

TRAINABLE: Registry[None] = Registry("trainable method")
TRAINABLE.register("detector", "lqbench.methods.detector.train:train_detector")

_CARD_METRICS = ("AP", "AP50", "AP_S", "AP_M", "AP_L")


@click.command("train", short_help="Train a network that comes with the project.")
@click.option("--method", default="detector", show_default=True, help="What to train.")
@click.option("--dataset", default="scenes-clean", show_default=True, help="Track to train on, as it is.")
@click.option("--config", default="mini", show_default=True, help="Named config of the method.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Weight file to write.")
@click.option("--seed", default=0, show_default=True, help="Decides initial weights and the training crops.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:<index>.")
@click.option("--epochs", type=click.IntRange(min=1), help="Replaces the config's number of epochs.")
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of data that is not embedded.")
@click.option("--resume", is_flag=True, help="Go on from the last whole epoch of the same command.")
def command(
    *,
    method: str,
    dataset: str,
    config: str,
    out: Path | None,
    seed: int,
    device: str,
    epochs: int | None,
    data_root: Path | None,
    resume: bool,
) -> None:
    """Train a network, measure it on the validation split, and write its weights with a JSON card beside them.

    Progress is kept after every epoch: stop with Ctrl-C, go on with --resume.
    """
    TRAINABLE.target(method)
    from ...methods.detector.train import TrainingJob, train_detector

    out = out or Path(".lqbench", "train", f"{method}-{dataset}-{config}-seed{seed}.safetensors")
    recipe = _recipe(method, dataset, config, seed, epochs)
    job = TrainingJob(dataset, config, out, seed, device, epochs, data_root, recipe)
    try:
        written = train_detector(job, resume=resume, rich=sys.stderr.isatty(), tell=_tell, evaluate=evaluate)
    except KeyboardInterrupt:
        _tell("lqbench: stopped; the same command with --resume goes on from the last whole epoch.")
        raise SystemExit(130) from None
    click.echo(f"{written} (card: {written.with_suffix('.json')})")


def evaluate(detector: Detector, dataset: Dataset) -> dict[str, float | None]:
    """Return COCO's AP figures of a detector on a dataset whose classes are the detector's own."""
    from ...datasets.degradations.resize import to_float
    from ...results.tables import detections_frame, ground_truth_of
    from ..metrics.coco import coco_metrics

    images = (dataset.sample(index).image for index in range(len(dataset)))
    found = [(index, detector.predict([to_float(image)])[0]) for index, image in enumerate(images)]
    values = coco_metrics(ground_truth_of(dataset), detections_frame(found), dataset.spec.area_frame).values
    return {name: values[name] for name in _CARD_METRICS}


def _recipe(method: str, dataset: str, config: str, seed: int, epochs: int | None) -> tuple[str, ...]:
    """Return the command that makes the same weights; where they are written to is no part of it."""
    chosen = {"method": method, "dataset": dataset, "config": config, "seed": seed, "epochs": epochs}
    options = [(f"--{name}", str(value)) for name, value in chosen.items() if value is not None]
    return ("lqbench", "train", *(part for option in options for part in option))


def _tell(line: str) -> None:
    click.echo(line, err=True)
