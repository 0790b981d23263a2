"""The branches of ClassSR: FSRCNN in colour of its own, and networks of the catalog at the published widths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor, nn

from ..catalog import NETWORKS, build_sr

KERNEL = 9
"""Side of FSRCNN's enlarging kernel, pixels of the output."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A kind of branch.

    Attributes:
        widths: Channels of the three branches in the paper's experiments, cheapest first.
        option: The catalog's option that holds the width; empty for ``ColourFsrcnn``.
    """

    widths: tuple[int, int, int]
    option: str = ""


BRANCHES: Mapping[str, Branch] = MappingProxyType(
    {
        "fsrcnn": Branch((16, 36, 56)),
        "msrresnet": Branch((36, 52, 64), "features"),
        "carn-m": Branch((36, 52, 64), "features"),
        "rcan": Branch((36, 50, 64), "features"),
    }
)
"""Branch names with the widths of the authors' released code; its "SRResNet" is MSRResNet and its "CARN" is CARN-M."""


def build_branch(name: str, scale: int, width: int) -> nn.Module:
    """Return one branch with fresh weights.

    Raises:
        UserError: The catalog does not offer the scale.
    """
    option = BRANCHES[name].option
    return build_sr(name, scale, {option: width}) if option else ColourFsrcnn(scale, width)


def recognise_branches(branches: Sequence[Mapping[str, Tensor]]) -> tuple[str, list[int]] | None:
    """Return what the branches of a released checkpoint are and their widths; None where they are nothing known.

    The released CARN (with batch normalisation) and RCAN (for images in 0 to 255, with another mean) are other networks
    than the catalog's and are not known.

    Args:
        branches: Tensors of each branch by their names inside it.
    """
    for name, width_of in (("fsrcnn", _fsrcnn_width), ("msrresnet", _msrresnet_width)):
        known = [width for tensors in branches if (width := width_of(tensors)) is not None]
        if len(known) == len(branches):
            return name, known
    return None


def adapt_branch(name: str, tensors: Mapping[str, Tensor], scale: int) -> dict[str, Tensor]:
    """Return the tensors of a recognised branch under the names of our network of it."""
    if name == "fsrcnn":
        return dict(tensors)
    return NETWORKS[name].load_class().adapt(_later_names(tensors), scale)


def _fsrcnn_width(tensors: Mapping[str, Tensor]) -> int | None:
    return len(tensors["head_conv.0.weight"]) if "head_conv.0.weight" in tensors else None


def _msrresnet_width(tensors: Mapping[str, Tensor]) -> int | None:
    found = NETWORKS["msrresnet"].load_class().recognise(_later_names(tensors))
    width = found.options["features"] if found is not None else None
    return width if isinstance(width, int) else None


def _later_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of an early BasicSR's MSRResNet, as ClassSR has it, by the names of later ones."""
    return {
        name.replace("recon_trunk.", "body.").replace("HRconv.", "conv_hr."): value for name, value in tensors.items()
    }


class ColourFsrcnn(nn.Module):
    """FSRCNN as ClassSR uses it.

    Dong, Loy, Tang, "Accelerating the Super-Resolution Convolutional Neural Network", ECCV 2016, with three changes of
    ClassSR's released code: it enlarges RGB and not luma alone, only the last of the mapping layers has an activation,
    and a pixel is enlarged about its own centre (padding 3 at a scale of 4).

    Args:
        scale: Enlargement.
        width: Feature channels, d in the paper.
        shrunk: Channels of the mapping layers, s in the paper.
        layers: Number of mapping layers, m in the paper.
    """

    def __init__(self, scale: int, width: int, shrunk: int = 12, layers: int = 4) -> None:
        super().__init__()
        mapping = [nn.Conv2d(shrunk, shrunk, 3, padding=1) for _ in range(layers)]
        # The names are those of the released checkpoints.
        self.head_conv = nn.Sequential(nn.Conv2d(3, width, 5, padding=2), nn.PReLU())
        self.body_conv = nn.Sequential(
            nn.Sequential(nn.Conv2d(width, shrunk, 1), nn.PReLU()),
            *mapping,
            nn.PReLU(),
            nn.Sequential(nn.Conv2d(shrunk, width, 1), nn.PReLU()),
        )
        padding = (KERNEL - scale + 1) // 2
        self.tail_conv = nn.ConvTranspose2d(
            width, 3, KERNEL, stride=scale, padding=padding, output_padding=scale - KERNEL + 2 * padding
        )
        small_normal(self)

    def forward(self, low: Tensor) -> Tensor:
        """Return (B, 3, scale * h, scale * w) of images (B, 3, h, w)."""
        return self.tail_conv(self.body_conv(self.head_conv(low)))


def small_normal(module: nn.Module) -> None:
    """Start convolutions with a tenth of He's normal weights and zero biases, as ClassSR does."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            layer.weight.data *= 0.1
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
