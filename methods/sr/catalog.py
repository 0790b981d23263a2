"""The super-resolution networks by name; listing them imports no torch."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ...datasets.errors import UserError
from ...datasets.registry import load_target
from .published import PUBLISHED, PublishedWeights

if TYPE_CHECKING:
    from .base import SrNetwork

_NETWORKS = f"{__name__.rpartition('.')[0]}.networks"


@dataclass(frozen=True)
class SrEntry:
    """One network of the catalog.

    Attributes:
        name: By which users choose it.
        title: What it is, in a few words.
        paper: Where it comes from.
        target: Its class as ``package.module:Class``.
        scales: Enlargements that are offered; empty where only a checkpoint says.
        weight_files: Published weights.
        builds_with: Whose code the network is.
        fixed: Options that belong to the name and cannot be changed.
        defaults: Options in which this name differs from the class's own defaults.
    """

    name: str
    title: str
    paper: str
    target: str
    scales: tuple[int, ...]
    weight_files: tuple[PublishedWeights, ...] = ()
    builds_with: Literal["ours", "basicsr", "spandrel"] = "ours"
    fixed: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def load_class(self) -> type[SrNetwork]:
        """Import and return the network's class."""
        return load_target(self.target, f"SR network {self.name!r}")


_DBPN = "Haris, Shakhnarovich, Ukita, Deep Back-Projection Networks for Super-Resolution, CVPR 2018"
_DBPN_RES = "Haris, Shakhnarovich, Ukita, Deep Back-Projection Networks for Single Image Super-Resolution, 2019"
_SRGAN = "Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network, CVPR 2017"
_EDSR = "Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution, CVPRW 2017"
_RCAN = "Zhang et al., Image Super-Resolution Using Very Deep Residual Channel Attention Networks, ECCV 2018"
_ESRGAN = "Wang et al., ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks, ECCVW 2018"
_BSRGAN = "Zhang et al., Designing a Practical Degradation Model for Deep Blind Image Super-Resolution, ICCV 2021"
_REAL = "Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data, ICCVW 2021"
_SWINIR = "Liang et al., SwinIR: Image Restoration Using Swin Transformer, ICCVW 2021"
_CARN = "Ahn, Kang, Sohn, Fast, Accurate, and Lightweight Super-Resolution with Cascading Residual Network, ECCV 2018"
_VDSR = "Kim, Lee, Lee, Accurate Image Super-Resolution Using Very Deep Convolutional Networks, CVPR 2016"
_SRCNN = "Dong, Loy, He, Tang, Image Super-Resolution Using Deep Convolutional Networks, TPAMI 2016"
_CLASSSR = (
    "Kong, Zhao, Qiao, Dong, ClassSR: A General Framework to Accelerate Super-Resolution Networks by Data "
    "Characteristic, CVPR 2021"
)
_FSRCNN = "Dong, Loy, Tang, Accelerating the Super-Resolution Convolutional Neural Network, ECCV 2016"
_ANY = (2, 3, 4, 8)


def _entry(name: str, title: str, paper: str, target: str, scales: tuple[int, ...], **more: Any) -> SrEntry:
    return SrEntry(name, title, paper, f"{_NETWORKS}.{target}", scales, PUBLISHED.get(name, ()), **more)


def _basicsr(name: str, title: str, paper: str, target: str, scales: tuple[int, ...], **more: Any) -> SrEntry:
    return _entry(name, title, paper, target, scales, builds_with="basicsr", **more)


NETWORKS: dict[str, SrEntry] = {
    entry.name: entry
    for entry in (
        _entry("dbpn", "D-DBPN, T = 7", _DBPN, "dbpn:Dbpn", (2, 4, 8)),
        _entry("dbpn-s", "DBPN-S, T = 2", _DBPN, "dbpn:Dbpn", (2, 4, 8), fixed={"stages": 2}),
        _entry("dbpnll", "DBPNLL, T = 10", _DBPN, "dbpn:Dbpn", (2, 4, 8), fixed={"stages": 10}),
        _entry("dbpn-res", "DBPN-RES-MR64-3, T = 7, run 3 times", _DBPN_RES, "dbpn:DbpnRes", (2, 4, 8)),
        _entry("srresnet", "SRResNet with batch normalisation", _SRGAN, "srresnet:SrResNet", (2, 4, 8)),
        _entry("srgan", "generator of SRGAN: SRResNet", _SRGAN, "srresnet:SrResNet", (2, 4, 8)),
        _basicsr("msrresnet", "SRResNet without batch normalisation", _SRGAN, "residual:MsrResNet", (2, 3, 4)),
        _basicsr("edsr", "EDSR baseline, 16 blocks of 64", _EDSR, "residual:Edsr", _ANY),
        _basicsr("rcan", "RCAN, 10 groups of 20 blocks", _RCAN, "residual:Rcan", _ANY),
        _basicsr("rrdb", "RRDBNet, 23 blocks", _ESRGAN, "rrdb:Rrdb", (2, 4)),
        _basicsr("esrgan", "ESRGAN's generator: RRDBNet", _ESRGAN, "rrdb:Rrdb", (2, 4)),
        _basicsr("bsrgan", "BSRGAN's generator: RRDBNet", _BSRGAN, "rrdb:Rrdb", (2, 4)),
        _basicsr("real-esrgan", "Real-ESRGAN's generator: RRDBNet", _REAL, "rrdb:Rrdb", (2, 4)),
        _basicsr("real-esrgan-compact", "SRVGGNetCompact", _REAL, "rrdb:Compact", (2, 3, 4)),
        _basicsr("swinir", "SwinIR-M, classical", _SWINIR, "swinir:SwinIr", _ANY),
        _entry("carn", "CARN", _CARN, "carn:Carn", (2, 3, 4), fixed={"mobile": False}),
        _entry("carn-m", "CARN-M", _CARN, "carn:Carn", (2, 3, 4), fixed={"mobile": True}, defaults={"groups": 4}),
        _entry("vdsr", "VDSR, on luma", _VDSR, "luma:Vdsr", _ANY),
        _entry("srcnn", "SRCNN 9-5-5, on luma", _SRCNN, "luma:Srcnn", _ANY),
        _entry("fsrcnn", "FSRCNN(56, 12, 4), on luma", _FSRCNN, "luma:Fsrcnn", _ANY),
        _entry("classsr", "ClassSR, branches FSRCNN 16, 36, 56", _CLASSSR, "classsr:ClassSr", _ANY),
        _entry(
            "spandrel", "any network that spandrel knows", "", "community:SpandrelNetwork", (), builds_with="spandrel"
        ),
    )
}
"""All networks by name, in the order in which a checkpoint is held against them."""


def sr_entry(name: str) -> SrEntry:
    """Return a network's entry.

    Raises:
        UserError: The name is unknown; close names are suggested.
    """
    if name not in NETWORKS:
        close = difflib.get_close_matches(name, NETWORKS, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"known are {', '.join(NETWORKS)}"
        raise UserError(f"unknown SR network {name!r}; {hint}")
    return NETWORKS[name]


def build_sr(name: str, scale: int, options: Mapping[str, Any] | None = None) -> SrNetwork:
    """Build a network with the initial weights of its paper, drawn from torch's default generator.

    Args:
        name: In the catalog.
        scale: Enlargement.
        options: Arguments of its constructor besides the scale.

    Raises:
        UserError: The name is unknown, the scale is not offered, or an option is unknown, of the wrong type, fixed by
            the name or without meaning.
    """
    entry = sr_entry(name)
    if not entry.scales:
        raise UserError(f"SR network {name!r} ({entry.title}) comes from a checkpoint only; give one.")
    if scale not in entry.scales:
        offered = ", ".join(f"x{one}" for one in entry.scales)
        raise UserError(f"SR network {name!r} does not come in x{scale}; it is offered in {offered}.")
    network = entry.load_class()
    chosen = {**entry.defaults, **entry.fixed, **_checked(entry, network, options or {})}
    try:
        return network(scale, **chosen)
    except ValueError as error:
        raise UserError(f"SR network {name!r}: {error}.") from error


def _checked(entry: SrEntry, network: type[SrNetwork], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options after comparing names and types with the constructor's."""
    parameters = dict(inspect.signature(network).parameters)
    del parameters["scale"]
    for name, value in options.items():
        if name not in parameters:
            known = f"it takes {', '.join(parameters)}" if parameters else "it takes none"
            raise UserError(f"SR network {entry.name!r} has no option {name!r}; {known}.")
        default = parameters[name].default
        if not _fits(value, default):
            kind = type(default).__name__
            raise UserError(f"SR network {entry.name!r}: option {name!r} must be of type {kind}, not {value!r}.")
        if name in entry.fixed and value != entry.fixed[name]:
            raise UserError(
                f"SR network {entry.name!r} always has {name} = {entry.fixed[name]}, not {value!r}; choose another "
                f"network or leave the option out."
            )
    return dict(options)


def _fits(value: Any, default: Any) -> bool:
    """Tell whether a value is of the type of a default; whole numbers serve as fractions, true and false never do."""
    if isinstance(default, tuple):
        return isinstance(value, (list, tuple)) and all(type(one) is int for one in value)
    if isinstance(default, float):
        return type(value) in (int, float)
    return type(value) is type(default)
