"""Tables of heads: against one sentence at a time, and heads that are perfect"""

import pytest
import torch

from llmath.config import ModelConfig
from llmath.interpret import (
    Sentence,
    bootstrap_interval,
    head_table,
    locate,
    role,
    role_weights,
    wilson_interval,
)
from llmath.model import Transformer
from llmath.probe import record
from llmath.tokenizer import Tokenizer

# A text of 97-letter bytes: every letter is a token, so a word can have several.
TOKENIZER = Tokenizer.train("a", 256)
MODEL = Transformer(
    ModelConfig(
        vocab_size=256, n_layers=3, d_model=24, n_heads=6, n_kv_heads=2, d_ff=32,
        context_length=64,
    )
).requires_grad_(False)  # fmt: skip
for parameter in MODEL.parameters():
    parameter.mul_(8)  # so that the heads prefer something
SENTENCES = [
    Sentence("x ab cde f g", "g", "ab", ("cde",)),
    Sentence("x ab cde f g", "g", "cde", ("ab",)),
    Sentence("x a bc d e f g", "f", "a", ("bc", "d")),
    Sentence("y ba cde f gh", "gh", "f", ("ba",)),
    Sentence("x a bc d e f g", "f", "d", ("bc", "a")),
]
CONTROLS = [
    Sentence("z ab cde f g", "f", "ab", ("cde",)),
    Sentence("zz uvw xyz abc f", "f", "uvw", ("xyz",)),
]


def pattern(model, ids):
    """(L, H, T, T), of one sentence on its own."""
    with record(model, "blocks.*.attn.pattern") as acts:
        model(torch.tensor([ids]))
    return acts.stack("blocks.*.attn.pattern")[:, 0]


def one_at_a_time(sentence):
    found = locate(sentence, TOKENIZER)
    row = pattern(MODEL, found.ids)[:, :, found.query]
    target = sum(row[..., i] for i in found.target)
    others = [sum(row[..., i] for i in at) for at in found.distractors]
    return target, torch.stack(others).amax(0)


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_batches_are_the_sentences_one_at_a_time_in_their_order(batch_size):
    run = role_weights(MODEL, TOKENIZER, SENTENCES, batch_size=batch_size)
    for i, sentence in enumerate(SENTENCES):
        target, distractor = one_at_a_time(sentence)
        torch.testing.assert_close(run.target[i], target)
        torch.testing.assert_close(run.distractor[i], distractor)
        assert torch.equal(run.wins[i], run.target[i] > run.distractor[i])
    assert 0.1 < run.wins.double().mean() < 0.9


def test_the_table_holds_what_it_says():
    table = head_table(MODEL, TOKENIZER, SENTENCES, CONTROLS, confidence=0.9, seed=3)
    run, control = (role_weights(MODEL, TOKENIZER, s) for s in (SENTENCES, CONTROLS))
    wins = run.wins.sum(0)
    assert (table.n, table.n_controls) == (5, 2)
    torch.testing.assert_close(table.wins, wins / 5.0, check_dtype=False)
    torch.testing.assert_close(table.margin, table.weight - table.distractor)
    for name, ours in (("target", table.weight), ("distractor", table.distractor)):
        torch.testing.assert_close(ours, getattr(run, name).double().mean(0))
    assert torch.equal(table.control_wins, control.wins.double().mean(0))
    assert torch.equal(table.control_weight, control.target.double().mean(0))
    low, high = wilson_interval(wins, 5, confidence=0.9)
    assert torch.equal(table.wins_low, low)
    assert torch.equal(table.wins_high, high)
    low, high = bootstrap_interval(run.target, confidence=0.9, seed=3)
    assert torch.equal(table.weight_low, low)
    assert torch.equal(table.weight_high, high)
    assert table.chance_wins == pytest.approx((3 / 2 + 2 / 3) / 5)
    # tokens: 12, 12, 14, 13 and 14; the queries stand at 11, 11, 11, 12 and 11
    assert table.chance_weight == pytest.approx((2 / 12 + 3 / 12 + 1 / 12 + 1 / 13
                                                 + 1 / 12) / 5)  # fmt: skip


def test_the_offset_baseline_is_the_mean_over_distances_and_controls():
    table = head_table(MODEL, TOKENIZER, SENTENCES, CONTROLS)
    distances = [8, 4, 9, 3, 4]  # from the query back to the target's last token
    means = [
        torch.stack([A[..., t, t - d] for t in range(d + 1, A.shape[-1])]).mean(0)
        for d in distances
        for A in (pattern(MODEL, TOKENIZER.encode(s.text)) for s in CONTROLS)
    ]
    expected = torch.stack(means).mean(0)
    torch.testing.assert_close(table.offset, expected.double(), rtol=1e-5, atol=1e-6)


def test_a_perfect_head_wins_always_and_never_in_the_controls(perfect):
    """In "g ab de ca" the last a looks behind the first one: at b, in the word "ab".

    In the controls the letter is new, the head looks evenly, and a tie is lost.
    """
    letters = Tokenizer(list("abcdefgĠ"), [], pattern="gpt2")
    texts = [("g ab de ca", "ca"), ("g de ab ca", "ca"), ("g ab de cga", "cga")]
    sentences = [Sentence(text, query, "ab", ("de",)) for text, query in texts]
    new = ["g ab de cf", "g de ab cf"]
    controls = [Sentence(text, "cf", "ab", ("de",)) for text in new]
    table = head_table(perfect, letters, sentences, controls)
    row = table.row(1, 0)
    assert (row["wins"], row["weight"], row["distractor"]) == (1, 1, 0)
    assert row["control_wins"] == 0
    assert row["control_weight"] == pytest.approx(2 / 9)  # of ten keys, but for the g
    assert (table.wins[0] == 0).all()  # one place back, and the first token's ties
    assert table.best(1) == [row]


def test_the_best_come_first_and_a_row_holds_everything():
    table = head_table(MODEL, TOKENIZER, SENTENCES, CONTROLS)
    rows = table.best(18)
    assert len({(row["layer"], row["head"]) for row in rows}) == 18
    margins = [row["margin"] for row in rows]
    assert margins == sorted(margins, reverse=True)
    top = rows[0]
    assert top == table.row(top["layer"], top["head"])
    assert top["weight"] == table.weight[top["layer"], top["head"]].item()
    assert top["n"] == 5
    by_wins = table.best(1, by="wins")[0]
    assert by_wins["wins"] == table.wins.max().item()


def test_head_13_8_follows_the_subject(smollm2):
    """A part of the chapter's sentences, read place by place as the chapter does; then
    a part of the role's own."""
    model, tokenizer = smollm2
    animals = [("cat", "dog"), ("wolf", "bear"), ("goat", "horse"), ("fox", "rabbit")]
    sentences = [
        Sentence(f"The {x} that the {y} {verb} ran away", "ran", x, (y,))
        for pair in animals
        for x, y in (pair, pair[::-1])
        for verb in ("chased", "watched")
    ]
    run = role_weights(model, tokenizer, sentences)
    ids = torch.tensor([tokenizer.encode(s.text) for s in sentences])
    with record(model, "blocks.13.attn.pattern") as acts:
        model.residual(ids)
    row = acts["blocks.13.attn.pattern"][:, 8, 6]  # from the second verb
    torch.testing.assert_close(run.target[:, 13, 8], row[:, 1])
    torch.testing.assert_close(run.distractor[:, 13, 8], row[:, 4])

    subjects = role("subject_verb")
    table = head_table(
        model, tokenizer, subjects.sentences[1::6], subjects.controls[1::4]
    )
    best = table.best(1)[0]
    assert (best["layer"], best["head"]) == (13, 8)
    assert best["wins_low"] > table.chance_wins
    assert best["weight_low"] > 5 * best["offset"]
    assert best["weight"] > 10 * best["control_weight"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: t.best(by="luck"), "no column 'luck' to choose by; there is wins, "),
        (lambda t: t.best(by="n"), "no column 'n'"),
        (lambda t: t.row(3, 0), "no head 3.0 among 3 layers of 6 heads"),
        (lambda t: t.row(0, -1), "no head 0.-1"),
        (lambda t: t.best(19), "18 heads to choose from, not 19"),
    ],
)
def test_choices_that_make_no_sense(call, words):
    table = head_table(MODEL, TOKENIZER, SENTENCES, CONTROLS)
    with pytest.raises(ValueError, match=words):
        call(table)


def test_too_few_sentences_or_too_short_ones():
    with pytest.raises(ValueError, match="at least 2 sentences, not 1"):
        head_table(MODEL, TOKENIZER, SENTENCES[:1], CONTROLS)
    short = [Sentence("a b c", "c", "a", ("b",))] * 2
    with pytest.raises(ValueError, match=r"long enough for any .* \[8\]"):
        head_table(MODEL, TOKENIZER, SENTENCES[:1] * 2, short)
