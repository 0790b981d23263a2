"""Claims of a store: on cells and on parts of them, listed with age and owner."""

from __future__ import annotations

import os
import time

import pytest

from lqbench.results.cell_claims import lock_path
from lqbench.results.leftovers import ABANDONED_SECONDS
from lqbench.results.lock import STALE_SECONDS
from lqbench.results.store import Store


def test_parts_of_a_cell_are_claimed_one_by_one(store, cell):
    first, second = store.claim(cell, "000000"), store.claim(cell, "000512")
    assert first is not None and second is not None
    assert store.claim(cell, "000512") is None
    assert str(os.getpid()) in store.holder(cell, "000512")
    second.release()
    assert [(claim.directory, claim.part) for claim in store.claims()] == [(cell.directory, "000000")]


def test_claims_tell_cell_part_owner_and_age(store, cell):
    dotted = cell.model_copy(update={"dataset": "fog-0.02", "method": "a.b__c"})
    for one, part in ((cell, ""), (dotted, "000512"), (dotted, "")):
        assert store.claim(one, part) is not None
    old = time.time() - STALE_SECONDS - 100
    os.utime(lock_path(store.path, dotted.directory), (old, old))
    found = {(claim.directory, claim.part): claim for claim in store.claims()}
    assert set(found) == {(cell.directory, ""), (dotted.directory, "000512"), (dotted.directory, "")}
    fresh, stale = found[cell.directory, ""], found[dotted.directory, ""]
    assert (fresh.stale, stale.stale) == (False, True)
    assert -5 < fresh.age < 60
    assert stale.age > STALE_SECONDS
    assert fresh.owner.pid == os.getpid()
    assert fresh.owner.started


def test_what_is_no_claim_is_not_listed(store, cell):
    assert store.claim(cell) is not None
    for name in (f"{cell.directory}.lock.12345678", ".tmp-x.lock"):
        (store.path / "locks" / name).write_text("")
    (store.path / "locks" / "of-another-time.lock").write_text("no owner")
    assert [claim.directory for claim in store.claims()] == [cell.directory, "of-another-time"]


def test_a_store_that_is_not_there_has_no_claims(tmp_path):
    assert Store(tmp_path).claims() == []


def test_the_name_of_a_part_must_be_told_apart_again(store, cell):
    for part in ("0.5", "a/b"):
        with pytest.raises(ValueError, match="neither dot nor slash"):
            store.claim(cell, part)


def test_opening_removes_what_was_left_a_day_ago(store, cell, record, detections):
    store.write_cell(record, detections)
    partial = store.path / "partial" / cell.directory
    partial.mkdir()
    left = [store.path / "cells" / ".tmp-cell", partial / ".tmp-chunk", store.path / "locks" / ".tmp-clock"]
    young = store.path / "cells" / ".tmp-young"
    for path in [*left[:1], young]:
        path.mkdir()
        (path / "file").write_text("half")
    left.append(store.path / "locks" / f"{cell.directory}.lock.12345678")
    for path in left[1:]:
        path.write_text("half")
    old = time.time() - ABANDONED_SECONDS - 100
    for path in left:
        os.utime(path, (old, old))
    Store.open(store.path)
    assert [path for path in left if path.exists()] == []
    assert young.exists()
    assert store.records() == [record]
