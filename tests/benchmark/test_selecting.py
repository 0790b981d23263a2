"""Names with wildcards, and suites: what comes along fits the suite's names, mistakes name file and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from lqbench.benchmark.missing import complaints_of
from lqbench.benchmark.request import Request
from lqbench.benchmark.selecting import expand, expanded, is_pattern, load_suite, requests_of, suite_names
from lqbench.datasets.errors import UserError

KNOWN = ("coco-d", "scenes-d", "scenes-fog", "scenes-rain")


@pytest.fixture
def suite_file(tmp_path):
    """Return a function that writes a suite and returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("names", "fitting"),
    [
        (("scenes-*",), ("scenes-d", "scenes-fog", "scenes-rain")),
        (("*-d",), ("coco-d", "scenes-d")),
        (("scenes-?",), ("scenes-d",)),
        (("scenes-[fr]*",), ("scenes-fog", "scenes-rain")),
        (("scenes-fog", "scenes-*"), ("scenes-fog", "scenes-d", "scenes-rain")),
        (("coco-d", "unheard-of"), ("coco-d", "unheard-of")),
        (("coco:/data/a*.json",), ("coco:/data/a*.json",)),
    ],
)
def test_wildcards_become_the_names_that_fit_each_once(names, fitting):
    assert expand(names, KNOWN, "dataset") == fitting


def test_a_wildcard_that_nothing_fits_is_one_sentence():
    with pytest.raises(UserError, match=r"^no dataset fits 'scenes-x\*'; there are coco-d, ") as caught:
        expand(("scenes-x*",), KNOWN, "dataset")
    assert len(str(caught.value).splitlines()) == 1


def test_paths_are_no_patterns():
    assert is_pattern("scenes-*")
    assert not is_pattern("scenes-d")
    assert not is_pattern("voc:/data/[old]")


def test_a_request_is_expanded_on_both_sides():
    found = expanded(Request(("centernet*", "lr"), ("scenes-lr-*",)))
    assert found.methods == ("centernet", "centernet-control", "lr")
    assert found.datasets == ("scenes-lr-x4", "scenes-lr-x8")


@pytest.mark.parametrize("name", suite_names())
def test_the_suites_that_come_along_name_nothing_unknown(name):
    suite = load_suite(name)
    assert suite.title
    assert suite.source
    for request in requests_of(suite, Request((), ())):
        assert [sentence for sentence in complaints_of(request) if sentence.startswith("unknown ")] == []


def test_the_suites_of_papers_are_there():
    assert set(suite_names()) >= {"tdsr-table1", "tdsr-table2", "aeris-coco-d", "lcp", "scenes"}


def test_a_table_has_the_cells_of_the_paper():
    found = requests_of(load_suite("tdsr-table1"), Request((), ()))
    cells = [(method, dataset) for request in found for method in request.methods for dataset in request.datasets]
    assert len(cells) == len(set(cells)) == 15  # rows of the printed table
    assert all(request.detectors == ("ssd300-voc",) for request in found)


def test_all_fields_of_an_entry_reach_the_request(suite_file):
    suite = load_suite(
        suite_file(
            "title: Mine\nsource: nobody\nselect:\n"
            "- {method: lr, dataset: [scenes-d], detector: mini, split: train, limit: 7, degrade: noise(3),\n"
            "   precision: bfloat16, weights: a.pth, config: b.py}\n"
        )
    )
    base = Request((), (), data_root=Path("data"), invalid_boxes="drop", split="val")
    (found,) = requests_of(suite, base)
    assert (found.methods, found.datasets, found.detectors) == (("lr",), ("scenes-d",), ("mini",))
    assert (found.split, found.limit, found.degrade, found.precision) == ("train", 7, "noise(3)", "bfloat16")
    assert (found.weights, found.config) == (Path("a.pth"), "b.py")
    assert (found.data_root, found.invalid_boxes) == (Path("data"), "drop")


def test_what_an_entry_leaves_out_is_taken_from_the_command_line(suite_file):
    suite = load_suite(suite_file("title: Mine\nselect: [{method: lr, dataset: scenes-d}]\n"))
    base = Request(
        (), (), ("mini",), Path("w.pth"), split="train", limit=3, degrade="noise(3)", precision="float16", config="c.py"
    )
    (found,) = requests_of(suite, base)
    assert found == Request(
        ("lr",),
        ("scenes-d",),
        ("mini",),
        Path("w.pth"),
        split="train",
        limit=3,
        degrade="noise(3)",
        precision="float16",
        config="c.py",
    )


def test_a_limit_on_the_command_line_wins_so_that_a_suite_can_be_tried(suite_file):
    suite = load_suite(suite_file("title: Mine\nselect: [{method: lr, dataset: scenes-d, limit: 50}]\n"))
    assert [request.limit for request in requests_of(suite, Request((), (), limit=2))] == [2]
    assert [request.limit for request in requests_of(suite, Request((), ()))] == [50]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title: [", "is no YAML"),
        ("- lr\n", "has no fields"),
        ("", "has no fields"),
        ("select: [{method: lr, dataset: d}]\n", "field title: "),
        ("title: A\n", "field select: "),
        ("title: A\nselect: []\n", "field select: "),
        ("title: A\nselect: [{method: [], dataset: d}]\n", "field select.0.method: "),
        ("title: A\nselect: [{method: lr}]\n", "field select.0.dataset: "),
        ("title: A\nselect: [{method: lr, dataset: d}, {method: lr, dataset: d, limt: 3}]\n", "field select.1.limt: "),
        ("title: A\nselect: [{method: lr, dataset: d, limit: 0}]\n", "field select.0.limit: "),
        ("title: A\nselect: [{method: lr, dataset: d, precision: half}]\n", "field select.0.precision: "),
        ("title: A\nselect: [{method: 'no*', dataset: scenes-d}]\n", "field select.0.method: no method fits 'no*'"),
        ("title: A\nselect: [{method: lr, dataset: scenes-d}, {method: lrr, dataset: scenes-d}]\n", "select.1.method"),
        ("title: A\nselect: [{method: lr, dataset: scenes-dd}]\n", "field select.0.dataset: unknown dataset"),
        ("title: A\nselect: [{method: lr, dataset: scenes-d, detector: maxi}]\n", "field select.0.detector: unknown"),
    ],
)
def test_a_mistake_in_a_file_is_one_sentence_that_names_file_and_field(suite_file, text, told):
    path = suite_file(text)
    with pytest.raises(UserError) as caught:
        requests_of(load_suite(path), Request((), ()))
    (line,) = str(caught.value).splitlines()
    assert "mine.yaml" in line
    assert told in line


def test_a_file_that_is_no_text_is_one_sentence(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"mine\.yaml"):
        load_suite(str(path))


@pytest.mark.parametrize("name", ["no-such.yaml", "no-such", "tdsr-table3"])
def test_a_suite_that_is_not_there_names_those_that_are(name):
    with pytest.raises(UserError, match=r"tdsr-table1, tdsr-table2"):
        load_suite(name)
