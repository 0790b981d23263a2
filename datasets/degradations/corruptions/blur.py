"""Blur: defocus, frosted glass, motion, zoom and Gaussian."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .filters import correlate, enlarged, gaussian, move

Pixels = NDArray[np.uint8]
Image = NDArray[np.float64]


def gaussian_blur(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Blur by a Gaussian; sigma in pixels."""
    return gaussian(image / 255, (1, 2, 3, 4, 6)[severity - 1])


def defocus_blur(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Blur by a disk, as a lens out of focus does; radius in pixels, and the disk's own softening."""
    radius, softening = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))[severity - 1]
    kernel = disk(radius, softening)
    centre = kernel.shape[0] // 2
    return correlate(image / 255, kernel, (centre, centre), cv2.BORDER_REFLECT_101)


def disk(radius: int, softening: float) -> NDArray[np.float64]:
    """Return a disk whose edge is softened by a small Gaussian.

    Args:
        radius: Pixels.
        softening: Sigma of the Gaussian, which covers 3x3 pixels, or 5x5 for radii above 8. Disks of radius 8 and 10
            touch the border of their array, where the Gaussian mirrors them, and sum to 1.01, as the original's do.
    """
    reach = max(8, radius)
    offset = np.arange(-reach, reach + 1)
    sharp = (offset[None, :] ** 2 + offset[:, None] ** 2 <= radius**2).astype(np.float64)
    side = 3 if radius <= 8 else 5
    return cv2.GaussianBlur(sharp / sharp.sum(), (side, side), softening)


def motion_blur(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Blur along a line up to 45 degrees from the horizontal."""
    radius, sigma = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))[severity - 1]
    return move(image / 255, radius, sigma, rng.uniform(-45, 45))


def zoom_blur(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Average the image with enlargements of its centre.

    Enlargements are rounded to 8 bits, whose interpolation has the same bytes everywhere, before they are averaged.
    """
    step, last = ((0.01, 11), (0.01, 15), (0.02, 10), (0.02, 12), (0.03, 10))[severity - 1]
    height, width = image.shape[:2]
    total = image.astype(np.uint16)
    for number in range(last + 1):
        part = np.ascontiguousarray(image[enlarged((height, width), 1 + step * number)])
        total += cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR_EXACT).astype(np.uint16)
    return total.astype(np.float64) / (255.0 * (last + 2))


def glass_blur(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Blur, replace each pixel by a random neighbour, blur again; a pane of frosted glass."""
    sigma, reach, rounds = ((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2))[severity - 1]
    height, width = image.shape[:2]
    blurred = gaussian(image / 255, sigma)
    origin = np.arange(height * width)
    for _ in range(rounds):
        origin = origin[random_neighbours((height, width), reach, rng)]
    return gaussian(blurred.reshape(-1, 3)[origin].reshape(image.shape), sigma)


def random_neighbours(size: tuple[int, int], reach: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return which pixel comes to stand at each place of an image, int64 (H * W,).

    Pixels take turns backwards from the last, leaving out a margin, and each becomes what stands at a random place
    from -reach to reach - 1 rows and columns away. A place behind it has had its turn, so its pixel is handed on.
    (The original means to swap the two, but assigns overlapping views, which copies one over the other. Published
    figures rest on what it does; a true swap damages the image less, by 1.7 dB at severity 3.)

    All turns are taken at once: following each place to the first that hands on its own old pixel, in steps of
    doubled length, gives the same result.

    Args:
        size: (H, W).
        reach: Largest offset.
        rng: The random stream.
    """
    height, width = size
    rows, columns = np.arange(reach + 1, height - reach + 1), np.arange(reach + 1, width - reach + 1)
    places = (rows[:, None] * width + columns[None, :]).ravel()
    down, across = rng.integers(-reach, reach, (2, len(places)))
    everywhere = np.arange(height * width)
    neighbour, turned = everywhere.copy(), np.zeros(height * width, bool)
    neighbour[places] = places + down * width + across
    turned[places] = True
    last = np.where((neighbour > everywhere) & turned[neighbour], neighbour, everywhere)
    while not np.array_equal(last, last[last]):
        last = last[last]
    return neighbour[last]
