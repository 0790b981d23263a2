"""Weights of super-resolution networks: our own files, and published checkpoints told apart by their tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...datasets.atomic import write_bytes
from ...datasets.errors import UserError
from ..detectors.checkpoint import StateDict, load_strictly, read_state_dict
from ..header_values import sorted_metadata
from .base import Recognised, SrHeader, SrNetwork
from .catalog import NETWORKS, SrEntry, build_sr, sr_entry
from .header import check_asked, read_header

if TYPE_CHECKING:
    from collections.abc import Iterator

SPANDREL = "spandrel"
"""Name of the networks that come from spandrel."""
KEYS = ("params_ema", "params", "state_dict", "model")
"""Where a published state dict may lie; the averaged weights of BasicSR come before the last ones."""


def load_sr(path: Path, network: str = "", scale: int | None = None) -> tuple[SrNetwork, SrHeader]:
    """Build the network of a weight file, in evaluation mode on the CPU, in single precision.

    Args:
        path: A file of ``save_sr``, or a published checkpoint (.pth, .pt or .safetensors).
        network: Name in the catalog; "" to find it out from the tensors.
        scale: Enlargement that is wanted; None to take that of the file.

    Returns:
        The network and what it is; its parameters can be trained.

    Raises:
        UserError: The file is missing, damaged or no checkpoint; holds another network or scale than asked for; fits
            several scales and none was asked for; or needs spandrel, which is not installed.
    """
    if network:
        sr_entry(network)
    if not path.is_file():
        raise UserError(f"{path}: there is no such checkpoint; check the path.")
    header = read_header(path)
    tensors = read_state_dict(path, network or "a super-resolution network", KEYS)
    tensors = {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
    built, header = _published(path, tensors, network, scale) if header is None else _own(path, header, tensors)
    check_asked(path, header, network, scale)
    return built.eval(), header.model_copy(update={"network": network or header.network})


def save_sr(network: SrNetwork, header: SrHeader, path: Path, half: bool = False) -> None:
    """Write a network's weights, whole or not at all; the same weights give the same bytes.

    Args:
        network: The network.
        header: What it is.
        path: A ``.safetensors`` file, replaced where it exists.
        half: Keep convolutions and matrices in half precision, the small rest in single.
    """
    from safetensors.torch import save

    tensors = {name: _compact(value, half) for name, value in network.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written by hand: safetensors' own writer makes files that only their owner can read.
    write_bytes(path, save(tensors, sorted_metadata(header)))


def describe(network: SrNetwork, name: str, trained: Mapping[str, object] | None = None) -> SrHeader:
    """Return the header of a network that was built under a name of the catalog."""
    return SrHeader(network=name, scale=network.scale, options=network.options, trained=dict(trained or {}))


def recognise(tensors: Mapping[str, Tensor]) -> Recognised | None:
    """Return the first network of the catalog that could hold a checkpoint's tensors; None where none could."""
    found = (entry.load_class().recognise(tensors) for entry in _families())
    return next((one for one in found if one is not None), None)


def _families() -> Iterator[SrEntry]:
    """Return one entry of each class."""
    seen = set()
    for entry in NETWORKS.values():
        if entry.target not in seen:
            seen.add(entry.target)
            yield entry


def _own(path: Path, header: SrHeader, tensors: StateDict) -> tuple[SrNetwork, SrHeader]:
    """Build the network that one of our files describes."""
    if header.network == SPANDREL:
        tensors = {name.removeprefix("net."): value for name, value in tensors.items()}
        return _by_spandrel(path, tensors, header.network), header
    network = _build(path, header)
    load_strictly(network, tensors, path, header.network)
    return network, header


def _build(path: Path, header: SrHeader) -> SrNetwork:
    try:
        return build_sr(header.network, header.scale, header.options)
    except UserError as error:
        raise UserError(f"{path} describes a network that cannot be built: {error}") from error


def _published(path: Path, tensors: StateDict, network: str, scale: int | None) -> tuple[SrNetwork, SrHeader]:
    """Find out what a published checkpoint is, and build it."""
    found = None if network == SPANDREL else _recognise_as(tensors, network)
    if found is None:
        built = _by_spandrel(path, tensors, network)
        return built, describe(built, SPANDREL)
    chosen = _choose_scale(path, found, scale)
    header = SrHeader(network=found.network, scale=chosen, options=found.options)
    check_asked(path, header, network, scale)
    built = _build(path, header)
    load_strictly(built, type(built).adapt(tensors, chosen), path, found.network)
    return built, header


def _by_spandrel(path: Path, tensors: StateDict, network: str) -> SrNetwork:
    """Build what none of our networks could hold, unless one of ours was asked for."""
    from .networks.community import INSTALL, NotInstalledError, from_tensors

    if network not in ("", SPANDREL):
        raise UserError(_unknown(path, tensors, f"give a checkpoint of {network!r}."))
    try:
        built = from_tensors(tensors, str(path))
    except NotInstalledError as error:
        raise UserError(_unknown(path, tensors, f"spandrel may know it: {INSTALL}.")) from error
    if built is None:
        raise UserError(_unknown(path, tensors, "give a checkpoint of a super-resolution network."))
    return built


def _recognise_as(tensors: StateDict, network: str) -> Recognised | None:
    """Hold a checkpoint against the network asked for first: others may fit it too."""
    asked = NETWORKS[network].load_class().recognise(tensors) if network else None
    return asked or recognise(tensors)


def _choose_scale(path: Path, found: Recognised, scale: int | None) -> int:
    if scale is None and len(found.scales) == 1:
        return found.scales[0]
    offered = ", ".join(f"x{one}" for one in found.scales)
    if scale is None:
        raise UserError(f"{path} ({found.network}) can be used at {offered} and does not say which; give the scale.")
    if scale not in found.scales:
        raise UserError(f"{path} holds {found.network} weights for {offered}, not for x{scale}; give others.")
    return scale


def _unknown(path: Path, tensors: StateDict, advice: str) -> str:
    """Return the sentence for a checkpoint of an unknown network."""
    example = next(iter(tensors))
    return (
        f"{path} holds no super-resolution network that is known here: one of its {len(tensors)} tensors is "
        f"{example!r} of shape {tuple(tensors[example].shape)}; {advice}"
    )


def _compact(value: Tensor, half: bool) -> Tensor:
    value = value.detach().cpu().contiguous()
    if not value.is_floating_point():
        return value
    return value.to(torch.float16 if half and value.ndim > 1 else torch.float32)
