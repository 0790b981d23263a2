"""Parameters and FLOPs of small networks, against counts by hand; peaks of memory."""

from __future__ import annotations

import mmap
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from lqbench.benchmark.timing.cost import compute_of, modules_of, parameters_of
from lqbench.benchmark.timing.memory import PeakMemory
from lqbench.datasets.types import Batch, Detections, ImageRecord, Sample
from lqbench.methods.base import Method, MethodSettings
from lqbench.methods.card import MethodCard
from lqbench.methods.sr.cost import Cost, count_flops


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 4, 3, stride=2, padding=1, groups=2),
        nn.Flatten(2),
        nn.Linear(24, 5),
    )


def by_hand(height, width) -> int:
    """Two for each product: kernel x input channels of the group x output values."""
    first = 3 * 3 * 3 * 8 * height * width
    second = 3 * 3 * 4 * 4 * (height // 2) * (width // 2)
    linear = 24 * 4 * 5
    return 2 * (first + second + linear)


@dataclass(frozen=True, slots=True)
class Loaded:
    net: nn.Module
    name: str = "net"


class Small(Method):
    card = MethodCard(name="small", title="Small", summary="For tests.", kind="detector")
    grad_mode = torch.inference_mode

    def __init__(self):
        super().__init__(MethodSettings())
        net = network()
        self.loaded = Loaded(net)
        self.again = {"the same": [net], "its part": net[0]}
        self.call = self.setup

    def setup(self, device, weights):
        pass

    def detect(self, batch):
        with type(self).grad_mode():
            for sample in batch.samples:
                self.loaded.net(sample.image.float()[None])
        return [Detections.empty() for _ in batch.samples]


def batch_of(*sizes) -> Batch:
    samples = [
        Sample(ImageRecord(str(i), i, "", size, size, size, (1.0, 1.0), i, {}), torch.zeros(3, *size).byte())
        for i, size in enumerate(sizes)
    ]
    return Batch(samples, ("person",))


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
def test_flops_are_two_for_each_multiply_accumulate(mode):
    method = type("Other", (Small,), {"grad_mode": mode})()
    sizes = [(8, 12), (12, 8)]
    found = compute_of(method, [batch_of(size) for size in sizes])
    assert found.flops_mean == by_hand(8, 12) == by_hand(12, 8)
    assert found.complaint == ""
    assert found.flops_max == count_flops(network(), (3, 8, 12)), "the counter of restoring agrees"


def test_flops_of_a_batch_are_given_by_image():
    assert compute_of(Small(), [batch_of((8, 12), (8, 12))]).flops_mean == by_hand(8, 12)


def test_the_mean_is_over_images_and_the_maximum_is_the_most_costly():
    class Convolution(Small):
        def __init__(self):
            super().__init__()
            self.loaded = Loaded(nn.Conv2d(3, 2, 1))

    found = compute_of(Convolution(), [batch_of((4, 4)), batch_of((8, 8))])
    assert (found.flops_mean, found.flops_max) == (2 * 6 * (16 + 64) / 2, 2 * 6 * 64)


def test_parameters_are_those_of_all_modules_each_once():
    expected = (3 * 8 * 9 + 8) + (4 * 4 * 9 + 4) + (24 * 5 + 5)
    assert parameters_of(Small()) == expected


def test_a_method_without_networks_has_no_number_of_parameters():
    class Plain(Small):
        def __init__(self):
            Method.__init__(self, MethodSettings())

        def detect(self, batch):
            return []

    found = compute_of(Plain(), [batch_of((4, 4))])
    assert found.parameters is None
    assert found.flops_mean == 0


def test_modules_are_found_in_slots_containers_and_loops():
    class Node:
        def __init__(self):
            self.me = self
            self.inside = [({"a": nn.ReLU()},)]

    assert [type(module) for module in modules_of(Node())] == [nn.ReLU]
    assert len(list(modules_of(Loaded(nn.ReLU())))) == 1


def test_what_the_method_tells_of_restoring_is_kept():
    class Telling(Small):
        def cost(self, sample):
            return Cost(100 * sample.image.shape[1], 7)

    found = compute_of(Telling(), [batch_of((8, 12)), batch_of((12, 8))])
    assert found.restore_flops_mean == 1000
    assert compute_of(Small(), [batch_of((8, 12))]).restore_flops_mean is None


def test_operations_that_cannot_be_counted_are_told():
    class Stubborn(Small):
        def detect(self, batch):
            raise NotImplementedError("no formula")

    found = compute_of(Stubborn(), [batch_of((8, 12))])
    assert found.flops_mean is None
    assert found.parameters is not None
    assert found.complaint == "NotImplementedError: no formula"


def write_status(folder, resident, peak):
    (folder / "status").write_text(f"Name:\tpython\nVmHWM:\t{peak} kB\nVmRSS:\t{resident} kB\n")


def test_resident_memory_is_the_peak_above_the_state_before(tmp_path):
    write_status(tmp_path, 100 * 1024, 900 * 1024)
    memory = PeakMemory("cpu", tmp_path)
    memory.start()
    assert (tmp_path / "clear_refs").read_text() == "5"
    write_status(tmp_path, 150 * 1024, 180 * 1024)
    found = memory.read()
    assert found.resident_mib == 80
    assert found.gpu_allocated_mib is None


def test_memory_is_unknown_where_the_high_water_mark_cannot_be_set_back(tmp_path):
    write_status(tmp_path, 100 * 1024, 900 * 1024)
    (tmp_path / "clear_refs").mkdir()
    memory = PeakMemory("cpu", tmp_path)
    memory.start()
    assert memory.read().resident_mib is None
    assert PeakMemory("cpu", tmp_path / "none").read().resident_mib is None


def test_a_real_peak_is_seen():
    memory = PeakMemory("cpu")
    memory.start()
    with mmap.mmap(-1, 64 << 20) as block:  # new pages: what the process freed before is not used again
        block.write(b"1" * (64 << 20))
    found = memory.read().resident_mib
    if found is None:
        pytest.skip("the high-water mark of this process cannot be set back")
    assert 60 < found < 200
