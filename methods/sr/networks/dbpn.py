"""Deep back-projection networks.

Haris, Shakhnarovich, Ukita, "Deep Back-Projection Networks for Super-Resolution", CVPR 2018 (DBPN-S, D-DBPN, DBPNLL),
and "Deep Back-Projection Networks for Single Image Super-Resolution", arXiv 1904.05677 (DBPN-RES-MR). Layers, names of
tensors and initial weights follow alterzero/DBPN-Pytorch at 6eb48ca (MIT), so that its checkpoints load.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..base import Recognised, SrNetwork, at_least
from .maps import Maps
from .projections import KERNELS, DownProjection, Unit, UpProjection, convolution, on_plain_cpu


class BackProjection(SrNetwork):
    """What all DBPN have: T up-projections and T - 1 down-projections, densely connected, newest first.

    Its children are ``feat0`` and ``feat1``, ``up1`` to ``upT``, ``down1`` to ``down(T-1)``, and ``output_conv``.

    Attributes:
        stages: T.
        checkpointing: Keep only the projections' results for the backward pass and compute the rest again: less memory,
            more time, the same gradients.
        memory_format: Of the feature maps; None for channels-last on a CPU, where it is quicker, else as the input is.
    """

    def __init__(self, scale: int, stages: int, base: int, features: int, outputs: int) -> None:
        super().__init__(scale, {})
        if scale not in KERNELS:
            raise ValueError(f"the scale must be one of {', '.join(map(str, KERNELS))}, not {scale}")
        at_least(2, stages=stages)
        at_least(1, base=base, features=features)
        self.stages = stages
        self.checkpointing = False
        self.memory_format: torch.memory_format | None = None
        self._plain = False
        self.feat0 = convolution(3, features, 3, padding=1)
        self.feat1 = convolution(features, base, 1)
        for stage in range(1, stages + 1):
            self.add_module(f"up{stage}", UpProjection(base, scale, max(stage - 1, 1)))
            if stage < stages:
                self.add_module(f"down{stage}", DownProjection(base, scale, stage))
        self.output_conv = convolution(outputs * base, 3, 3, padding=1, act=False)
        self.apply(_initialise)

    @property
    def plain(self) -> bool:
        """Tell whether to run one torch operator after the other instead of the form that is quicker on a CPU."""
        return self._plain

    @plain.setter
    def plain(self, value: bool) -> None:
        self._plain = value
        for module in self.modules():
            if isinstance(module, Unit):
                module.plain = value

    def extract(self, low: Tensor) -> Tensor:
        """Map (B, 3, h, w) RGB to the (B, base, h, w) features that the first projection takes."""
        layout = self.memory_format
        if layout is None and low.device.type == "cpu" and not self.plain:
            layout = torch.channels_last
        return self.feat1(self.feat0(low if layout is None else low.contiguous(memory_format=layout)))

    def project(self, low: Tensor) -> tuple[Maps, Tensor]:
        """Run all projections.

        Args:
            low: (B, base, h, w).

        Returns:
            The T enlarged maps, and the last shrunk one.
        """
        learning = torch.is_grad_enabled()
        buffered = not learning and not self.plain and on_plain_cpu(low)
        recompute = learning and self.checkpointing
        highs, lows, first = Maps(self.stages, buffered), Maps(self.stages - 1, buffered), Maps(1, False)
        first.add(low)
        for stage in range(1, self.stages + 1):
            source = lows if len(lows) else first
            highs.add(source.read_by(self.get_submodule(f"up{stage}"), recompute=recompute))
            if stage < self.stages:
                lows.add(highs.read_by(self.get_submodule(f"down{stage}"), recompute=recompute))
        return highs, lows.newest


class Dbpn(BackProjection):
    """D-DBPN (T = 7), DBPN-S (T = 2) and DBPNLL (T = 10): the enlarged maps of all stages make the image.

    Nothing is added to the image. Upstream's flag that adds the bicubic enlargement has no counterpart here: weights
    trained with it and used without give black images, and the other way round (issues 30, 44 and 53 there).
    """

    def __init__(self, scale: int, *, stages: int = 7, base: int = 64, features: int = 256) -> None:
        """Build the network.

        Args:
            scale: 2, 4 or 8.
            stages: T, up-projections.
            base: Channels of the projections.
            features: Channels of the first convolution.
        """
        super().__init__(scale, stages, base, features, outputs=stages)
        self.options = {"stages": stages, "base": base, "features": features}

    def forward(self, low: Tensor) -> Tensor:
        """See ``SrNetwork.forward``."""
        highs, _ = self.project(self.extract(low))
        return self.output_conv(highs.joined()).contiguous()

    @classmethod
    def recognise(cls, tensors: Mapping[str, Tensor]) -> Recognised | None:
        """See ``SrNetwork.recognise``; scale from the kernels, T from the last convolution."""
        found = _dimensions(tensors)
        if found is None or found["stages"] != found["outputs"]:
            return None
        name = {2: "dbpn-s", 10: "dbpnll"}.get(found["stages"], "dbpn")
        options = {option: found[option] for option in ("stages", "base", "features")}
        return Recognised(name, (found["scale"],), {**options})


class DbpnRes(BackProjection):
    """DBPN-RES-MR: the same projections run several times, each on what the last one shrank, plus the bicubic image.

    The bicubic enlargement is a part of this network and cannot be left out: see ``Dbpn``. It is that of Pillow and
    MATLAB (a = -0.5), as in upstream's evaluation.
    """

    def __init__(
        self, scale: int, *, stages: int = 7, iterations: int = 3, base: int = 64, features: int = 256
    ) -> None:
        """Build the network.

        Args:
            scale: 2, 4 or 8.
            stages: Up-projections of one run.
            iterations: Runs; not as many as stages, since such weights could not be told from those of ``Dbpn``.
            base: Channels of the projections.
            features: Channels of the first convolution.
        """
        at_least(1, iterations=iterations)
        if iterations == stages:
            raise ValueError(f"iterations must differ from stages, both are {stages}")
        super().__init__(scale, stages, base, features, outputs=iterations)
        self.iterations = iterations
        self.options = {"stages": stages, "iterations": iterations, "base": base, "features": features}

    def forward(self, low: Tensor) -> Tensor:
        """See ``SrNetwork.forward``."""
        shrunk = self.extract(low)
        results: list[Tensor] = []
        for _ in range(self.iterations):
            highs, shrunk = self.project(shrunk)
            results.append(highs.newest)
        bicubic = F.interpolate(low, scale_factor=self.scale, mode="bicubic", antialias=True)
        return self.output_conv(torch.cat(results, 1)).contiguous() + bicubic

    @classmethod
    def recognise(cls, tensors: Mapping[str, Tensor]) -> Recognised | None:
        """See ``SrNetwork.recognise``; runs from the last convolution, which differ from the stages."""
        found = _dimensions(tensors)
        if found is None or found["stages"] == found["outputs"]:
            return None
        options = {option: found[option] for option in ("stages", "base", "features")}
        return Recognised("dbpn-res", (found["scale"],), {**options, "iterations": found["outputs"]})


def _dimensions(tensors: Mapping[str, Tensor]) -> dict[str, int] | None:
    """Read scale, stages, widths and the number of maps that make the image off the shapes."""
    needed = ("feat0.conv.weight", "up1.up_conv1.deconv.weight", "output_conv.conv.weight")
    if not all(name in tensors and tensors[name].ndim == 4 for name in needed):
        return None
    first, up, last = (tensors[name].shape for name in needed)
    scale = next((scale for scale, kernel in KERNELS.items() if kernel == up[2]), None)
    if scale is None or last[1] % up[0]:
        return None
    stages = max(int(match[1]) for name in tensors if (match := re.match(r"up(\d+)\.", name)))
    return {"scale": scale, "stages": stages, "base": up[0], "features": first[0], "outputs": last[1] // up[0]}


def _initialise(module: nn.Module) -> None:
    """Draw weights as published: He's normal distribution with the gain of ReLU, biases zero.

    The fan-in of a transposed convolution is that which torch computes, from its second axis.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
