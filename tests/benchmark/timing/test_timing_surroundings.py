"""What else runs on the machine, read from made-up /proc and /sys folders."""

from __future__ import annotations

import os

import pytest

from lqbench.benchmark.timing.surroundings import Watch, complaints, gpu_complaints, run_text

TICKS = os.sysconf("SC_CLK_TCK")
OWN, WATCHER = 41, 42


class Machine:
    """Two processors whose time, own processes, GPU and heat a test sets."""

    def __init__(self, folder):
        self.proc, self.sys = folder / "proc", folder / "sys"
        self.now = 100.0
        self.gpu = {"--query-compute-apps=pid": "", "--query-gpu": "1980 MHz, 1980 MHz, 41, 120.00 W"}
        self.spent = {OWN: 0.0, WATCHER: 0.0}
        self.others = 0.0
        for pid in self.spent:
            (self.proc / str(pid)).mkdir(parents=True)
        (self.proc / "cpuinfo").write_text("cpu MHz\t\t: 2000.0\ncpu MHz\t\t: 3000.0\n")
        for number in range(2):
            (self.sys / f"devices/system/cpu/cpu{number}/thermal_throttle").mkdir(parents=True)
        (self.sys / "class/thermal/thermal_zone0").mkdir(parents=True)
        (self.sys / "class/thermal/thermal_zone0/temp").write_text("45500\n")
        self.throttle(0)
        self.write()

    def throttle(self, count):
        for number in range(2):
            path = self.sys / f"devices/system/cpu/cpu{number}/thermal_throttle/core_throttle_count"
            path.write_text(f"{count}\n")

    def write(self):
        busy = round((sum(self.spent.values()) + self.others) * TICKS)
        # user, nice, system, idle, iowait, irq, softirq, steal, guest: iowait and guest must not count
        line = f"{busy} 0 0 {round(self.now * TICKS)} 777 0 0 0 {busy}"
        (self.proc / "stat").write_text(f"cpu  {line}\ncpu0 {line}\ncpu1 0 0 0 0 0 0 0 0 0\nintr 5\n")
        for pid, seconds in self.spent.items():
            fields = ["S", *["0"] * 10, str(round(seconds * TICKS)), "0", "0", "0", *["0"] * 30]
            (self.proc / str(pid) / "stat").write_text(f"{pid} (a (strange) name) {' '.join(fields)}\n")

    def run(self, seconds, own=0.0, others=0.0, watcher=0.0):
        self.now += seconds
        self.spent[OWN] += own
        self.spent[WATCHER] += watcher
        self.others += others
        self.write()

    def ask(self, command):
        assert command[:2] == ["nvidia-smi", "--id=GPU-1"]
        return next((text for name, text in self.gpu.items() if command[2].startswith(name)), None)

    def watch(self, gpu=""):
        return Watch((OWN, WATCHER), gpu, proc=self.proc, sys=self.sys, clock=lambda: self.now, ask=self.ask)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_our_own_processes_are_no_load(machine):
    watch = machine.watch()
    machine.run(50, own=3, others=40)
    watch.start()
    machine.run(10, own=15, watcher=0.5, others=0.6)
    found = watch.stop()
    assert found.others_cpu == pytest.approx(0.06, abs=0.005)
    assert found.quiet
    assert found.reasons == ()
    assert found.seconds == pytest.approx(10)
    assert found.frequency_mhz == 2500
    assert found.temperature_c == 45.5
    assert found.throttled == 0
    assert found.others_gpu is None


def test_work_of_others_is_told(machine):
    watch = machine.watch()
    watch.start()
    machine.run(10, own=10, others=7)
    found = watch.stop()
    assert found.others_cpu == pytest.approx(0.7, abs=0.005)
    assert not found.quiet
    assert found.reasons == ("other processes kept 0.70 of 2 processors busy (allowed: 0.10)",)


def test_time_that_a_hypervisor_takes_is_load(machine):
    watch = machine.watch()
    watch.start()
    machine.run(10, own=10)
    text = (machine.proc / "stat").read_text().splitlines()
    fields = text[0].split()
    fields[8] = str(5 * TICKS)
    (machine.proc / "stat").write_text("\n".join([" ".join(fields), *text[1:]]))
    assert watch.stop().others_cpu == pytest.approx(0.5, abs=0.005)


def test_a_frequency_of_the_driver_goes_before_that_of_cpuinfo(machine):
    folder = machine.sys / "devices/system/cpu/cpu0/cpufreq"
    folder.mkdir()
    (folder / "scaling_cur_freq").write_text("1200000\n")
    (folder / "scaling_governor").write_text("powersave\n")
    watch = machine.watch()
    watch.start()
    machine.run(1)
    found = watch.stop()
    assert (found.frequency_mhz, found.governor) == (1200, "powersave")


def test_heat_is_a_reason(machine):
    watch = machine.watch()
    watch.start()
    machine.run(5, own=5)
    machine.throttle(3)
    found = watch.stop()
    assert found.throttled == 6
    assert found.reasons == ("the processors slowed down 6 times because of heat",)


def test_a_system_without_proc_is_unknown_and_not_quiet(tmp_path):
    times = iter([0.0, 5.0])
    watch = Watch((1,), proc=tmp_path / "none", sys=tmp_path / "none", clock=lambda: next(times))
    watch.start()
    found = watch.stop()
    assert found.others_cpu is None
    assert not found.quiet
    assert found.reasons == ("what other processes did is unknown on this system",)
    assert (found.frequency_mhz, found.governor, found.temperature_c, found.throttled) == (None, "", None, None)


def test_a_process_that_is_gone_makes_the_load_unknown(machine):
    watch = machine.watch()
    watch.start()
    machine.run(5)
    (machine.proc / str(OWN) / "stat").unlink()
    assert watch.stop().others_cpu is None


@pytest.mark.parametrize(
    ("before", "after", "others"),
    [
        ("41\n", "41\n", 0),
        ("41\n42\n", "41\n42\n", 0),
        ("41\n", "41\n77\n", 1),
        ("41\n77\n78\n", "41\n", 2),
        ("9000\n", "9000\n", 0),  # a container: our process under the host's number
        ("9000\n9001\n", "9000\n", 1),
        ("", "", 0),
    ],
)
def test_other_processes_on_the_gpu(machine, before, after, others):
    watch = machine.watch("GPU-1")
    machine.gpu["--query-compute-apps=pid"] = before
    watch.start()
    machine.gpu["--query-compute-apps=pid"] = after
    machine.run(5, own=5)
    found = watch.stop()
    assert found.others_gpu == others
    assert found.quiet == (others == 0)
    assert found.gpu_state == "1980 MHz, 1980 MHz, 41, 120.00 W"


def test_a_gpu_that_nobody_tells_about_is_not_quiet(machine):
    machine.gpu.clear()
    watch = machine.watch("GPU-1")
    watch.start()
    machine.run(5, own=5)
    found = watch.stop()
    assert found.others_gpu is None
    assert found.reasons == tuple(gpu_complaints(None))


def test_too_short_a_time_is_not_judged():
    assert complaints(0.2, 0.0, 2, None) == ["it took under 0.5 s, too short to tell what other processes did"]


@pytest.mark.parametrize(("processors", "allowed"), [(1, 0.1), (2, 0.1), (16, 0.32), (64, 1.28)])
def test_larger_machines_may_have_more_going_on(processors, allowed):
    assert complaints(5, allowed, processors, 0) == []
    assert len(complaints(5, allowed + 0.01, processors, 0)) == 1


def test_a_program_that_is_not_there_says_nothing():
    assert run_text(["lqbench-no-such-program"]) is None
