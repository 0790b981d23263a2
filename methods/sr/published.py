"""Where published weights of super-resolution networks may be had.

Where only the repository is named, its page tells where the files are. Nothing is downloaded by this project.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedWeights:
    """A checkpoint, or a set of them, that others have published.

    Attributes:
        scale: Enlargement; 0 where one file serves several or the source has several.
        source: Address of the file, or of the repository that tells where its files are.
        file: File name; "" where only the repository is known.
        licence: Of the repository that the weights belong to; "" where none is known.
        sha256: Where it is published or known.
    """

    scale: int
    source: str
    file: str
    licence: str
    sha256: str | None = None


def _release(scale: int, folder: str, file: str, licence: str) -> PublishedWeights:
    return PublishedWeights(scale, f"https://github.com/{folder}/{file}", file, licence)


def _repository(name: str, licence: str, file: str = "", scale: int = 0) -> PublishedWeights:
    return PublishedWeights(scale, f"https://github.com/{name}", file, licence)


def _edsr(scale: int, file: str) -> PublishedWeights:
    return PublishedWeights(scale, f"https://cv.snu.ac.kr/research/EDSR/models/{file}", file, "MIT")


def _srgan(file: str) -> PublishedWeights:
    """Return a file of Lornatang/SRGAN-PyTorch."""
    address = f"https://huggingface.co/goodfellowliu/SRGAN-PyTorch/resolve/main/{file}"
    return PublishedWeights(4, address, file, "Apache-2.0")


_DBPN, _REAL, _SWINIR = "alterzero/DBPN-Pytorch", "xinntao/Real-ESRGAN", "JingyunLiang/SwinIR"
_REAL_RELEASES, _SWINIR_RELEASES = f"{_REAL}/releases/download", f"{_SWINIR}/releases/download/v0.0"

PUBLISHED: dict[str, tuple[PublishedWeights, ...]] = {
    "dbpn": tuple(_repository(_DBPN, "MIT", f"DBPN_x{scale}.pth", scale) for scale in (4, 8)),
    "dbpnll": (_repository(_DBPN, "MIT", "DBPNLL_x8.pth", 8),),
    "dbpn-res": (_repository(_DBPN, "MIT"),),
    "srresnet": (_srgan("SRResNet_x4-ImageNet.pth.tar"),),
    "srgan": (_srgan("SRGAN_x4-ImageNet.pth.tar"),),
    "msrresnet": (_repository("XPixelGroup/BasicSR", "Apache-2.0"),),
    "edsr": (
        _edsr(2, "edsr_baseline_x2-1bc95232.pt"),
        _edsr(3, "edsr_baseline_x3-abf2a44e.pt"),
        _edsr(4, "edsr_baseline_x4-6b446fab.pt"),
        _edsr(2, "edsr_x2-0edfb8a3.pt"),
        _edsr(3, "edsr_x3-ea3ef2c6.pt"),
        _edsr(4, "edsr_x4-4f62e9ef.pt"),
    ),
    "rcan": tuple(_repository("yulunzhang/RCAN", "", f"RCAN_BIX{scale}.pt", scale) for scale in (2, 3, 4, 8)),
    "rrdb": (_repository("xinntao/ESRGAN", "Apache-2.0", "RRDB_PSNR_x4.pth", 4),),
    "esrgan": (_repository("xinntao/ESRGAN", "Apache-2.0", "RRDB_ESRGAN_x4.pth", 4),),
    "bsrgan": (_release(4, "cszn/KAIR/releases/download/v1.0", "BSRGAN.pth", "MIT"),),
    "real-esrgan": (
        _release(4, f"{_REAL_RELEASES}/v0.1.0", "RealESRGAN_x4plus.pth", "BSD-3-Clause"),
        _release(2, f"{_REAL_RELEASES}/v0.2.1", "RealESRGAN_x2plus.pth", "BSD-3-Clause"),
    ),
    "real-esrgan-compact": (
        _release(4, f"{_REAL_RELEASES}/v0.2.5.0", "realesr-general-x4v3.pth", "BSD-3-Clause"),
        _release(4, f"{_REAL_RELEASES}/v0.2.5.0", "realesr-animevideov3.pth", "BSD-3-Clause"),
    ),
    "swinir": (
        _release(4, _SWINIR_RELEASES, "001_classicalSR_DF2K_s64w8_SwinIR-M_x4.pth", "Apache-2.0"),
        _release(2, _SWINIR_RELEASES, "002_lightweightSR_DIV2K_s64w8_SwinIR-S_x2.pth", "Apache-2.0"),
    ),
    "carn": (_repository("nmhkahn/CARN-pytorch", "MIT"),),
    "carn-m": (_repository("nmhkahn/CARN-pytorch", "MIT", "carn_m.pth"),),
    "vdsr": (_repository("twtygqyy/pytorch-vdsr", "MIT"),),
    "srcnn": (_repository("yjn870/SRCNN-pytorch", ""),),
    "fsrcnn": (_repository("yjn870/FSRCNN-pytorch", ""),),
}
"""By name of the network."""
