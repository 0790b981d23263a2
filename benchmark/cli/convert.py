"""``lqbench convert``: official checkpoints into weight files of this project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...datasets.errors import UserError
from ...datasets.registry import Registry
from ...methods.aeris.config import VARIANTS

if TYPE_CHECKING:
    from ...methods.aeris.config import Normalisation

URPC_CLASSES = 4

CONVERTIBLE: Registry[None] = Registry("convertible family")
CONVERTIBLE.register("aeris", "lqbench.methods.aeris.convert:convert_file")
CONVERTIBLE.register("lcp", "lqbench.methods.lcp.convert:convert_file")


@click.command("convert", short_help="Convert an official checkpoint.")
@click.argument("family")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write.")
@click.option(
    "--as",
    "method",
    type=click.Choice(list(VARIANTS)),
    help="aeris: method to take it as, where the checkpoint does not say.",
)
@click.option(
    "--normalisation",
    type=click.Choice(["unit", "imagenet"]),
    help="aeris: of the input.  [default: that of the checkpoint's own configuration, else the method's]",
)
@click.option(
    "--classes",
    metavar="NAME,NAME,...",
    help="lcp: names by label index, in the order of the categories of the annotations that it was trained on.",
)
def command(
    *,
    family: str,
    checkpoint: Path,
    out: Path,
    method: str | None,
    normalisation: Normalisation | None,
    classes: str | None,
) -> None:
    """Convert CHECKPOINT, as the authors of FAMILY (aeris, lcp) released it, for use with `lqbench run --weights`.

    Every tensor must be accounted for: what is missing, unexpected or of another shape is named, and nothing written.
    """
    CONVERTIBLE.target(family)
    if out.suffix != ".safetensors":
        raise UserError(f"--out {out}: give a file name that ends in .safetensors.")
    foreign = {"--as": method, "--normalisation": normalisation} if family == "lcp" else {"--classes": classes}
    for option, value in foreign.items():
        if value is not None:
            raise UserError(f"{option} {value} is not for {family}; leave it away.")
    lines = _lcp(checkpoint, out, classes) if family == "lcp" else _aeris(checkpoint, out, method, normalisation)
    for line in lines:
        click.echo(line)


def _aeris(checkpoint: Path, out: Path, method: str | None, normalisation: Normalisation | None) -> Iterator[str]:
    """Convert a checkpoint of AERIS and yield what to tell."""
    from ...methods.aeris.convert import convert_file

    converted = convert_file(checkpoint, out, method, normalisation)
    header = converted.header
    yield f"{converted.title}: {len(converted.tensors)} tensors, {len(header.classes)} classes"
    yield f"normalisation {header.model.normalisation}, neck {header.model.neck}, backbone {header.model.backbone}"
    yield f"{out}"
    yield f"next: lqbench run --method {header.method} --weights {out} --dataset coco-d"


def _lcp(checkpoint: Path, out: Path, classes: str | None) -> Iterator[str]:
    """Convert a checkpoint of LCP, or of the detector that it begins with, and yield what to tell."""
    from ...methods.lcp.convert import convert_file

    names = [] if classes is None else [name.strip() for name in classes.split(",")]
    converted = convert_file(checkpoint, out, names)
    header = converted.header
    yield f"{header.method} on {header.network.base}: {len(converted.tensors)} tensors"
    guessed = "" if converted.named else " (the order of the release's configs: check it, or give --classes)"
    yield f"classes {', '.join(header.classes)}{guessed}"
    yield f"{out}"
    track = "urpc2020" if len(header.classes) == URPC_CLASSES else "foggy-cityscapes"
    yield f"next: lqbench run --method {header.method} --weights {out} --dataset {track}"
