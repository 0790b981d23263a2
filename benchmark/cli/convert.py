"""``lqbench convert``: official checkpoints into weight files of this project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...datasets.registry import Registry
from ...methods.aeris.config import VARIANTS

if TYPE_CHECKING:
    from ...methods.aeris.config import Normalisation

CONVERTIBLE: Registry[None] = Registry("convertible family")
CONVERTIBLE.register("aeris", "lqbench.methods.aeris.convert:convert_file")


@click.command("convert", short_help="Convert an official checkpoint.")
@click.argument("family")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write.")
@click.option(
    "--as", "method", type=click.Choice(list(VARIANTS)), help="Method to take it as, where the checkpoint does not say."
)
@click.option(
    "--normalisation",
    type=click.Choice(["unit", "imagenet"]),
    help="Of the input.  [default: that of the checkpoint's own configuration, else the method's]",
)
def command(
    *, family: str, checkpoint: Path, out: Path, method: str | None, normalisation: Normalisation | None
) -> None:
    """Convert CHECKPOINT, as the authors of FAMILY (aeris) released it, for use with `lqbench run --weights`.

    Every tensor must be accounted for: what is missing, unexpected or of another shape is named, and nothing written.
    """
    CONVERTIBLE.target(family)
    from ...datasets.errors import UserError
    from ...methods.aeris.convert import convert_file

    if out.suffix != ".safetensors":
        raise UserError(f"--out {out}: give a file name that ends in .safetensors.")
    converted = convert_file(checkpoint, out, method, normalisation)
    header = converted.header
    click.echo(f"{converted.title}: {len(converted.tensors)} tensors, {len(header.classes)} classes")
    click.echo(
        f"normalisation {header.model.normalisation}, neck {header.model.neck}, backbone {header.model.backbone}"
    )
    click.echo(f"{out}")
    click.echo(f"next: lqbench run --method {header.method} --weights {out} --dataset coco-d")
