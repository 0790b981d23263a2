"""The weights that a whole detector begins with: those of a detector trained on favoured images."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ...datasets.errors import UserError
from ..mmdet_adapter.checkpoint import read_checkpoint
from ..tensor_files import COUNTER, misfit, wanted_tensors
from .bundle import CLEAR, bundled
from .header import read_header
from .net import LcpNet

SCENES = "scenes"
INNER = "backbone.inner."
"""Where the detector's own backbone lies in a network with LCP."""
LEARNERS = ("backbone.crux_learner.", "backbone.catch_up_learner.", "backbone.catch_up_fusion.")


def load_init(net: LcpNet, init: str) -> Path:
    """Load the weights of a detector into a network, with LCP or without; the learners keep theirs.

    Args:
        net: The network.
        init: "scenes" for the bundled detector of clear scenes, else the path of a checkpoint: a weight file of this
            project without LCP, or one of mmdet 2.x or 3.x.

    Returns:
        The file.

    Raises:
        UserError: There is no such file, it has LCP inside already, or it is of another detector or other classes.
    """
    path = bundled(*CLEAR) if init == SCENES else Path(init)
    if path is None or not path.is_file():
        raise UserError(f"the field 'init' names {init}, which is no file; give the checkpoint of a detector.")
    given = _detector_tensors(path, net)
    wanted = {name: value for name, value in wanted_tensors(net.model).items() if not name.startswith(LEARNERS)}
    complaint = misfit({name.replace(INNER, "backbone."): value for name, value in wanted.items()}, given)
    if complaint:
        raise UserError(
            f"{path} does not fit the detector {net.config.base} with {len(net.classes)} classes: {complaint}; give "
            f"the checkpoint of this very detector, trained on the same classes."
        )
    own = {name: given[name.replace(INNER, "backbone.")].float() for name in wanted}
    net.model.load_state_dict(own, strict=False)
    return path


def _detector_tensors(path: Path, net: LcpNet) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by mmdet's names."""
    if path.suffix == ".safetensors":
        _check_header(path, net)
    return {name: value for name, value in read_checkpoint(path).state.items() if not name.endswith(COUNTER)}


def _check_header(path: Path, net: LcpNet) -> None:
    """Refuse a weight file of this project that has LCP inside, or other classes than a network."""
    header = read_header(path)
    if header.network.lcp is not None:
        raise UserError(f"{path} has LCP inside; begin with a detector without, such as one of cascade-rcnn.")
    if header.classes != net.classes:
        raise UserError(
            f"{path} knows the classes {', '.join(header.classes)}, the dataset has {', '.join(net.classes)}; begin "
            "with a detector of the same classes."
        )
