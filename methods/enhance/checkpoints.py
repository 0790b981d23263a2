"""Weights of networks that restore an image in its own size: our files, published AOD-Nets, and what spandrel knows."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from ...datasets.atomic import write_bytes
from ...datasets.errors import UserError
from ..detectors.checkpoint import StateDict, load_strictly, read_state_dict
from ..header_values import sorted_metadata
from . import aod
from .aod import AodNet
from .header import RestorerHeader, read_header

SPANDREL = "spandrel"
"""Name of the networks that come from spandrel."""
KEYS = ("params_ema", "params", "state_dict", "model")
"""Where a published state dict may lie; the averaged weights of BasicSR come before the last ones."""


def load_restorer(path: Path, network: str = "") -> tuple[nn.Module, str]:
    """Build the network of a weight file, in evaluation mode on the CPU, in single precision.

    Args:
        path: A file of ``save_restorer``, or a published checkpoint (.pth, .pt or .safetensors).
        network: "aod" to take nothing else; "" for whatever the file holds.

    Returns:
        A module that maps RGB in [0, 1], float (1, 3, h, w), to the same shape; and its name, "aod" or "spandrel".

    Raises:
        UserError: The file is missing, damaged, no checkpoint, of another network than asked for or of an unknown one,
            or needs spandrel, which is not installed.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such checkpoint; check the path.")
    header = read_header(path)
    tensors = read_state_dict(path, "a restoration network", KEYS)
    tensors = {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
    found = tensors if header is not None else aod.recognise(tensors)
    if found is not None:
        built = AodNet()
        load_strictly(built, found, path, "AOD-Net")
        return built.eval(), aod.NAME
    if network == aod.NAME:
        raise UserError(_unknown(path, tensors, "is no AOD-Net", "give a checkpoint of AOD-Net."))
    return _by_spandrel(path, tensors), SPANDREL


def save_restorer(network: AodNet, trained: dict[str, object], path: Path) -> None:
    """Write a network's weights, whole or not at all; the same weights give the same bytes.

    Args:
        network: The network.
        trained: Facts of the training for the header.
        path: A ``.safetensors`` file, replaced where it exists.
    """
    from safetensors.torch import save

    tensors: dict[str, Tensor] = {name: value.detach().cpu() for name, value in network.state_dict().items()}
    header = RestorerHeader(network=aod.NAME, trained=trained)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written by hand: safetensors' own writer makes files that only their owner can read.
    write_bytes(path, save(tensors, sorted_metadata(header)))


def _by_spandrel(path: Path, tensors: StateDict) -> nn.Module:
    from ..sr.networks.community import INSTALL, NotInstalledError
    from .community import from_tensors

    try:
        built = from_tensors(tensors, path)
    except NotInstalledError as error:
        raise UserError(_unknown(path, tensors, "is no AOD-Net", f"spandrel may know it: {INSTALL}.")) from error
    if built is None:
        raise UserError(_unknown(path, tensors, "is unknown here", "give a checkpoint of a restoration network."))
    return built.eval()


def _unknown(path: Path, tensors: StateDict, what: str, advice: str) -> str:
    example = next(iter(tensors))
    return (
        f"{path} holds a network that {what}: one of its {len(tensors)} tensors is {example!r} of shape "
        f"{tuple(tensors[example].shape)}; {advice}"
    )
