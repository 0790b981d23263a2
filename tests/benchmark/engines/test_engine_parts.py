"""What all engines share: cutting cells, ordering them, trying again, and putting parts together."""

from __future__ import annotations

import shutil
import socket
from collections import deque
from dataclasses import replace
from itertools import groupby

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lqbench.benchmark import runner
from lqbench.benchmark.cli.engine_options import make_engine, threads_of
from lqbench.benchmark.engines.base import is_at, longest_first, store_id
from lqbench.benchmark.engines.failing import ATTEMPTS, Attempts, fail
from lqbench.benchmark.engines.inline import InlineEngine
from lqbench.benchmark.engines.ray_engine import RayEngine, _take
from lqbench.benchmark.engines.slurm_engine import SlurmEngine, spread
from lqbench.benchmark.holder import MethodHolder
from lqbench.benchmark.runner import run_cells
from lqbench.benchmark.work import Outcome, RunOptions, Shard, shards_of, whole
from lqbench.datasets.errors import UserError
from lqbench.results.partial import Chunk, ChunkGoneError, ChunkResult
from lqbench.results.store import Store
from lqbench.results.tables import detections_frame, quality_frame


class Sized:
    """Stands for a dataset of which only the length counts."""

    def __init__(self, images: int) -> None:
        self.images = images

    def __len__(self) -> int:
        return self.images


@pytest.fixture(autouse=True)
def quick_polling(monkeypatch):
    monkeypatch.setattr(runner, "POLL_SECONDS", 0.01)


@pytest.fixture
def shards(matrix, options) -> list[Shard]:
    return [
        shard for group in matrix("steady", "shifted") for job in group.jobs for shard in shards_of(group, job, options)
    ]


@given(images=st.integers(1, 300), batch_size=st.integers(1, 40), least=st.integers(0, 120))
def test_shards_hold_every_image_once(engine_group, images, batch_size, least):
    group = engine_group
    job = replace(group.jobs[0], dataset=Sized(images))
    found = shards_of(group, job, RunOptions(batch_size=batch_size, shard_images=least))
    chunks = [chunk for shard in found for chunk in shard.chunks]
    assert [index for chunk in chunks for index in range(chunk.first, chunk.stop)] == list(range(images))
    assert all(shard.images >= least for shard in found[:-1])
    assert all(chunk.first % batch_size == 0 for chunk in chunks)
    assert len({shard.title for shard in found}) == len({shard.part for shard in found}) == len(found)
    assert [shard.whole for shard in found] == [len(found) == 1] * len(found)
    assert whole(found[-1], batch_size).chunks == tuple(chunks)
    assert all(shard.group.jobs == () for shard in found)


@pytest.fixture(scope="module")
def engine_group(engine_methods, noise_root):
    return engine_methods.make_groups(noise_root, engine_methods.METHODS[:1], (12,))[0]


def test_the_longest_comes_first_and_equal_ones_stay_in_order(shards):
    cost = {id(shard): float(shard.images) for shard in shards}
    ordered = longest_first(shards, lambda shard: cost[id(shard)])
    assert [shard.images for shard in ordered] == sorted((shard.images for shard in shards), reverse=True)
    for _, equal in groupby(ordered, key=lambda shard: shard.images):
        places = [shards.index(shard) for shard in equal]
        assert places == sorted(places)


def test_a_ray_worker_keeps_its_method_and_else_takes_the_longest(shards):
    waiting = deque(longest_first(shards, lambda shard: shard.images))
    other = next(shard for shard in shards if shard.group != waiting[0].group)
    expected = next(shard for shard in waiting if shard.group == other.group)
    assert _take(waiting, other) is expected
    assert expected not in waiting
    longest = waiting[0]
    assert _take(waiting, None) is longest
    alone = deque([longest])
    assert _take(alone, other) is longest  # another method is better than none


@pytest.mark.parametrize("tasks", [1, 2, 3, 50])
def test_shards_are_spread_evenly_with_methods_side_by_side(shards, store, options, messages, make_context, tasks):
    context = make_context(store, options, messages)
    parts = spread(shards, tasks, context)
    assert len(parts) == min(tasks, len(shards))
    assert sorted(shard.title for part in parts for shard in part) == sorted(shard.title for shard in shards)
    loads = [sum(shard.images for shard in part) for part in parts]
    assert max(loads) - min(loads) <= max(shard.images for shard in shards)
    for part in parts:
        runs = [key for key, _ in groupby(part, key=lambda shard: shard.group.method.card.name)]
        assert len(runs) == len(set(runs))


def test_a_shard_gets_so_many_attempts_of_its_own(shards):
    attempts = Attempts()
    assert [attempts.another(shards[0]) for _ in range(ATTEMPTS)] == [True] * (ATTEMPTS - 1) + [False]
    assert attempts.another(shards[1])
    assert f"died {ATTEMPTS} times" in str(attempts.gone("out of memory"))


def test_a_shard_that_is_given_up_is_a_failed_record(shards, store, options, messages, make_context):
    context = make_context(store, options, messages)
    outcome = fail(shards[0], Attempts.gone("killed"), context)
    assert (outcome.state, outcome.mistake) == ("failed", False)
    assert store.record(shards[0].job.cell).error.endswith("last: killed")
    mistake = fail(shards[0], UserError("bring weights"), context)
    assert mistake.mistake
    assert store.record(shards[0].job.cell).error == "bring weights"


def test_a_failure_never_comes_over_a_cell_that_somebody_puts_together(shards, store, options, messages, make_context):
    claim = store.claim(shards[0].job.cell)
    assert claim is not None
    assert fail(shards[0], Attempts.gone("killed"), make_context(store, options, messages)).state == "busy"
    assert store.records() == []


def test_a_store_is_recognised_by_its_id(tmp_path, store):
    assert is_at(store.path, store_id(store))
    assert not is_at(Store.open(tmp_path / "other").path, store_id(store))
    assert not is_at(tmp_path / "nowhere", store_id(store))


class FakeEngine:
    """Answers from a list of functions, one a round; each gets the shards and yields outcomes."""

    name = "fake"
    jobs = 1
    shard_images = 0

    def __init__(self, *rounds) -> None:
        self.rounds = list(rounds)
        self.given: list[list[Shard]] = []

    def run(self, shards, context):
        self.given.append(list(shards))
        yield from self.rounds.pop(0)(shards, context)

    def close(self) -> None:
        pass


def compute(shards, context):
    yield from InlineEngine().run(shards, context)


def all_busy(shards, context):
    for shard in shards:
        yield shard, Outcome("busy")


def test_what_is_busy_is_tried_again_until_it_is_settled(store, options, messages, matrix):
    groups = matrix("steady", limits=(12, 14))
    engine = FakeEngine(all_busy, all_busy, compute)
    outcomes = run_cells(groups, store, options, messages, engine)
    assert [outcome.state for outcome in outcomes] == ["computed", "computed"]
    assert len(engine.given) == 3
    waits = [line for line in messages.lines if line.endswith("waiting")]
    assert len(waits) == 2  # said once for each


def test_parts_without_anybody_to_join_them_become_a_whole(store, options, messages, matrix, undisturbed, numbers):
    """The worker that was to put the cell together died in doing so."""

    def fill(shards, context):
        for shard, outcome in compute(shards, replace(context, store=HoldsCells(context.store))):
            assert outcome.state == "part"
            yield shard, outcome

    groups = matrix("steady", limits=(40,))
    engine = FakeEngine(fill, compute)
    (outcome,) = run_cells(groups, store, options, messages, engine)
    assert outcome.state == "computed"
    assert [[shard.whole for shard in shards] for shards in engine.given] == [[False] * 3, [True]]
    assert numbers(store) == undisturbed(groups)
    assert list((store.path / "partial").iterdir()) == list((store.path / "locks").iterdir()) == []


class HoldsCells:
    """A store on which somebody else puts all cells together."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def claim(self, cell, part=""):
        return self._store.claim(cell, part) if part else None


def test_the_first_shard_that_fails_settles_its_cell(store, options, messages, matrix):
    groups = matrix("failing", "steady", limits=(40,))
    engine = FakeEngine(compute)
    outcomes = run_cells(groups, store, options, messages, engine)
    assert [outcome.state for outcome in outcomes] == ["failed", "computed"]
    assert "image 20" in store.record(groups[0].jobs[0].cell).error
    ends = [state for title, state in messages.finished if title == groups[0].jobs[0].title]
    assert ends == ["failed"]
    started = [title for title, *_ in messages.started if title.startswith("failing")]
    assert started == ["failing on noise (40) [0-15]", "failing on noise (40) [16-31]"]  # the third was left out


def test_outcomes_come_in_the_order_of_the_plan(store, options, messages, matrix):
    def backwards(shards, context):
        yield from compute(list(reversed(shards)), context)

    groups = matrix("steady", "failing", "shifted")
    told = []
    outcomes = run_cells(groups, store, options, messages, FakeEngine(backwards), on_outcome=told.append)
    cells = [job.cell for group in groups for job in group.jobs]
    assert [outcome.record.cell for outcome in outcomes if outcome.record] == cells
    assert [outcome.record.cell for outcome in told] != cells
    assert sorted(o.record.cell.directory for o in told) == sorted(cell.directory for cell in cells)


def test_shares_of_an_estimate_follow_the_images(store, options, messages, matrix):
    groups = matrix("steady", limits=(40,))
    directory = groups[0].jobs[0].cell.directory
    costs = []

    def look(shards, context):
        costs.extend(context.cost(shard) for shard in shards)
        yield from compute(shards, context)

    run_cells(groups, store, options, messages, FakeEngine(look), estimates={directory: 80.0})
    assert costs == [32.0, 32.0, 16.0]


def test_cells_in_shards_equal_whole_cells_byte_for_byte(store, options, messages, matrix, undisturbed, numbers):
    groups = matrix("steady", "shifted")
    run_cells(groups, store, options, messages)
    assert len(numbers(store)) == 4
    assert numbers(store) == undisturbed(groups)
    assert list((store.path / "partial").iterdir()) == list((store.path / "locks").iterdir()) == []


def test_computing_again_in_shards_takes_no_chunk_of_an_earlier_run(store, options, messages, matrix, engine_methods):
    """Two broken runs leave chunks with other numbers; the third must not use any, nor take a finished cell's."""
    (group,) = matrix("steady", limits=(40,))
    false = [replace(group, method=engine_methods.Shifted)]
    run_cells([group], store, options, messages)
    expected = store.detections(group.jobs[0].cell)
    for run in ("b", "c"):

        def stop(shards, context):
            yield from compute(shards[:2], context)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_cells(false, store, replace(options, redo=True, run=run), messages, FakeEngine(stop))
        assert (store.path / "partial").iterdir()
    (outcome,) = run_cells([group], store, replace(options, redo=True, run="d"), messages)
    assert outcome.state == "computed"
    assert store.detections(group.jobs[0].cell).equals(expected)
    assert list((store.path / "partial").iterdir()) == []


def test_a_cell_is_not_computed_whole_and_in_parts_at_once(store, options, messages, matrix, make_context):
    (group,) = matrix("steady", limits=(40,))
    shards = shards_of(group, group.jobs[0], options)
    context = make_context(store, options, messages)
    held = store.claim(group.jobs[0].cell)
    assert held is not None
    assert [outcome.state for _, outcome in compute(shards, context)] == ["busy"] * 3
    held.release()
    part = store.claim(group.jobs[0].cell, shards[1].part)
    assert part is not None
    everything = [whole(shards[0], options.batch_size)]
    assert [outcome.state for _, outcome in compute(everything, context)] == ["busy"]
    assert [outcome.state for _, outcome in compute(shards, context)] == ["part", "busy", "part"]
    part.release()
    assert list((store.path / "locks").iterdir()) == []


def test_a_worker_that_comes_late_to_put_a_cell_together_finds_it_stored(
    store, options, messages, matrix, make_context
):
    class Late(HoldsCells):
        """Between the look at the chunks and the claim somebody else puts the cell together."""

        def claim(self, cell, part=""):
            if not part:
                everything = [whole(shards[0], options.batch_size)]
                for claim in parts:
                    claim.release()
                assert [one.state for _, one in compute(everything, context)] == ["computed"]
            claim = self._store.claim(cell, part)
            if part:
                parts.append(claim)
            return claim

    parts = []
    (group,) = matrix("steady", limits=(40,))
    shards = shards_of(group, group.jobs[0], options)
    context = make_context(store, options, messages)
    outcomes = [one.state for _, one in compute(shards, replace(context, store=Late(store)))]
    assert outcomes == ["part", "part", "stored"]


def test_a_chunk_that_is_gone_or_another_is_never_read(store, matrix):
    cell = matrix("steady", limits=(12,))[0].jobs[0].cell
    chunk = Chunk(0, 12)
    result = ChunkResult(detections_frame([]), quality_frame({}), {"detect": 1.0})
    mine, theirs = (store.partial(cell, {"batch_size": size}) for size in (2, 4))
    for _ in range(2):
        with pytest.raises(ChunkGoneError):
            mine.read(chunk)
        theirs.write(chunk, result)
    mine.write(chunk, result)
    assert mine.read(chunk).seconds == {"detect": 1.0}


def test_a_chunk_is_kept_although_the_folder_is_removed_this_moment(store, matrix, monkeypatch):
    from lqbench.results import partial as module

    cell = matrix("steady", limits=(12,))[0].jobs[0].cell
    kept = store.partial(cell, {})
    write, tries = module.write_bytes, []

    def remove_first(path, payload):
        tries.append(path)
        if len(tries) < 3:
            kept.remove()
        write(path, payload)

    monkeypatch.setattr(module, "write_bytes", remove_first)
    kept.write(Chunk(0, 12), ChunkResult(detections_frame([]), quality_frame({}), {}))
    assert len(tries) == 3
    assert kept.has(Chunk(0, 12))


def test_a_look_at_a_cell_that_is_replaced_meanwhile_is_no_damage(store, options, messages, matrix, monkeypatch):
    """Another launcher computes the cell again, with other detections, between two looks into its folder."""
    from lqbench.results import store as module

    (group,) = matrix("steady", limits=(12,))
    run_cells([group], store, options, messages)
    check, looks = module.check_hash, []

    def replaced_before(path, record):
        looks.append(path)
        if len(looks) == 1:
            folder = path.parent
            copy = folder.with_name("copy")
            shutil.copytree(folder, copy)
            shutil.rmtree(folder)
            copy.rename(folder)
            raise UserError("its sha256 is not the one in record.json")
        check(path, record)

    monkeypatch.setattr(module, "check_hash", replaced_before)
    assert store.has(group.jobs[0].cell)
    assert len(looks) == 2


def test_a_run_sweeps_up_what_a_launcher_left_that_was_killed_after_storing_a_cell(store, options, messages, matrix):
    groups = matrix("steady", limits=(12, 40))
    run_cells(groups, store, options, messages)
    done, live = (job.cell for job in groups[0].jobs)
    for cell in (done, live):
        folder = store.path / "partial" / cell.directory
        folder.mkdir()
        (folder / "chunk-000000.parquet").write_bytes(b"left")
    claim = store.claim(live)
    locks = store.path / "locks"
    dead = '{"host": "' + socket.gethostname() + '", "pid": 0}'
    (locks / f"{done.directory}.000016.lock").write_text(dead)
    (locks / f"{done.directory}.000016.lock.0123abcd").write_text(dead)
    (locks / "another__cell__0123456789ab.lock").write_text(dead)
    run_cells(groups, store, options, messages)
    assert [path.name for path in (store.path / "partial").iterdir()] == [live.directory]
    assert claim is not None
    assert {path.name for path in locks.iterdir()} == {claim.path.name, "another__cell__0123456789ab.lock"}


def test_the_holder_constructs_once_and_raises_a_failure_again(make_method, make_group, dataset):
    tries = []

    def setup(self, device, weights):
        tries.append(self.card.name)
        if self.card.name == "bad":
            raise ValueError("no such layer")

    torn = []
    bad, good = (
        replace(
            make_group(make_method(name, setup=setup, teardown=lambda self: torn.append(self.card.name)), dataset),
            jobs=(),
        )
        for name in ("bad", "good")
    )
    told: list[str] = []
    holder = MethodHolder("cpu", tell=told.append)
    for _ in range(2):
        with pytest.raises(ValueError, match="no such layer"):
            holder.get(bad)
    assert holder.get(good) is holder.get(good)
    assert tries == ["bad", "good"]
    assert torn == ["bad"]
    holder.close()
    holder.close()
    assert torn == ["bad", "good"]
    assert told == []


def test_engines_are_made_from_their_options():
    assert isinstance(make_engine("inline", None, None, ()), InlineEngine)
    ray = make_engine("ray", 3, "auto", ())
    assert isinstance(ray, RayEngine)
    assert (ray.jobs, ray.shard_images) == (3, 512)
    assert isinstance(make_engine("slurm", None, None, ("time=30",)), SlurmEngine)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("inline", 2, None, ()), "--jobs does not go with --engine inline"),
        (("slurm", None, "auto", ()), "--address does not go with --engine slurm; add --engine ray"),
        (("ray", None, None, ("time=30",)), "--slurm does not go with --engine ray; add --engine slurm"),
        (("slurm", None, None, ("time",)), "--slurm time: write KEY=VALUE"),
        (("slurm", None, None, ("=3",)), "--slurm =3: write KEY=VALUE"),
    ],
)
def test_options_of_another_engine_are_refused(arguments, sentence):
    with pytest.raises(click.UsageError) as refused:
        make_engine(*arguments)
    assert sentence in str(refused.value)


def test_workers_use_the_processors_they_ask_for():
    assert threads_of("ray", None, ()) == 1
    assert threads_of("slurm", None, ("cpus=6", "time=3")) == 6
    assert threads_of("slurm", 2, ("cpus=6",)) == 2
    assert threads_of("inline", None, ()) >= 1
