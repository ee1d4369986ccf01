"""SmolLM2-135M by this library and by transformers, from the same file"""

import copy
from pathlib import Path

import pytest
import torch

from llmath import attention
from llmath.cache import KVCache
from llmath.data import shakespeare
from llmath.generate import generate
from llmath.loss import cross_entropy
from llmath.probe import record

PROSE = (Path(__file__).parent.parent / "data" / "text.txt").read_text("utf-8")
VERSE = shakespeare()[1_000_000:1_002_500]
CODE = Path(attention.__file__).read_text("utf-8")[3000:5000]
TEXTS = {
    "capital": "The capital of France is",
    "sentence": "The cat that the dog chased ran away.",
    "code": "import numpy as np\n\ndef softmax(x):\n    return np.",
    "numbers": "2 + 2 = 4, 3 + 3 = 6, 1234 + 1 =",
    "scripts": " Ünïcödé — 你好 🌍 Москва",
    "chat": "<|im_start|>user\nWho are you?<|im_end|>\n<|im_start|>assistant\n",
    "prose": PROSE,
    "verse": VERSE,
    "library": CODE,
}


@pytest.fixture(scope="module")
def theirs(path):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        path.parent,
        gguf_file=path.name,
        dtype=torch.float32,
        attn_implementation="eager",
    ).eval()


@pytest.fixture(scope="module", autouse=True)
def without_gradients():
    with torch.no_grad():
        yield


def encoded(smollm2, text):
    return torch.tensor([smollm2[1].encode(text)])


def test_three_of_the_texts_are_long(smollm2):
    long = [title for title in TEXTS if encoded(smollm2, TEXTS[title]).shape[1] >= 400]
    assert long == ["prose", "verse", "library"]


@pytest.mark.parametrize("title", TEXTS)
def test_logits_equal_transformers(smollm2, theirs, title):
    ids = encoded(smollm2, TEXTS[title])
    expected = theirs(ids).logits
    for impl in ("explicit", "sdpa"):
        logits = smollm2[0](ids, impl=impl)
        assert (logits - expected).abs().max() <= 2e-4
        assert torch.equal(logits.argmax(-1), expected.argmax(-1))


@pytest.mark.parametrize("title", ["sentence", "scripts", "chat"])
def test_activations_equal_transformers(smollm2, theirs, title):
    ids = encoded(smollm2, TEXTS[title])
    expected = theirs(ids, output_attentions=True, output_hidden_states=True)
    with record(smollm2[0], "blocks.*.attn.pattern", "blocks.*.resid_pre") as acts:
        smollm2[0](ids)
    patterns = torch.stack(expected.attentions)
    assert (acts.stack("*.pattern") - patterns).abs().max() <= 1e-4
    streams = torch.stack(expected.hidden_states[:-1])  # the last is normalised there
    scale = streams.abs().amax((-1, -2), keepdim=True)
    assert ((acts.stack("*.resid_pre") - streams).abs() / scale).max() <= 1e-5


def test_loss_on_prose(smollm2):
    """A wrong pairing of rotary coordinates gives 5.49 here, and still says Paris."""
    ids = encoded(smollm2, PROSE)
    assert ids.shape == (1, 494)
    loss = cross_entropy(smollm2[0](ids)[:, :-1], ids[:, 1:])
    assert loss.item() == pytest.approx(3.076, abs=0.01)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_loss_on_prose_in_half_precision(smollm2, dtype):
    """In float16 as well, for no square of an activation of 22,552 is taken in it."""
    ids = encoded(smollm2, PROSE)[:, :120]
    expected = cross_entropy(smollm2[0](ids)[:, :-1], ids[:, 1:])
    logits = copy.deepcopy(smollm2[0]).to(dtype)(ids, impl="sdpa")
    loss = cross_entropy(logits[:, :-1].float(), ids[:, 1:])
    assert loss.item() == pytest.approx(expected.item(), abs=0.02)


def test_chunks_with_a_cache_equal_the_whole(smollm2):
    model, ids = smollm2[0], encoded(smollm2, PROSE)[:, :120]
    whole, cache = model(ids), KVCache()
    for chunk in ids.split([50, 1, 1, 40, 28], dim=1):
        part = model(chunk, cache=cache)
        end = len(cache)
        expected = whole[:, end - chunk.shape[1] : end]
        assert (part - expected).abs().max() <= 2e-4


def test_greedy_continuation_equals_transformers(smollm2, theirs):
    ids = smollm2[1].encode(TEXTS["capital"])
    ours = generate(smollm2[0], ids, 20)
    expected = theirs.generate(
        torch.tensor([ids]), max_new_tokens=20, do_sample=False, eos_token_id=None
    )
    assert ours == expected[0].tolist()
    assert smollm2[1].decode(ours).startswith("The capital of France is Paris")
