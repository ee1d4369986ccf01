"""config, tokens → multiplications and additions; what hardware made of it

Only products of matrices are counted, as everywhere in the literature: an (m × k) by a
(k × n) takes m n k multiplications and as many additions, 2 m n k operations. The rest
(norms, softmax, rotations) is linear in the size of what it reads. Products count
whole, the masked half of attention's too: the explicit path computes it.
"""

from llmath.border import count, number, of_kind
from llmath.config import ModelConfig
from llmath.scaling.ledger import Ledger, Row
from llmath.scaling.parameters import non_embedding


def forward_flops(
    config: ModelConfig,
    T: int,
    *,
    B: int = 1,
    cached: int = 0,
    logits: int | None = None,
) -> Ledger:
    """C = 2 B T (weights) + 4 L B T S D + 2 B T V D   {eq:forward-flops}

    Kaplan et al. 2020, table 1. T new tokens behind `cached` earlier ones, so that S =
    cached + T keys are looked at. The head serves the last `logits` of the T positions,
    by default all: a prefill needs one, `forward_flops(config, T, logits=1)`; a step of
    decoding is `forward_flops(config, 1, cached=S)`. Exactly what PyTorch's
    `FlopCounterMode` sees on the explicit path.

    Sizes below 1, and more tokens than the context holds, raise a ValueError.
    """
    heads_for = T if logits is None else logits
    _check(config, T, B, cached, heads_for)
    D, F, L, S = config.d_model, config.d_ff, config.n_layers, cached + T
    K, n = config.n_kv_heads * config.d_head, 2 * B * T
    gates = L if config.mlp == "swiglu" else 0
    rows = (
        Row("attention.q", L, n * D * D, "2 B T D D"),
        Row("attention.k", L, n * D * K, "2 B T D GE"),
        Row("attention.v", L, n * D * K, "2 B T D GE"),
        Row("attention.scores", L, n * S * D, "2 B H T E S"),
        Row("attention.values", L, n * S * D, "2 B H T S E"),
        Row("attention.o", L, n * D * D, "2 B T D D"),
        Row("mlp.gate", gates, n * D * F, "2 B T D F"),
        Row("mlp.up", L, n * D * F, "2 B T D F"),
        Row("mlp.down", L, n * F * D, "2 B T F D"),
        Row("head", heads_for, 2 * B * D * config.vocab_size, "2 B D V"),
    )
    return Ledger(f"Forward pass: B = {B}, T = {T}, S = {S}", "FLOPs", rows)


def training_flops(config: ModelConfig, T: int, *, B: int = 1) -> Ledger:
    """C = 3 C_forward   {eq:training-flops}; Kaplan et al. 2020, §2.1

    One forward pass, two for the backward: for y = x W it needs ∂x = ∂y Wᵀ and ∂W = xᵀ
    ∂y, each as large a product as the first. The update itself is left out: a few
    operations a parameter.
    """
    rows = (
        Row(row.part, 3 * row.times, row.each, row.formula)
        for row in forward_flops(config, T, B=B).rows
    )
    return Ledger(f"Training step: B = {B}, T = {T}", "FLOPs", tuple(rows))


def generation_flops(
    config: ModelConfig, prompt: int, new: int, *, cache: bool = True
) -> Ledger:
    """C = C(prompt) + Σ_S C(1 token behind S)   {eq:generation-flops}

    What `generate` computes for `new` tokens behind a prompt: the prompt gives the
    first of them, each that is fed back gives the next, and the last is not fed back.
    Without a cache every step is a pass over everything so far.

    Fewer than one new token, and more tokens than the context holds, raise a
    ValueError.
    """
    of_kind(ModelConfig, config=config)
    count(prompt=prompt, new=new)
    seen = range(prompt, prompt + new - 1)
    if cache:
        steps = [forward_flops(config, 1, cached=S).total for S in seen]
    else:
        steps = [forward_flops(config, S + 1, logits=1).total for S in seen]
    rows = (
        Row("prefill", 1, forward_flops(config, prompt, logits=1).total, "C(prompt)"),
        Row("decoding", 1, sum(steps), "Σ C(step)"),
    )
    return Ledger(f"{new} tokens behind {prompt}", "FLOPs", rows)


def approximate_training_flops(n_parameters: int, tokens: int) -> int:
    """C ≈ 6 N 𝒟   {eq:six-n-d}; Kaplan et al. 2020, §2.1; Hoffmann et al. 2022, app. F

    Two operations for each weight and token, three times. N without embeddings is
    Kaplan's (`non_embedding`); `approximation_error` says what it leaves out.

    Numbers below 1 raise a ValueError.
    """
    count(n_parameters=n_parameters, tokens=tokens)
    return 6 * n_parameters * tokens


def approximation_error(config: ModelConfig, T: int) -> float:
    """6 N T / C − 1, with N of `non_embedding`   {eq:six-n-d}

    How far 6 N 𝒟 is off at this context.
    Left out are attention's products of activations, 12 L T S D, and the head,
    6 T V D; counted though they multiply nothing, biases and norms.
    """
    approximate = approximate_training_flops(non_embedding(config), T)
    return approximate / training_flops(config, T).total - 1


def mfu(config: ModelConfig, tokens_per_second: float, *, T: int, peak: float) -> float:
    """MFU = tokens/s · (C_training(T) / T) / peak   {eq:mfu}

    Chowdhery et al. 2022, app. B. The share of the hardware's peak (FLOP/s in the type
    that is computed in) that a training run turns into useful products. What is
    computed twice to save memory does not count. Their 6 N + 12 L H E T for a token,
    with N the weights that multiply.

    A negative speed, a peak that is not positive and more than 100 % raise a
    ValueError.
    """
    number(tokens_per_second=tokens_per_second, peak=peak)
    if not 0 <= tokens_per_second < float("inf") or not 0 < peak < float("inf"):
        raise ValueError(
            f"a speed is 0 or more and a peak above 0, got {tokens_per_second} "
            f"tokens/s and {peak} FLOP/s"
        )
    utilisation = tokens_per_second * training_flops(config, T).total / T / peak
    if utilisation > 1:
        raise ValueError(
            f"{tokens_per_second} tokens/s would be {utilisation:.2f} times the peak "
            f"of {peak:.3g} FLOP/s: is that the peak of this device in this type, and "
            f"T={T} the context of the run?"
        )
    return utilisation


def _check(config: ModelConfig, T: int, B: int, cached: int, logits: int) -> None:
    of_kind(ModelConfig, config=config)
    count(0, T=T, B=B, cached=cached, logits=logits)
    if T < 1 or B < 1 or logits > T:
        raise ValueError(
            f"a pass has T ≥ 1 tokens in B ≥ 1 sequences behind cached ≥ 0 others, and "
            f"logits for at most T of them; got T={T}, B={B}, cached={cached}, "
            f"logits={logits}"
        )
    if cached + T > config.context_length:
        raise ValueError(
            f"{cached + T} tokens exceed the model's context of "
            f"{config.context_length}; for a longer one: preset(…, context_length=…)"
        )
