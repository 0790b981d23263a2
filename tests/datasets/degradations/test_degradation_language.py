"""The mini language: what it reads, the one form in which it writes, and its messages."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lqbench.datasets.degradations import degradation, parse_degradation
from lqbench.datasets.degradations.language import parse_steps, step_names
from lqbench.datasets.degradations.steps import STEPS
from lqbench.datasets.errors import UserError


def canonical(text: str) -> str:
    return parse_degradation(text).settings.steps


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "blur(iso,var=2.4)|down(4)|noise(25)",
            "blur(kind=iso, var=2.4, size=21)|down(factor=4, mode=bicubic, antialias=no, fit=round)|noise(sigma_255=25)",  # noqa: E501
        ),
        (
            " Blur( aniso , theta_deg=60, var2=2.3, var=5.0, size=17 ) ",
            "blur(kind=aniso, var=5, var2=2.3, theta_deg=60, size=17)",
        ),
        ("blur(aniso, 5, var2=1..2)", "blur(kind=aniso, var=5, var2=1..2, theta_deg=0..180, size=21)"),
        (
            "down(1..4, mode=nearest/bicubic/nearest)",
            "down(factor=1..4, mode=bicubic/nearest, antialias=no, fit=round)",
        ),
        ("down(2, mode=matlab)", "down(factor=2, mode=matlab, antialias=yes, fit=ceil)"),
        ("noise(5 .. 50)", "noise(sigma_255=5..50)"),
        ("noise(.5..1e1)", "noise(sigma_255=0.5..10)"),
        ("poisson(20)", "poisson(photons=20)"),
        ("jpeg(30)", "jpeg(quality=30, chroma=420)"),
        ("dark(0.1)", "dark(exposure=0.1, gamma=2.2, shot=0.0001..0.012)"),
        ("corruption(severity=2,kind=snow)", "corruption(kind=snow, severity=2)"),
    ],
)
def test_there_is_one_form(text: str, expected: str):
    assert canonical(text) == expected
    assert canonical(expected) == expected


def test_equal_chains_have_equal_settings():
    one, two = (
        parse_degradation("noise(25)|jpeg(30)"),
        parse_degradation("noise( sigma_255 = 25.0 ) | jpeg(quality=30)"),
    )
    assert one.settings.model_dump(mode="json") == two.settings.model_dump(mode="json")
    assert one.draw(4, (9, 9)) == two.draw(4, (9, 9))
    assert parse_degradation("noise(24)|jpeg(30)").settings != one.settings


def test_settings_make_the_chain_again():
    chain: Any = parse_degradation("blur(iso, var=1..2)|noise(3)")
    again: Any = degradation("pipeline", chain.settings.model_dump(mode="json"))
    assert again.settings == chain.settings
    assert again.text == chain.text == chain.settings.steps
    assert pickle.loads(pickle.dumps(chain)).draw(1, (8, 8)) == chain.draw(1, (8, 8))


numbers = st.floats(0.1, 50).map(lambda value: round(value, 3))
spans = st.one_of(numbers.map(str), st.tuples(numbers, numbers).map(lambda ends: f"{min(ends)}..{max(ends)}"))
texts = st.lists(
    st.one_of(
        spans.map(lambda span: f"noise({span})"),
        spans.map(lambda span: f"poisson(photons={span})"),
        st.tuples(spans, st.sampled_from(["7", "9/21", "3/5/7"])).map(
            lambda two: f"blur(iso, {two[0]}, size={two[1]})"
        ),
        st.sampled_from(["down(2)", "jpeg(10..20)", "dark(0.5)", "corruption(kind=fog)"]),
    ),
    min_size=1,
    max_size=4,
).map("|".join)


@given(texts)
def test_the_canonical_form_says_the_same(text: str):
    assert parse_steps(canonical(text)) == parse_steps(text)
    assert canonical(canonical(text)) == canonical(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("blr(iso)", r"step 1: there is no step 'blr' \(did you mean 'blur'\?\); known steps are blur, down, noise, "),
        ("noise(3)|xyz", r"step 2: there is no step 'xyz'; known steps are"),
        ("noise(3)|", r"step 2: '' has not the form name\(argument, ...\)"),
        ("", r"step 1: '' has not the form"),
        ("down(2|noise(3)", r"step 1: 'down\(2' has not the form"),
        ("blur(iso)", "argument 'var' of blur is missing"),
        ("blur(iso, var=0)", "argument 'var' of blur cannot be used: a variance must be above 0"),
        ("blur(iso, var=1, size=4)", "argument 'size' of blur cannot be used: a kernel size must be odd"),
        ("blur(iso, var=1, var2=1)", r"blur cannot be used: var2 and theta_deg belong to blur\(aniso"),
        ("blur(aniso, var=1)", r"blur cannot be used: blur\(aniso, ...\) needs var2"),
        ("blur(round, var=1)", "argument 'kind' of blur cannot be used: Input should be 'iso' or 'aniso'"),
        ("noise(a)", "argument 'sigma_255' of noise cannot be used"),
        ("noise(inf)", "argument 'sigma_255' of noise cannot be used.*finite"),
        ("noise(-1)", "a standard deviation must be at least 0"),
        ("noise(5..1)", r"the range 5..1 is upside down"),
        ("noise(1, 2)", "noise cannot take '2' without the argument's name"),
        ("noise(1, sigma_255=2)", "argument 'sigma_255' of noise is given twice"),
        ("noise(level=2)", "noise has no argument 'level'; it has sigma_255"),
        ("down(0.5)", "a down-sampling factor must be at least 1"),
        ("down(2, mode=nearest, antialias=yes)", '"nearest" has no antialiased form'),
        ("down(2, mode=matlab/nearest)", '"matlab" cannot be one of several'),
        ("jpeg(0)", "a JPEG quality is between 1 and 100"),
        ("dark(0)", "it must be above 0 and at most 1"),
        ("poisson(0)", "a number of photons must be above 0"),
        ("corruption(kind=wind)", "step 1: setting 'kind' of the degradation 'corruption' cannot be used"),
        ("voc-lr(factor=4)", "there is no step 'voc-lr'"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_step(text: str, message: str):
    with pytest.raises(UserError, match=message) as caught:
        parse_degradation(text)
    told = str(caught.value)
    assert "\n" not in told
    assert told.startswith(f"the degradation {text!r} cannot be read at step ")
    assert told.endswith(".")


def test_weather_and_corruptions_are_steps():
    assert {"fog", "rain", "underwater", "corruption", *STEPS} <= set(step_names())
    assert not {"none", "pipeline", "voc-lr"} & set(step_names())


def test_reading_costs_no_torch():
    program = "import sys; from lqbench.datasets.degradations import parse_degradation as p; "
    program += "p('blur(iso,var=1..2)|down(4)|noise(25)|fog()').draw(1, (9, 9)); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
