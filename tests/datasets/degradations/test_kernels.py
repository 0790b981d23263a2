"""Blur kernels: equal to the official ones, widths are variances."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.datasets.degradations.kernels import covariance, gaussian_kernel

sizes = st.sampled_from([1, 3, 7, 9, 15, 21])
variances = st.floats(0.1, 6.0)
angles = st.floats(0.0, math.pi)


def measured_covariance(kernel: np.ndarray) -> np.ndarray:
    offset = np.arange(len(kernel)) - len(kernel) // 2
    y, x = np.meshgrid(offset, offset, indexing="ij")
    return np.array(
        [[(kernel * x * x).sum(), (kernel * x * y).sum()], [(kernel * x * y).sum(), (kernel * y * y).sum()]]
    )


def test_kernels_equal_the_official_ones(shared_golden: Path):
    cases = json.loads((shared_golden / "aeris_kernels.json").read_text())["cases"]
    arrays = np.load(shared_golden / "aeris_kernels.npz")
    assert cases
    for case in cases:
        kernel = gaussian_kernel(case["size"], case["variance1"], case["variance2"], case["theta"] or 0.0)
        np.testing.assert_allclose(kernel, arrays[case["key"]], rtol=0, atol=1e-9)


@given(sizes, variances, variances, angles)
@settings(max_examples=60, deadline=None)
def test_kernels_are_normalised_and_point_symmetric(size: int, first: float, second: float, theta: float):
    kernel = gaussian_kernel(size, first, second, theta)
    assert kernel.shape == (size, size)
    assert kernel.sum() == pytest.approx(1, abs=1e-12)
    assert (kernel >= 0).all()
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-15)
    assert kernel.max() == kernel[size // 2, size // 2]


@given(variances, variances, angles)
@settings(max_examples=40, deadline=None)
def test_covariance_has_the_variances_as_eigenvalues(first: float, second: float, theta: float):
    eigenvalues = np.linalg.eigvalsh(covariance(first, second, theta))
    np.testing.assert_allclose(eigenvalues, sorted([first, second]), rtol=1e-9)


@pytest.mark.parametrize("variance", [1.0, 2.4, 3.0])
def test_widths_are_variances_not_sigmas(variance: float):
    measured = measured_covariance(gaussian_kernel(31, variance))
    np.testing.assert_allclose(measured, variance * np.eye(2), atol=1e-6)


def test_the_first_axis_turns_from_columns_towards_rows():
    along_columns = measured_covariance(gaussian_kernel(41, 5.0, 1.0, 0.0))
    assert along_columns[0, 0] == pytest.approx(5, abs=0.01)
    assert along_columns[1, 1] == pytest.approx(1, abs=0.01)
    assert measured_covariance(gaussian_kernel(41, 5.0, 1.0, math.pi / 4))[0, 1] == pytest.approx(2, abs=0.01)


def test_equal_variances_make_the_angle_irrelevant():
    np.testing.assert_allclose(gaussian_kernel(9, 2.0, 2.0, 1.1), gaussian_kernel(9, 2.0), atol=1e-15)
