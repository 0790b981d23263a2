"""CARN and CARN-M.

Ahn, Kang, Sohn, "Fast, Accurate, and Lightweight Super-Resolution with Cascading Residual Network", ECCV 2018. Names of
tensors are those of nmhkahn/CARN-pytorch (MIT), so that its checkpoints load; those serve x2, x3 and x4 with one trunk
and three enlarging parts, of which a network here keeps the one of its scale.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..base import Recognised, SrNetwork, at_least
from .tensors import RGB_MEAN, count, has_all, whole_root


class Carn(SrNetwork):
    """Three cascading blocks of three residual blocks, each step joined with all before it by 1x1 convolutions."""

    def __init__(self, scale: int, *, mobile: bool = False, groups: int = 1, features: int = 64) -> None:
        """Build the network.

        Args:
            scale: 2, 3 or 4.
            mobile: CARN-M: one residual block a cascading block, used three times, with grouped convolutions.
            groups: Of these convolutions (CARN-M only) and of those that enlarge.
            features: Channels.
        """
        at_least(1, groups=groups, features=features)
        if features % groups:
            raise ValueError(f"features must be a multiple of groups, which {features} is not of {groups}")
        super().__init__(scale, {"mobile": mobile, "groups": groups, "features": features})
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1))
        self.entry = nn.Conv2d(3, features, 3, padding=1)
        for step in (1, 2, 3):
            self.add_module(f"b{step}", _Cascade(features, mobile, groups))
            self.add_module(f"c{step}", _Join(features, step))
        self.upsample = nn.ModuleDict({"body": _enlarging(features, scale, groups)})
        self.exit = nn.Conv2d(features, 3, 3, padding=1)

    def forward(self, low: Tensor) -> Tensor:
        """See ``SrNetwork.forward``."""
        mean = self.get_buffer("mean")
        features = self.entry(low - mean)
        features = _cascade(features, [self.get_submodule(f"b{step}") for step in (1, 2, 3)], self)
        return self.exit(self.upsample["body"](features)) + mean

    @classmethod
    def recognise(cls, tensors: Mapping[str, Tensor]) -> Recognised | None:
        """See ``SrNetwork.recognise``; several scales where the file has several enlarging parts."""
        scales = _scales(tensors)
        if not scales or not has_all(tensors, "entry.weight", "b1.c1.body.0.weight", "exit.weight"):
            return None
        features = tensors["entry.weight"].shape[0]
        first = next(value for name, value in tensors.items() if re.match(r"upsample\.up\d?\.body\.0\.weight", name))
        mobile = "b1.b1.body.4.weight" in tensors
        options = {"mobile": mobile, "groups": features // first.shape[1], "features": features}
        return Recognised("carn-m" if mobile else "carn", scales, {**options})

    @classmethod
    def adapt(cls, tensors: Mapping[str, Tensor], scale: int) -> dict[str, Tensor]:
        """See ``SrNetwork.adapt``; leaves out the enlarging parts of other scales and the two fixed mean shifts."""
        adapted = {}
        for name, value in tensors.items():
            match = re.match(r"upsample\.up(\d?)\.(.*)", name)
            if match and match[1] in ("", str(scale)):
                adapted[f"upsample.{match[2]}"] = value
            elif not match and not re.match(r"(sub|add)_mean\.", name):
                adapted[name] = value
        shift = tensors.get("sub_mean.shifter.bias")
        adapted["mean"] = (torch.tensor(RGB_MEAN) if shift is None else -shift).view(1, 3, 1, 1)
        return adapted


def _scales(tensors: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Return the scales that a published file can be used at."""
    several = {int(match[1]) for name in tensors if (match := re.match(r"upsample\.up(\d)\.", name))}
    if several:
        return tuple(sorted(several))
    scale = 1
    for index in range(0, count(tensors, r"upsample\.up\.body\.(\d+)\.weight"), 3):
        weight = tensors.get(f"upsample.up.body.{index}.weight")
        scale *= whole_root(weight.shape[0], tensors["exit.weight"].shape[1]) if weight is not None else 0
    return (scale,) if scale in (2, 3, 4) else ()


def _cascade(first: Tensor, blocks: list[nn.Module], joins: nn.Module) -> Tensor:
    """Run blocks one after the other, each on the join of the input and all results before it."""
    results, current = first, first
    for step, block in enumerate(blocks, start=1):
        results = torch.cat([results, block(current)], 1)
        current = joins.get_submodule(f"c{step}")(results)
    return current


class _Join(nn.Module):
    """A 1x1 convolution of n + 1 maps into one."""

    def __init__(self, features: int, step: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d((step + 1) * features, features, 1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class _Cascade(nn.Module):
    """A cascading block: three residual blocks, or one used three times."""

    def __init__(self, features: int, mobile: bool, groups: int) -> None:
        super().__init__()
        self.steps = (1, 1, 1) if mobile else (1, 2, 3)
        for step in sorted(set(self.steps)):
            self.add_module(f"b{step}", _Residual(features, mobile, groups))
        for step in (1, 2, 3):
            self.add_module(f"c{step}", _Join(features, step))

    def forward(self, x: Tensor) -> Tensor:
        return _cascade(x, [self.get_submodule(f"b{step}") for step in self.steps], self)


class _Residual(nn.Module):
    def __init__(self, features: int, mobile: bool, groups: int) -> None:
        super().__init__()
        groups = groups if mobile else 1
        layers: list[nn.Module] = [
            nn.Conv2d(features, features, 3, padding=1, groups=groups),
            nn.ReLU(),
            nn.Conv2d(features, features, 3, padding=1, groups=groups),
        ]
        if mobile:
            layers += [nn.ReLU(), nn.Conv2d(features, features, 1)]
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + x)


def _enlarging(features: int, scale: int, groups: int) -> nn.Sequential:
    """Return convolutions with pixel shuffles: two doublings for x4, one step for x2 and x3."""
    layers: list[nn.Module] = []
    for step in (2, 2) if scale == 4 else (scale,):
        conv = nn.Conv2d(features, step * step * features, 3, padding=1, groups=groups)
        layers += [conv, nn.ReLU(), nn.PixelShuffle(step)]
    return nn.Sequential(*layers)
