"""The methods of the family by name: which network each has, and where it comes from."""

from __future__ import annotations

from typing import ClassVar

from ..card import MethodCard
from ..sr.catalog import sr_entry
from .method import SrThenDetect

TDSR = (
    "M. Haris, G. Shakhnarovich, N. Ukita: Task-Driven Super Resolution: Object Detection in Low-Resolution Images, "
    "ICONIP 2021"
)
_BLIND = "random blur, reduction, noise and JPEG"
_ENLARGES = "A super-resolution network enlarges the degraded image, then the detector sees it."


def _card(name: str, title: str, paper: str, how: str = _ENLARGES, tuned_on: str = "bicubic reduction") -> MethodCard:
    return MethodCard(
        name=name, title=title, summary=how, kind="sr-then-detect", paper=paper, restores=True, tuned_on=tuned_on
    )


def _network_card(name: str, title: str, tuned_on: str = "bicubic reduction") -> MethodCard:
    """Return the card of a method that is named by its network."""
    return _card(name, title, sr_entry(name).paper, tuned_on=tuned_on)


class AnySr(SrThenDetect):
    """Any network of the catalog, or any that spandrel knows: the weight file says which."""

    card: ClassVar[MethodCard] = _card("sr-then-detect", "SR, then detection", "", tuned_on="")


class Tdsr(SrThenDetect):
    """Task-driven super-resolution: the network learnt through the frozen detector, as well as from pixels."""

    card: ClassVar[MethodCard] = _card(
        "tdsr",
        "TDSR",
        TDSR,
        "A super-resolution network enlarges the degraded image, then the detector sees it. The network was trained by "
        "the difference of pixels and by the frozen detector's own loss.",
    )
    trained_by: ClassVar[str] = "tdsr"


class SrFt(SrThenDetect):
    """TDSR's first control: as many iterations as its first phase, by the difference of pixels alone."""

    card: ClassVar[MethodCard] = _card("sr-ft", "SR-FT", TDSR)
    trained_by: ClassVar[str] = "sr-ft"


class SrFtPlus(SrThenDetect):
    """TDSR's second control: as many iterations as TDSR, by the difference of pixels alone."""

    card: ClassVar[MethodCard] = _card("sr-ft-plus", "SR-FT+", TDSR)
    trained_by: ClassVar[str] = "sr-ft-plus"


class Fdsr(SrThenDetect):
    """Feature-driven super-resolution: the network learnt from pixels and from the frozen detector's features."""

    card: ClassVar[MethodCard] = _card(
        "fdsr",
        "FDSR",
        "J. Wang, X. Lu, L. Zhang: Feature-Driven Super-Resolution for Object Detection, ICRCC 2020, arXiv 2004.00554",
        "A super-resolution network enlarges the degraded image, then the detector sees it. The network was trained by "
        "the difference of pixels and of the frozen detector's features.",
    )
    trained_by: ClassVar[str] = "fdsr"


class Dbpn(SrThenDetect):
    """Deep back-projection network with seven stages."""

    card: ClassVar[MethodCard] = _network_card("dbpn", "D-DBPN")
    network: ClassVar[str] = "dbpn"


class SrResNet(SrThenDetect):
    """SRGAN's generator, trained on pixels."""

    card: ClassVar[MethodCard] = _network_card("srresnet", "SRResNet")
    network: ClassVar[str] = "srresnet"


class SrGan(SrThenDetect):
    """SRGAN's generator, trained against a discriminator."""

    card: ClassVar[MethodCard] = _network_card("srgan", "SRGAN")
    network: ClassVar[str] = "srgan"


class Edsr(SrThenDetect):
    """Residual network without normalisation."""

    card: ClassVar[MethodCard] = _network_card("edsr", "EDSR")
    network: ClassVar[str] = "edsr"


class Rcan(SrThenDetect):
    """Residual network with channel attention."""

    card: ClassVar[MethodCard] = _network_card("rcan", "RCAN")
    network: ClassVar[str] = "rcan"


class Rrdb(SrThenDetect):
    """ESRGAN's generator, trained on pixels."""

    card: ClassVar[MethodCard] = _network_card("rrdb", "RRDB")
    network: ClassVar[str] = "rrdb"


class Esrgan(SrThenDetect):
    """ESRGAN's generator, trained against a discriminator."""

    card: ClassVar[MethodCard] = _network_card("esrgan", "ESRGAN")
    network: ClassVar[str] = "esrgan"


class Bsrgan(SrThenDetect):
    """ESRGAN's generator, trained on shuffled degradations."""

    card: ClassVar[MethodCard] = _network_card("bsrgan", "BSRGAN", tuned_on=_BLIND)
    network: ClassVar[str] = "bsrgan"


class RealEsrgan(SrThenDetect):
    """ESRGAN's generator, trained on degradations of second order."""

    card: ClassVar[MethodCard] = _network_card("real-esrgan", "Real-ESRGAN", tuned_on=_BLIND)
    network: ClassVar[str] = "real-esrgan"


class RealEsrganCompact(SrThenDetect):
    """Real-ESRGAN's small network for video."""

    card: ClassVar[MethodCard] = _network_card("real-esrgan-compact", "Real-ESRGAN, compact", tuned_on=_BLIND)
    network: ClassVar[str] = "real-esrgan-compact"


class SwinIr(SrThenDetect):
    """Residual Swin transformer."""

    card: ClassVar[MethodCard] = _network_card("swinir", "SwinIR")
    network: ClassVar[str] = "swinir"


class Carn(SrThenDetect):
    """Cascading residual network."""

    card: ClassVar[MethodCard] = _network_card("carn", "CARN")
    network: ClassVar[str] = "carn"


class CarnM(SrThenDetect):
    """Cascading residual network with grouped convolutions."""

    card: ClassVar[MethodCard] = _network_card("carn-m", "CARN-M")
    network: ClassVar[str] = "carn-m"


class Vdsr(SrThenDetect):
    """Twenty convolutions on the enlarged luma."""

    card: ClassVar[MethodCard] = _network_card("vdsr", "VDSR")
    network: ClassVar[str] = "vdsr"


class SrCnn(SrThenDetect):
    """Three convolutions on the enlarged luma."""

    card: ClassVar[MethodCard] = _network_card("srcnn", "SRCNN")
    network: ClassVar[str] = "srcnn"


class FsrCnn(SrThenDetect):
    """Narrow network that enlarges last."""

    card: ClassVar[MethodCard] = _network_card("fsrcnn", "FSRCNN")
    network: ClassVar[str] = "fsrcnn"


class ClassSr(SrThenDetect):
    """Three networks of growing width and a class module that sends each patch to one."""

    card: ClassVar[MethodCard] = _network_card("classsr", "ClassSR")
    network: ClassVar[str] = "classsr"
