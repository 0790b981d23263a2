"""Weight files of LCP and its baseline: safetensors with a header (see ``header.py``)."""

from __future__ import annotations

from pathlib import Path

from ..header_values import KEY
from ..tensor_files import load_tensors, save_tensors
from .header import Header, read_header
from .net import LcpNet


def save_weights(net: LcpNet, header: Header, path: Path, *, half: bool = False) -> None:
    """Write a network's weights, whole or not at all.

    Args:
        net: The network.
        header: What it is.
        path: A ``.safetensors`` file, replaced where it exists.
        half: Keep convolutions and matrices in half precision, the small rest in single.
    """
    save_tensors(net.model.state_dict(), {KEY: header}, path, half=half)


def load_weights(path: Path) -> tuple[LcpNet, Header]:
    """Build the network of a weight file, in evaluation mode on the CPU.

    Raises:
        UserError: The file is missing, damaged, of another family, or its tensors do not fit its header.
    """
    header = read_header(path)
    net = LcpNet(header.network, header.classes)
    load_tensors(net.model, path)
    return net.eval().requires_grad_(False), header
