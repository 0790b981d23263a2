"""Swin-T as an encoder with four maps (Liu et al., ICCV 2021), with the semantics of mmdetection's implementation.

Those differ from torchvision's: windows shift even where one window covers the whole map, each of the four maps is
normalised before it leaves, and maps of any size are padded inside each attention.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import StochasticDepth

EMBEDDING = 96
DEPTHS = (2, 2, 6, 2)
HEADS = (3, 6, 12, 24)
WINDOW = 7
PATCH = 4
EXPANSION = 4
DROP_PATH = 0.2
"""Chance of skipping the last block in training; earlier blocks less, linearly (the published config)."""
_MASKED = -100.0
_SPREAD = 0.02


class WindowAttention(nn.Module):
    """Self-attention within windows of 7 x 7 cells, which may be shifted by 3."""

    def __init__(self, channels: int, heads: int, shift: int) -> None:
        super().__init__()
        self.heads, self.shift = heads, shift
        self.bias_table = nn.Parameter(torch.zeros((2 * WINDOW - 1) ** 2, heads))
        self.register_buffer("bias_index", relative_index(), persistent=False)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        nn.init.trunc_normal_(self.bias_table, std=_SPREAD)

    def forward(self, x: Tensor) -> Tensor:
        """Map float (B, h, w, channels) to the same shape."""
        height, width = x.shape[1:3]
        x = F.pad(x, (0, 0, 0, -width % WINDOW, 0, -height % WINDOW))
        padded = (x.shape[1], x.shape[2])
        if self.shift:
            x = torch.roll(x, (-self.shift, -self.shift), dims=(1, 2))
        x = join_windows(self._attend(split_windows(x), padded), padded)
        if self.shift:
            x = torch.roll(x, (self.shift, self.shift), dims=(1, 2))
        return x[:, :height, :width]

    def _attend(self, windows: Tensor, size: tuple[int, int]) -> Tensor:
        """Map (B * windows, 49, channels) to the same shape."""
        count, cells, channels = windows.shape
        qkv = self.qkv(windows).reshape(count, cells, 3, self.heads, channels // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        index = self.get_buffer("bias_index").flatten()
        bias = self.bias_table[index].view(cells, cells, self.heads).permute(2, 0, 1)[None]
        if self.shift:
            mask = shift_mask(size, self.shift, bias.device).to(bias.dtype)
            bias = (bias + mask[:, None]).repeat(count // len(mask), 1, 1, 1)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        return self.proj(attended.transpose(1, 2).reshape(count, cells, channels))


class SwinBlock(nn.Module):
    """Window attention and a perceptron, each normalised before and added to its input."""

    def __init__(self, channels: int, heads: int, shift: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads, shift)
        self.norm2 = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, EXPANSION * channels)
        self.reduce = nn.Linear(EXPANSION * channels, channels)
        self.drop = StochasticDepth(drop_path, "row")

    def forward(self, x: Tensor) -> Tensor:
        """Map float (B, h, w, channels) to the same shape."""
        x = x + self.drop(self.attention(self.norm1(x)))
        return x + self.drop(self.reduce(F.gelu(self.expand(self.norm2(x)))))


class PatchMerging(nn.Module):
    """Joins 2 x 2 cells into one with twice the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * channels)
        self.reduction = nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map float (B, h, w, channels) to (B, ceil(h / 2), ceil(w / 2), 2 channels)."""
        x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        # Order of mmdetection's checkpoints: a channel's four cells lie together, row by row.
        cells = F.pixel_unshuffle(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        return self.reduction(self.norm(cells))


class Stage(nn.Module):
    """Blocks of one resolution; every second one has shifted windows."""

    def __init__(self, channels: int, heads: int, drop_paths: list[float], *, last: bool) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(SwinBlock(channels, heads, (i % 2) * (WINDOW // 2), drop) for i, drop in enumerate(drop_paths))
        )
        self.downsample = None if last else PatchMerging(channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the stage's map (B, h, w, channels) and what the next stage begins with."""
        x = self.blocks(x)
        return x, x if self.downsample is None else self.downsample(x)


class PatchEmbedding(nn.Module):
    """A vector for each 4 x 4 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.projection = nn.Conv2d(3, EMBEDDING, PATCH, stride=PATCH)
        self.norm = nn.LayerNorm(EMBEDDING)

    def forward(self, images: Tensor) -> Tensor:
        """Map float (B, 3, H, W), sides multiples of 4, to (B, H/4, W/4, 96)."""
        return self.norm(self.projection(images).permute(0, 2, 3, 1))


class SwinTransformer(nn.Module):
    """Swin-T without its classifier, 27.5 million parameters.

    Attributes:
        channels: Of the maps at strides 4, 8, 16 and 32.
    """

    def __init__(self) -> None:
        super().__init__()
        self.channels = (EMBEDDING, 2 * EMBEDDING, 4 * EMBEDDING, 8 * EMBEDDING)
        self.patch_embed = PatchEmbedding()
        drops = [DROP_PATH * i / (sum(DEPTHS) - 1) for i in range(sum(DEPTHS))]
        starts = [sum(DEPTHS[:i]) for i in range(len(DEPTHS))]
        self.stages = nn.ModuleList(
            Stage(channels, heads, drops[start : start + depth], last=channels == self.channels[-1])
            for channels, heads, start, depth in zip(self.channels, HEADS, starts, DEPTHS, strict=True)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for channels in self.channels)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=_SPREAD)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map float (B, 3, H, W), sides multiples of 4, to four maps (B, c, h, w), the finest first."""
        x = self.patch_embed(images)
        maps = []
        for stage, norm in zip(self.stages, self.norms, strict=True):
            out, x = stage(x)
            maps.append(norm(out).permute(0, 3, 1, 2).contiguous())
        return maps


def split_windows(x: Tensor) -> Tensor:
    """Cut (B, h, w, c), sides multiples of 7, into (B * windows, 49, c), row by row."""
    batch, height, width, channels = x.shape
    x = x.view(batch, height // WINDOW, WINDOW, width // WINDOW, WINDOW, channels)
    return x.transpose(2, 3).reshape(-1, WINDOW**2, channels)


def join_windows(windows: Tensor, size: tuple[int, int]) -> Tensor:
    """Undo ``split_windows`` for maps of (height, width)."""
    height, width = size
    x = windows.view(-1, height // WINDOW, width // WINDOW, WINDOW, WINDOW, windows.shape[-1])
    return x.transpose(2, 3).reshape(-1, height, width, windows.shape[-1])


def relative_index() -> Tensor:
    """Return int64 (49, 49): for each pair of a window's cells, the row of the bias table for their displacement."""
    rows, columns = torch.arange(WINDOW).repeat_interleave(WINDOW), torch.arange(WINDOW).repeat(WINDOW)
    down, right = rows[:, None] - rows + WINDOW - 1, columns[:, None] - columns + WINDOW - 1
    return down * (2 * WINDOW - 1) + right


def shift_mask(size: tuple[int, int], shift: int, device: torch.device) -> Tensor:
    """Return float (windows, 49, 49): 0 between cells that were neighbours before the shift, -100 between others."""
    regions = torch.zeros(1, *size, 1, device=device)
    for number, (rows, columns) in enumerate((r, c) for r in _bands(shift) for c in _bands(shift)):
        regions[:, rows, columns] = number
    windows = split_windows(regions)[..., 0]
    return (windows[:, :, None] != windows[:, None]).float() * _MASKED


def _bands(shift: int) -> tuple[slice, slice, slice]:
    return slice(0, -WINDOW), slice(-WINDOW, -shift), slice(-shift, None)
