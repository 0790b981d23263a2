"""The network of AERIS: encoder, neck, CenterNet head, and the restoration branch that only training runs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import ModelConfig
from .head import CenterHead, HeadMaps
from .mini_encoder import MiniEncoder
from .neck import DeconvolutionNeck, NeckMaps
from .resnet import ResNet
from .restoration import RestorationBranch
from .swin import SwinTransformer

__all__ = ["AerisNet", "HeadMaps"]

STRIDE = 4
IMAGENET_MEAN = (123.675 / 255, 116.28 / 255, 103.53 / 255)
IMAGENET_STD = (58.395 / 255, 57.12 / 255, 57.375 / 255)


class AerisNet(nn.Module):
    """Detects at a quarter of the image's size; restores in any size (Cui et al., ECCV 2022).

    The restoration branch takes an intermediate map of the neck and gives nothing back, so detection neither runs nor
    needs it. The released code runs it at test time too and discards its output.

    Attributes:
        config: What it was built from.
        classes: Number of classes.
        stride: Image pixels per cell of the head's maps.
    """

    stride = STRIDE

    def __init__(self, config: ModelConfig, classes: int, seed: int = 0) -> None:
        """Build the network; the same seed gives the same first weights, whatever torch's global state is."""
        super().__init__()
        self.config, self.classes = config, classes
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.backbone = build_backbone(config)
            self.neck = DeconvolutionNeck(self.backbone.channels, skips=config.neck != "stock", dcn=config.dcn)
            self.head = CenterHead(self.neck.channels, config.head_channels, classes)
            self.restoration = self._build_restoration(config)
        # Kernels in this layout are quicker on CPUs: by 40 % in the mini network, by a tenth in ResNet-18.
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def forward(self, images: Tensor) -> HeadMaps:
        """Detect; the restoration branch is not run.

        Args:
            images: float (B, 3, H, W), RGB in [0, 1], sides multiples of ``config.divisor``.

        Raises:
            ValueError: A side is no multiple of the divisor.
        """
        return self.head(self._encode(images).quarter)

    def forward_with_restoration(self, images: Tensor, size: tuple[int, int]) -> tuple[HeadMaps, Tensor | None]:
        """Detect and restore with one pass of the encoder.

        Args:
            images: As for ``forward``.
            size: (height, width) of the restored images, pixels.

        Returns:
            The head's maps, and float (B, 3, height, width), not clipped; None for networks without the branch.
        """
        maps = self._encode(images)
        restored = None if self.restoration is None else self.restoration(maps, size)
        return self.head(maps.quarter), restored

    def restore(self, images: Tensor, size: tuple[int, int], scale: tuple[float, float] | None = None) -> Tensor:
        """Restore without detecting.

        Args:
            images: As for ``forward``.
            size: (height, width) of the restored images, pixels.
            scale: Restored pixels per image pixel along y and x, where ``images`` holds more than is to be restored,
                such as padding at the right and the bottom; None where ``size`` covers the whole images.

        Returns:
            float (B, 3, height, width), about [0, 1] but not clipped.

        Raises:
            ValueError: The network has no restoration branch.
        """
        if self.restoration is None:
            raise ValueError(f"a network with the neck {self.config.neck!r} has no restoration branch")
        return self.restoration(self._encode(images), size, scale)

    def _encode(self, images: Tensor) -> NeckMaps:
        divisor = self.config.divisor
        if images.shape[-2] % divisor or images.shape[-1] % divisor:
            raise ValueError(f"sides of {tuple(images.shape)} are no multiples of {divisor}")
        images = images.contiguous(memory_format=torch.channels_last)
        return self.neck(self.backbone(normalised(images) if self.config.normalisation == "imagenet" else images))

    def _build_restoration(self, config: ModelConfig) -> RestorationBranch | None:
        if config.restoration is None:
            return None
        level = 1 if config.neck == "stage1" else 2
        return RestorationBranch(self.backbone.channels, level, config.restoration, dcn=config.dcn)


def build_backbone(config: ModelConfig) -> ResNet | SwinTransformer | MiniEncoder:
    """Return the encoder that a config names, with random weights."""
    if config.backbone == "swin_t":
        return SwinTransformer()
    return MiniEncoder() if config.backbone == "mini" else ResNet.resnet18()


def normalised(images: Tensor) -> Tensor:
    """Subtract ImageNet's mean and divide by its standard deviation; float (B, 3, H, W) in [0, 1]."""
    mean = images.new_tensor(IMAGENET_MEAN)[:, None, None]
    return (images - mean) / images.new_tensor(IMAGENET_STD)[:, None, None]
