"""Each mistake in a file of published numbers is told in one sentence that names file, table, row and field."""

from __future__ import annotations

import pytest
import yaml

from lqbench.datasets.errors import UserError
from lqbench.results.ledger import load_ledger

GOOD = """
title: Title
citation: Somebody 2020
tables:
  - name: table-1
    title: A table
    source: Table 1
    dataset: Some images
    protocol: COCO
    unit: "%"
    columns:
      - {column: AP, metric: AP}
      - {column: PSNR, metric: PSNR_unknown, unit: dB, note: Which is unknown.}
    groups:
      - {group: 4x, track: voc-lr-x4}
    rows:
      - {group: 4x, row: Ours, method: tdsr, values: "62.20 -", note: Ours.}
      - {row: Theirs, values: "1 2.5M"}
"""


def load(tmp_path, text: str):
    (tmp_path / "some.yaml").write_text(text, encoding="utf-8")
    return load_ledger(tmp_path)


def test_the_file_that_is_spoilt_below_is_right(tmp_path):
    [one] = load(tmp_path, GOOD).tables("some")
    [ours, theirs, size] = one.claims
    assert (ours.text, ours.unit, ours.group, ours.track, ours.method) == ("62.20", "%", "4x", "voc-lr-x4", "tdsr")
    assert (theirs.text, theirs.precision, theirs.track) == ("1", 0, "")
    assert (size.value, size.unit, size.note) == (2.5, "M", "Which is unknown.")
    assert one.notes == (("4x Ours", "Ours."), ("PSNR", "Which is unknown."))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title: Title\n", "", r"some.yaml, field title: Field required; see docs/claims.md"),
        ("citation: Somebody 2020", "citation: [1, 2]", r"some.yaml, field citation: .*valid string"),
        ("    title: A table\n", "    titel: A table\n", r"table table-1, field title: Field required"),
        ("dataset: Some images", "data: Some images", r"table table-1, field data: Extra inputs are not permitted"),
        ("name: table-1", "name: Table 1", r"table Table 1, field name: .*pattern"),
        ('values: "62.20 -"', "values: 62.20", r"table table-1, row Ours, field values: .*write the values in quotes"),
        ('values: "62.20 -"', 'values: "62.20"', r"row 4x Ours, field values: 1 values for 2 columns; write - where"),
        ('values: "62.20 -"', 'values: "62,20 -"', r"row 4x Ours, column AP, field values: '62,20' is no number"),
        ('values: "62.20 -"', 'values: "about62 -"', r"column AP, field values: 'about62' is no number"),
        ('values: "62.20 -"', 'values: "5. -"', r"column AP, field values: '5.' is no number"),
        ("row: Theirs, ", "row: Theirs, texts: [x], ", r"row Theirs, field texts: 1 texts for 0 text columns"),
        ("row: Theirs, ", "row: Ours, group: 4x, ", r"table-1, row 4x Ours: stands there twice"),
        ("column: PSNR", "column: AP", r"table-1, column AP: stands there twice"),
        ("row: Theirs, ", "row: Theirs, group: 8x, ", r"group 8x: rows stand under it, but groups does not list it"),
        ("group: 4x, row: Ours", "row: Ours", r"group 4x: no row stands under it"),
        ("    source: Table 1\n", "", r"row 4x Ours, column AP, field source: missing; give it for"),
        ("metric: AP}", "note: none}", r"row 4x Ours, column AP, field metric: missing"),
        ("    protocol: COCO\n", "", r"field protocol: missing"),
        ("method: tdsr", "method: tdsr, method: hr", r"no YAML \(line 17: the key 'method' stands twice\)"),
        ("tables:", "tables: [", r"some.yaml is no YAML \(line \d+: .*\); repair it"),
        ("method: tdsr", "approximate: perhaps", r"row Ours, field approximate: .*valid boolean"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path, old, new, said):
    assert GOOD.count(old) == 1
    with pytest.raises(UserError, match=said) as raised:
        load(tmp_path, GOOD.replace(old, new))
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith(".")


def test_a_table_that_stands_twice(tmp_path):
    content = yaml.safe_load(GOOD)
    content["tables"] *= 2
    with pytest.raises(UserError, match="table table-1: stands there twice"):
        load(tmp_path, yaml.safe_dump(content))


@pytest.mark.parametrize("text", ["", "- 1\n- 2\n", "only words"])
def test_a_file_without_fields(tmp_path, text):
    with pytest.raises(UserError, match=r"some.yaml has no fields; it needs title, citation and tables"):
        load(tmp_path, text)


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "some.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"some.yaml cannot be read as text"):
        load_ledger(tmp_path)


def test_a_tag_of_python_is_not_run(tmp_path):
    with pytest.raises(UserError, match=r"no YAML .*python/object"):
        load(tmp_path, 'title: !!python/object/apply:os.system ["true"]\n')


def test_a_folder_without_files(tmp_path):
    with pytest.raises(UserError, match=r"holds no \*\.yaml"):
        load_ledger(tmp_path)
