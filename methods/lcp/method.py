"""``lcp``, its two learners alone, and ``cascade-rcnn``: detectors that look at the degraded image itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ...datasets.errors import UserError
from ...datasets.types import Batch, Detections, Sample
from ..base import Method, MethodSettings
from ..boxes import to_dataset
from ..card import MethodCard
from ..class_names import label_map
from .bundle import BUNDLE, bundled
from .config import VARIANTS
from .header import Header, read_header

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from ..training.request import FitRequest
    from .net import LcpNet

PAPER = (
    "C. Fu, J. Xiao, W. Yuan, R. Liu, X. Fan: Learning Cruxes to Push for Object Detection in Low-Quality Images, "
    "IEEE Transactions on Circuits and Systems for Video Technology, 2024"
)
CASCADE = "Z. Cai, N. Vasconcelos: Cascade R-CNN: Delving into High Quality Object Detection, CVPR 2018"
RELEASE = "https://github.com/xiaoDetection/learning-cruxes-to-push"


class CascadeMethod(Method):
    """A detector trained on the degraded images of one track; subclasses give a card.

    Images go through one by one: in a batch, what lies beside an image would change its detections.
    """

    def __init__(self, settings: MethodSettings) -> None:
        super().__init__(settings)
        self._loaded: tuple[LcpNet, Header] | None = None

    @classmethod
    def own_weights(cls, settings: MethodSettings, dataset: str) -> Path | None:
        """Return the bundled weights for a dataset; see ``Method.own_weights``."""
        return bundled(cls.card.name, dataset)

    @classmethod
    def weight_complaint(cls, settings: MethodSettings, weights: Path | None) -> str:
        """Say what is wrong with the weights, from the file's header alone; see ``Method.weight_complaint``."""
        try:
            _check(cls.card.name, weights)
        except UserError as error:
            return str(error)
        return ""

    @classmethod
    def fit(cls, request: FitRequest) -> Path:
        """Train the method; see ``train.train_lcp`` and ``Method.fit``."""
        from .train import train_lcp

        return train_lcp(request)

    def setup(self, device: str, weights: Path | None) -> None:
        """Load the weights; see ``Method.setup``."""
        from .checkpoint import load_weights

        net, header = load_weights(_check(self.card.name, weights))
        self._loaded = (net.to(device), header)

    def detect(self, batch: Batch) -> list[Detections]:
        """Detect in each degraded image, resized as the network was trained; see ``Method.detect``."""
        net, header = self._ready()
        labels = label_map(header.classes, batch.classes)
        return [_detect_one(net, sample, labels) for sample in batch.samples]

    def teardown(self) -> None:
        """Let go of the network."""
        self._loaded = None

    def _ready(self) -> tuple[LcpNet, Header]:
        if self._loaded is None:
            raise RuntimeError(f"method {self.card.name}: call setup before detect")
        return self._loaded


def _detect_one(net: LcpNet, sample: Sample, labels: NDArray) -> Detections:
    from ...datasets.degradations.resize import to_float

    return to_dataset(net.detect(to_float(sample.image)), labels, (1.0, 1.0), sample.record.size)


def _check(method: str, weights: Path | None) -> Path:
    """Return the weight file of a method.

    Raises:
        UserError: There is none, or it is of another family or method.
    """
    if weights is None:
        raise UserError(_how_to_get(method))
    header = read_header(weights)
    if header.method != method:
        raise UserError(
            f"{weights} holds weights of the method {header.method!r}, not of {method!r}; give those of {method!r}, "
            f"or run --method {header.method}."
        )
    return weights


def _how_to_get(method: str) -> str:
    """Return one sentence on how to come by weights for other datasets than the bundled ones."""
    known = sorted(path.stem.removeprefix(f"{method}-") for path in BUNDLE.glob(f"{method}-scenes-*.safetensors"))
    own = (
        f"weights of {method!r} come with the project for {', '.join(known)} alone"
        if known
        else (f"no weights of {method!r} come with the project")
    )
    release = ""
    if method == "lcp":
        release = (
            f", convert a checkpoint that {RELEASE} links with `lqbench convert lcp FILE.pth --out FILE.safetensors`"
        )
    return (
        f"{own}: train some on the dataset with `lqbench train --method {method} --dataset NAME`{release}, and give "
        "the file with --weights."
    )


def _card(name: str, summary: str, paper: str = PAPER) -> MethodCard:
    return MethodCard(
        name=name,
        title=VARIANTS[name].title,
        summary=summary,
        kind="detector",
        paper=paper,
        tuned_on="the degraded training images of the dataset",
    )


class CruxMethod(CascadeMethod):
    """A method with a crux learner, whose mask can be shown."""

    def focus(self, sample: Sample) -> torch.Tensor | None:
        """Return the crux learner's mask, enlarged or reduced to the image's size; see ``Method.focus``."""
        from ...datasets.degradations.resize import to_float

        return self._ready()[0].mask(to_float(sample.image))


class Lcp(CruxMethod):
    """LCP with both learners."""

    card: ClassVar[MethodCard] = _card(
        "lcp",
        "Cascade R-CNN whose backbone looks at the degraded image and at its crux, the image under a learnt soft mask; "
        "what the crux's features lack beside those of favoured images is added.",
    )


class LcpCrux(CruxMethod):
    """LCP with the crux learner alone."""

    card: ClassVar[MethodCard] = _card(
        "lcp-crux", "LCP without its catch-up learner: the same network otherwise, trained on the detection loss alone."
    )


class LcpCatchUp(CascadeMethod):
    """LCP with the catch-up learner alone."""

    card: ClassVar[MethodCard] = _card(
        "lcp-catch-up", "LCP without its crux learner: the second branch sees the whole image, as the first one does."
    )


class CascadeRcnn(CascadeMethod):
    """The baseline: the detector that LCP begins with, fine-tuned on the degraded images."""

    card: ClassVar[MethodCard] = _card(
        "cascade-rcnn",
        "Cascade R-CNN, trained on clear images and then on the degraded ones of the dataset.",
        paper=CASCADE,
    )
