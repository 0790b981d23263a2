"""The suite's embedded datasets as data: rendered scenes, clean and degraded as the datasets of photographs are."""

from __future__ import annotations

from typing import Any

from .degradations.weather.fog import FOGGY_CITYSCAPES_BETAS
from .scenes.objects import MAKERS
from .spec import DatasetSpec
from .specs.coco import AERIS_PROTOCOL, AERIS_SOURCE, LR_CHOICES, LR_SETTINGS, LR_VARIANTS

SCENE_SIZE = 512
"""Side of the rendered scenes of all tracks, pixels."""

SCENE_COUNTS = {"val": 100, "train": 1200}
"""Images of each split where no limit is given; the renderer's own defaults, repeated so that lists need no OpenCV."""

CASCADE = "cascade-mini"
"""The detector behind methods on the tracks where LCP is at home: the one that LCP and its baseline begin with, so that
methods with a detector of their own and those before one are comparable there."""


def _scenes(
    name: str,
    title: str,
    protocol: str,
    degradation: str,
    settings: dict[str, Any],
    detector: str = "mini",
    **fields: Any,
) -> DatasetSpec:
    """Return a track of rendered scenes."""
    return DatasetSpec(
        name=name,
        version="1",
        title=title,
        protocol=f"Procedurally rendered scenes of {SCENE_SIZE}x{SCENE_SIZE} pixels with boxes and areas of visible "
        f"pixels; no photograph is in them. {protocol}",
        reader="scenes",
        classes=tuple(MAKERS),
        splits=("val", "train"),
        default_split="val",
        degradation=degradation,
        settings=settings,
        default_detector=detector,
        official_images=SCENE_COUNTS,
        embedded=True,
        licence="Apache-2.0, rendered by this package",
        **fields,
    )


def _scenes_lr(factor: int) -> DatasetSpec:
    """Return scenes at a down-sampling factor; unlike VOC-LR there is no squeeze, the scenes are square."""
    low = SCENE_SIZE // factor
    return _scenes(
        f"scenes-lr-x{factor}",
        f"Scenes-LR x{factor}: rendered scenes at 1/{factor} resolution",
        f"Low resolution is {low}x{low} by antialiased bicubic interpolation, the reduction of VOC-LR, here from the "
        f"scene's own {SCENE_SIZE}x{SCENE_SIZE} pixels instead of 300x300." + LR_VARIANTS,
        "voc-lr",
        {"factor": factor, "hr_size": SCENE_SIZE, **LR_SETTINGS},
        choices=LR_CHOICES,
        free_choices=tuple(LR_CHOICES),
    )


SCENES_CLEAN = _scenes("scenes-clean", "Scenes: rendered, not degraded", "Nothing is degraded.", "none", {})
SCENES_D = _scenes("scenes-d", "Scenes-d: rendered scenes degraded as in COCO-d", AERIS_PROTOCOL.strip(), "aeris", {})
SCENES_LR_X4 = _scenes_lr(4)
SCENES_LR_X8 = _scenes_lr(8)

SCENES_FOG = _scenes(
    "scenes-fog",
    "Scenes-fog: rendered scenes in fog of three densities",
    "Fog follows Foggy Cityscapes (Sakaridis et al., IJCV 2018): I = J t + A (1 - t), t = exp(-beta d), A estimated "
    "from each image's dark channel. d is the renderer's own distance along each ray, so transmission needs no guided "
    "filter and far surfaces fade exactly. beta is 0.02 per metre (visible to 150 m); 0.01 and 0.005 are chosen by "
    "scenes-fog:beta_per_m=0.01 and scenes-fog:beta_per_m=0.005.",
    "fog",
    {"beta_per_m": 0.02, "refine": False},
    choices={"beta_per_m": ("0.02", *(str(beta) for beta in FOGGY_CITYSCAPES_BETAS if beta != 0.02))},
    sources=("arXiv 1708.07819", "github.com/sakaridis/fog_simulation-SFSU_synthetic at 8048e2e"),
    detector=CASCADE,
)
SCENES_RAIN = _scenes(
    "scenes-rain",
    "Scenes-rain: rendered scenes in light, medium and heavy rain",
    "The model of RainCityscapes (Hu et al., CVPR 2019), I = J (1 - S - A) + S + A0 A with its three pairs (alpha, "
    "beta), drawn for each image: a veil A that grows with the true distance, and streaks S. Streaks are drawn lines "
    "in sheets at 2, 4, 8 and 16 m, hidden by nearer surfaces, where RainCityscapes lays one pattern over "
    "the whole image; A0 is estimated as for fog.",
    "rain",
    {"streaks": "layers"},
    choices={"streaks": ("layers", "sheet")},
    sources=("github.com/xw-hu/DAF-Net at ebf08cf",),
    detector=CASCADE,
)
SCENES_UNDERWATER = _scenes(
    "scenes-underwater",
    "Scenes-underwater: rendered scenes in seven kinds of water",
    "Underwater image formation with the transmission table of UWCNN (Li et al., Pattern Recognition 2020): each "
    "channel is attenuated by exp(-beta d) and the water's own light takes its place. Drawn for each image: Jerlov's "
    "type (I, II, III, 1, 3, 5, 7), 1 to 4 m of water above, the brightness of the water. d is a tenth of the true "
    "distance: streets of 100 m become tanks of 10 m, the range of underwater photographs.",
    "underwater",
    {"water_types": ["I", "II", "III", "1", "3", "5", "7"], "distance_scale": 0.1},
    sources=("arXiv 1807.03528", "github.com/saeed-anwar/UWCNN"),
    detector=CASCADE,
)
SCENES_NOISE = _scenes(
    "scenes-noise",
    "Scenes-noise: rendered scenes with Gaussian noise",
    "The noise of COCO-d alone: Gaussian, sigma drawn for each image up to 25/255.",
    "aeris",
    {"blur_types": ["none"], "scale_factors": [1.0]},
    sources=(AERIS_SOURCE,),
)
SCENES_BLUR = _scenes(
    "scenes-blur",
    "Scenes-blur: rendered scenes under isotropic or anisotropic blur",
    "The blur of COCO-d alone: a Gaussian kernel drawn for each image, isotropic or anisotropic, 7 to 21 pixels.",
    "aeris",
    {"blur_types": ["iso", "aniso"], "scale_factors": [1.0], "noise_sigma_255": [0.0, 0.0]},
    sources=(AERIS_SOURCE,),
)
SCENES_DARK = _scenes(
    "scenes-dark",
    "Scenes-dark: rendered scenes in low light",
    "Light is scaled down before gamma, then the sensor's noise is added: linear light is value^2.2, noise has the "
    "variance shot * light + read with the ranges of Brooks et al. (CVPR 2019). Drawn for each image: the light that "
    "is left, 2 to 18 percent (the mean of MAET's distribution plus and minus its deviation; Cui et al., ICCV 2021), "
    "and the noise. Nothing is brightened again.",
    "low-light",
    {"exposure": [0.02, 0.18]},
    sources=("arXiv 1811.11127", "github.com/cuiziteng/ICCV_MAET at 3328152"),
)
