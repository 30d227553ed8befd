"""CPU engines: nearly the dense vectors, and a lead's score its own whatever is beside it."""

import os
import platform
import subprocess
import sys
from argparse import ArgumentParser

import hypothesis.extra.numpy
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_leads import batch, lead_model, prompts, tiny, train_a_little
from torch import nn

from leadrank.cli.engine_flag import add_engine
from leadrank.errors import UserError
from leadrank.model.cpu_engine import (
    LAYERS,
    Converted,
    Int8Linear,
    cpu_encoder,
    cpu_engine,
    exact_products,
)
from leadrank.model.rows import pad

#: How far a vector may turn from the dense one's, as a cosine.
LEAST = {"bfloat16": 0.999, "int8": 0.99}
#: A CPU without exact int8 products is refused that engine, as a test below has it.
exact = pytest.mark.skipif(not exact_products(), reason="this CPU has no exact int8 products")
ENGINES = pytest.mark.parametrize(
    "engine", [pytest.param(name, marks=[exact] * (name == "int8")) for name in LAYERS]
)


def layer(engine: str, linear: nn.Linear) -> nn.Module:
    return LAYERS[engine](linear, Converted(LAYERS[engine].convert))


@exact
def test_int8_gives_the_product_of_its_codes():
    linear = nn.Linear(2, 1)
    linear.weight.data = torch.tensor([[1.0, -0.5]])
    linear.bias.data = torch.tensor([0.25])
    states = torch.tensor([[2.0, 1.0]])
    # Weights: scale 1/127, codes 127 and -64 (-63.5 to even). Input: 2/127, codes 127 and 64.
    expected = (127 * 127 - 64 * 64) * (2 / 127) * (1 / 127) + 0.25
    assert layer("int8", linear)(states).item() == pytest.approx(expected, abs=1e-6)


@exact
def test_int8_keeps_what_is_beside_an_outlier():
    linear = nn.Linear(900, 1, bias=False)
    linear.weight.data = torch.ones(1, 900)
    states = torch.ones(2, 900)
    states[0, 0] = 900.0
    # Steps of 900/127 would round the 899 ones to zero; in steps of 1/127 they are there.
    product = layer("int8", linear)(states)
    expected = torch.tensor([[1799.0], [900.0]])
    torch.testing.assert_close(product, expected, rtol=0, atol=899 / 254)


@given(
    hypothesis.extra.numpy.arrays(
        np.float32, (5, 900), elements=st.floats(-1, 1, width=32), fill=st.just(0.25)
    ),
    st.lists(st.floats(-1e4, 1e4, width=32), min_size=5, max_size=5),
)
def test_int8_rounds_each_value_to_a_step_of_its_tokens_size(values, outliers):
    tokens = torch.from_numpy(values)
    tokens[:, 7] = torch.tensor(outliers)
    codes, scale, twice = Int8Linear.convert(tokens)
    found = codes[:5] * scale[:5]
    found.index_add_(0, twice, codes[5:] * scale[5:])
    size = tokens.square().mean(1, keepdim=True).sqrt()
    # Half a step of 20 sizes / 127, and float32's own rounding of the largest.
    allowed = 20 / 254 * size + 1e-6 * tokens.abs().amax(1, keepdim=True) + 1e-12
    assert ((found - tokens).abs() <= allowed).all()


@pytest.mark.parametrize(
    ("states", "rounded"),
    [
        # 1 + 2^-8 lies halfway between two numbers of 8 binary digits and goes to the even one.
        ([4.0, 1 + 2**-8], 5.0),
        # The sum, 257, takes nine digits.
        ([256.0, 1.0], 256.0),
    ],
)
def test_bfloat16_rounds_all_but_the_bias(states, rounded):
    linear = nn.Linear(2, 1)
    linear.weight.data = torch.tensor([[1 + 2**-8, 1.0]])
    linear.bias.data = torch.tensor([2**-12])
    given = layer("bfloat16", linear)(torch.tensor([states]))
    assert given.item() == rounded + 2**-12


@ENGINES
def test_a_token_of_zeros_gives_the_bias(engine):
    linear = nn.Linear(3, 2)
    given = layer(engine, linear)(torch.zeros(1, 3))
    torch.testing.assert_close(given[0], linear.bias)


@ENGINES
def test_layers_that_share_an_input_convert_it_once(tiny_base, engine, monkeypatch):
    converted = []
    convert = LAYERS[engine].convert
    monkeypatch.setattr(
        LAYERS[engine],
        "convert",
        staticmethod(lambda states: converted.append(1) or convert(states)),
    )
    encoder = cpu_encoder(tiny(tiny_base), engine)
    with torch.no_grad():
        encoder(*pad(prompts()))
    linear = sum(isinstance(module, LAYERS[engine]) for module in encoder.trunk.modules())
    # A layer has seven products: q, k and v read one input, gate and up another.
    assert len(converted) == linear * 4 / 7


@ENGINES
@pytest.mark.parametrize("quantisation", ["none", "nf4"])
def test_vectors_are_nearly_the_dense_ones(tiny_base, quantisation, engine):
    encoder = train_a_little(tiny(tiny_base, quantisation=quantisation)).eval()
    ids, mask = pad(prompts())
    with torch.no_grad():
        dense, faster = encoder.dense()(ids, mask), cpu_encoder(encoder, engine)(ids, mask)
    assert torch.cosine_similarity(dense, faster).min() > LEAST[engine]
    assert not torch.equal(dense, faster)


@ENGINES
def test_a_leads_score_does_not_depend_on_its_batch_mates(tiny_base, engine):
    model = cpu_engine(lead_model(tiny(tiny_base)).eval(), engine)
    together = batch(prompts())
    alone = batch(prompts()[:1], fields=together["fields"][:1])
    with torch.no_grad():
        # To rounding: another batch may sum in another order.
        torch.testing.assert_close(model(together)[:1], model(alone), atol=1e-3, rtol=0)


@ENGINES
def test_the_model_that_it_copies_is_left_alone(tiny_base, engine):
    model = lead_model(tiny(tiny_base)).eval()
    together = batch(prompts())
    with torch.no_grad():
        before = model(together)
        cpu_engine(model, engine)(together)
        assert torch.equal(model(together), before)


@exact
@pytest.mark.parametrize("outliers", [[], [1], [0, 1, 2]])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_int8_multiplies_what_its_codes_stand_for(outliers, dtype):
    linear = nn.Linear(900, 7)
    # Every other column of a wider matrix: rows that do not lie one after another.
    states = torch.randn(3, 1800, generator=torch.Generator().manual_seed(0))[:, ::2].to(dtype)
    states[outliers, 5] = 300.0
    int8 = layer("int8", linear)
    codes, scale, twice = Int8Linear.convert(states)
    assert twice.tolist() == outliers
    inputs = codes.double() * scale.double()
    inputs[twice] += inputs[3:]
    weight = int8.codes.double() * int8.scale.double()
    expected = inputs[:3] @ weight + linear.bias.double()
    near = 1e-5 if dtype == torch.float32 else 2**-7
    torch.testing.assert_close(int8(states), expected.to(dtype), rtol=near, atol=1e-5)


@exact
def test_int8_of_no_tokens_is_empty():
    assert layer("int8", nn.Linear(4, 3))(torch.zeros(2, 0, 4)).shape == (2, 0, 3)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the flag is of x86 CPUs")
def test_a_cpu_that_cuts_sums_off_is_refused_int8(tiny_base):
    # oneDNN takes its CPU for an older one, without VNNI; it reads the flag when it starts.
    told = (
        "from tiny_leads import lead_model, tiny; from leadrank.model.cpu_engine import *\n"
        f"model = lead_model(tiny({str(tiny_base)!r})).eval()\n"
        "print(engines()); cpu_engine(model, 'int8')"
    )
    run = subprocess.run(
        [sys.executable, "-c", told],
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == "['bfloat16']"
    assert "UserError: engine int8: this CPU cuts sums of int8 products off" in run.stderr


@ENGINES
def test_a_gpu_is_refused(tiny_base, engine):
    model = lead_model(tiny(tiny_base)).to("meta")
    with pytest.raises(UserError, match="for CPUs"):
        cpu_engine(model, engine)


def test_the_flag_offers_every_engine():
    parser = ArgumentParser()
    add_engine(parser)
    for engine in ("dense", *LAYERS):
        assert parser.parse_args(["--engine", engine]).engine == engine
    flag = next(action for action in parser._actions if action.dest == "engine")
    assert set(flag.choices) == {"dense", *LAYERS}
