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
from lqbench.datasets.degradations.corruptions import KINDS
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
        ("corrupt(frost,3)", "corruption(kind=frost, severity=3)"),
        ("low-light(0.1)", "low-light(exposure=[0.1,0.1])"),
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
        st.tuples(spans, st.sampled_from(["none", "ramp"])).map(lambda two: f"fog({two[0]}, depth_proxy={two[1]})"),
        st.lists(st.sampled_from(["light", "medium", "heavy"]), min_size=1).map(lambda any: f"rain({'/'.join(any)})"),
        st.lists(st.sampled_from(["I", "IB", "1", "9"]), min_size=1).map(
            lambda any: f"underwater(type={'/'.join(any)})"
        ),
        st.tuples(st.sampled_from(KINDS), st.integers(1, 5)).map(lambda two: f"corrupt({two[0]}, {two[1]})"),
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
        ("noise(sigma=2)", r"noise has no argument 'sigma' \(did you mean 'sigma_255'\?\); it has sigma_255"),
        ("down(0.5)", "a down-sampling factor must be at least 1"),
        ("down(2, mode=nearest, antialias=yes)", '"nearest" has no antialiased form'),
        ("down(2, mode=matlab/nearest)", '"matlab" cannot be one of several'),
        ("jpeg(0)", "a JPEG quality is between 1 and 100"),
        ("dark(0)", "it must be above 0 and at most 1"),
        ("poisson(0)", "a number of photons must be above 0"),
        ("corruption(kind=wind)", "step 1: argument 'kind' of corruption cannot be used: Input should be 'gaussian_"),
        ("corrupt(forst, 3)", r"argument 'kind' of corruption .*'saturate' \(did you mean 'frost'\?\)"),
        ("corrupt(frost, 6)", "argument 'severity' of corruption cannot be used: Input should be less than or equal"),
        ("corrupt(frost, 0)", "argument 'severity' of corruption cannot be used: Input should be greater than or eq"),
        ("corrupt(frost, 2.5)", "argument 'severity' of corruption cannot be used"),
        ("corrupt(frost, 3, 4)", "corruption cannot take '4' without the argument's name"),
        ("corupt(frost, 3)", r"there is no step 'corupt' \(did you mean 'corruption'\?\)"),
        ("fgo(0.02)", r"there is no step 'fgo' \(did you mean 'fog'\?\)"),
        ("fog(-0.01)", "argument 'beta_per_m' of fog cannot be used: an extinction must be at least 0"),
        ("fog(bta=0.02)", r"fog has no argument 'bta' \(did you mean 'beta'\?\); it has depth_proxy, proxy_near_m"),
        ("fog(beta=0.02, beta_per_m=0.01)", "argument 'beta_per_m' of fog is given twice"),
        ("fog(airlight=[1,1)", "argument 'airlight' of fog is no list in JSON"),
        ("fog(airlight=[1,1,2])", "argument 'airlight' of fog cannot be used: Input should be less than or equal to 1"),
        ("fog(depth_proxy=slope)", "argument 'depth_proxy' of fog cannot be used: Input should be 'none' or 'ramp'"),
        ("rain(hevy)", r"argument 'variants' of rain .*'light', 'medium' or 'heavy' \(did you mean 'heavy'\?\)"),
        ("rain(rate=-3)", "argument 'rate_mm_per_h' of rain cannot be used"),
        ("rain(angle=20..-20)", "argument 'angle_deg' of rain cannot be used: the lower bound is above the upper"),
        ("underwater(type=4)", "argument 'water_types' of underwater cannot be used: Input should be 'I', 'IA'"),
        ("underwater(below_surface_m=-1..3)", "argument 'below_surface_m' of underwater cannot be used"),
        ("low-light(1.5)", "argument 'exposure' of low-light cannot be used: it must be above 0 and at most 1"),
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


@pytest.mark.parametrize(
    ("short", "name", "settings"),
    [
        ("fog(beta=0.02)", "fog", {"beta_per_m": 0.02}),
        ("fog(0.005..0.02)", "fog", {"beta_per_m": [0.005, 0.02]}),
        ("fog(0.01, depth_proxy=ramp, refine=no)", "fog", {"beta_per_m": 0.01, "depth_proxy": "ramp", "refine": False}),
        ("fog(airlight=[0.8,0.8,0.9])", "fog", {"airlight": [0.8, 0.8, 0.9]}),
        ("rain(heavy)", "rain", {"variants": ["heavy"]}),
        ("rain(light/heavy, streaks=layers)", "rain", {"variants": ["light", "heavy"], "streaks": "layers"}),
        ("rain(rate=50, angle=-5..5)", "rain", {"rate_mm_per_h": 50, "angle_deg": [-5, 5]}),
        ("underwater(type=3)", "underwater", {"water_types": ["3"]}),
        ("underwater(3/5/II, distance_scale=0.1)", "underwater", {"water_types": ["3", "5", "II"]}),
        ("underwater(below_surface_m=1..2)", "underwater", {"below_surface_m": [1, 2]}),
        ("low-light(exposure=0.05..0.1)", "low-light", {"exposure": [0.05, 0.1]}),
        ("corrupt(severity=4, kind=snow)", "corruption", {"kind": "snow", "severity": 4}),
    ],
)
def test_short_words_mean_the_settings(short: str, name: str, settings: dict[str, Any]):
    (step,) = parse_steps(short)
    whole = degradation(name, settings).settings.model_dump(mode="json")
    read: Any = step
    assert read.recipe == name
    assert {key: read.settings[key] for key in settings} == {key: whole[key] for key in settings}
    assert canonical(canonical(short)) == canonical(short)
    assert parse_steps(canonical(short)) == (step,)


def test_every_step_is_written_with_all_its_settings_and_read_back():
    for name in step_names():
        if name not in ("blur", "down", "noise", "poisson", "jpeg", "dark"):
            assert canonical(canonical(f"{name}()")) == canonical(f"{name}()")


def test_reading_costs_no_torch():
    program = "import sys; from lqbench.datasets.degradations import parse_degradation as p; "
    program += "p('blur(iso,var=1..2)|down(4)|noise(25)|fog()').draw(1, (9, 9)); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
