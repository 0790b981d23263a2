"""The loader: same order and same bytes from any number of processes, and mistakes arrive as such."""

from __future__ import annotations

import pickle
import shutil

import pytest
import torch

from lqbench.benchmark import loader
from lqbench.benchmark.loader import default_workers, load_batches, without_clean
from lqbench.datasets.dataset import open_dataset
from lqbench.datasets.errors import UserError

BATCHES = [range(0, 3), range(3, 6), [9, 7]]


def test_samples_are_the_same_from_any_number_of_workers(dataset):
    here, one, four = ([*load_batches(dataset, BATCHES, clean=True, workers=count)] for count in (0, 1, 4))
    indices = [[sample.record.index for sample in batch] for batch in here]
    assert indices == [[0, 1, 2], [3, 4, 5], [9, 7]]
    for other in (one, four):
        for batch, expected in zip(other, here, strict=True):
            for sample, wanted in zip(batch, expected, strict=True):
                assert sample.record == wanted.record
                assert torch.equal(sample.image, wanted.image)
                assert sample.clean is not None
                assert wanted.clean is not None
                assert torch.equal(sample.clean, wanted.clean)


def test_clean_images_come_only_if_asked_for(dataset):
    (batch,) = load_batches(dataset, [[0]], clean=False, workers=0)
    assert batch[0].clean is None
    (batch,) = load_batches(dataset, [[0]], clean=True, workers=0)
    assert without_clean(batch)[0].clean is None
    assert batch[0].clean is not None


def test_the_thread_count_is_put_back(dataset):
    before = torch.get_num_threads()
    list(load_batches(dataset, [[0]], clean=False, workers=0))
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("workers", [0, 2])
def test_a_truncated_file_is_told_in_one_sentence(coco_root, tmp_path, workers):
    root = tmp_path / "copy"
    shutil.copytree(coco_root, root)
    opened = open_dataset("coco-d", data_root=root)
    image = root / "val2017" / "3.png"
    image.write_bytes(image.read_bytes()[:500])
    with pytest.raises(UserError, match=r"3\.png") as caught:
        list(load_batches(opened, BATCHES, clean=False, workers=workers))
    assert "\n" not in str(caught.value)


def test_a_dataset_travels_to_workers(dataset):
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy.fingerprint == dataset.fingerprint
    assert torch.equal(copy.sample(2).image, dataset.sample(2).image)


@pytest.mark.parametrize(("cores", "workers"), [(1, 0), (2, 0), (3, 3), (16, 4)])
def test_small_machines_load_in_process(monkeypatch, cores, workers):
    monkeypatch.setattr(loader, "usable_processors", lambda: cores)
    assert default_workers() == workers
