"""The loader: same order and same bytes from any number of processes, and mistakes arrive as such."""

from __future__ import annotations

import pickle
import shutil
import threading

import pytest
import torch

from lqbench.benchmark import loader
from lqbench.benchmark.loader import default_workers, load_ahead, load_batches, without_clean
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


def test_a_thread_makes_the_same_samples_with_one_torch_thread(dataset, monkeypatch):
    here = [*load_batches(dataset, BATCHES, clean=True, workers=0)]
    threads = set()
    sample = dataset.sample

    def watched(index, *, clean):
        threads.add((threading.current_thread().name, torch.get_num_threads()))
        return sample(index, clean=clean)

    monkeypatch.setattr(dataset, "sample", watched)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        ahead = [*load_ahead(dataset, BATCHES, clean=True, device="mps")]
        assert torch.get_num_threads() == 2
        # What threads to come take over.
        assert in_a_thread(torch.get_num_threads) == 2
    finally:
        torch.set_num_threads(before)
    assert threads == {("lqbench-loader", 1)}
    for batch, expected in zip(ahead, here, strict=True):
        for one, wanted in zip(batch, expected, strict=True):
            assert one.record == wanted.record
            assert torch.equal(one.image, wanted.image)
            assert one.clean is not None
            assert wanted.clean is not None
            assert torch.equal(one.clean, wanted.clean)


def in_a_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_the_next_batches_are_made_while_the_caller_works_but_not_all(dataset, monkeypatch):
    made, sample = [], dataset.sample
    third = threading.Event()

    def watched(index, *, clean):
        made.append(index)
        if index == 3:
            third.set()
        return sample(index, clean=clean)

    monkeypatch.setattr(dataset, "sample", watched)
    batches = load_ahead(dataset, [[index] for index in range(10)], clean=False, device="mps")
    next(batches)
    assert third.wait(30)  # two wait ready and one in the thread's hands, beside the one taken
    assert made == [0, 1, 2, 3]
    batches.close()
    assert made == [0, 1, 2, 3]
    assert not [thread for thread in threading.enumerate() if thread.name == "lqbench-loader"]


@pytest.mark.parametrize(("device", "workers"), [("cpu", 0), ("mps", 0), ("cuda:1", 0), ("cuda:1", 2), ("cpu", 2)])
def test_a_thread_loads_for_other_devices_and_pins_for_cuda(dataset, monkeypatch, device, workers):
    pinned, chosen = [], []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(
        torch.Tensor, "pin_memory", lambda self: (pinned.append(threading.current_thread().name), self)[1]
    )
    loaded = load_batches(dataset, BATCHES, clean=True, workers=workers, device=device)
    assert [[sample.record.index for sample in batch] for batch in loaded] == [[0, 1, 2], [3, 4, 5], [9, 7]]
    cuda = device == "cuda:1"
    assert chosen == (["cuda:1"] if cuda else [])
    assert pinned == (["lqbench-loader"] * 16 if cuda else [])


def test_a_mistake_comes_at_its_batch_not_before(dataset, monkeypatch):
    def broken(index, *, clean):
        if index == 2:
            raise UserError("3.png is broken")
        return index

    monkeypatch.setattr(dataset, "sample", broken)
    batches = load_ahead(dataset, [[0], [1], [2], [3]], clean=False, device="mps")
    assert [next(batches), next(batches)] == [[0], [1]]
    with pytest.raises(UserError, match=r"3\.png"):
        next(batches)
    assert list(batches) == []


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
