"""one frozen description of a training run, checked when it is made

Every field carries the sentence that `--help` shows and the group it stands in, so that
a flag, its default and its explanation are stated once: here. The defaults are the
preset "baseline".
"""

from dataclasses import dataclass, field, fields
from typing import Any

from llmath.border import described, of_kind
from llmath.config import ModelConfig
from llmath.optim import OPTIMIZERS, OPTIONS
from llmath.optim.base import IMPLS
from llmath.optim.groups import check_options
from llmath.runtime import float_type
from llmath.schedule import SCHEDULES
from llmath.train.ranges import check_ranges

TOKENS = ("characters", "bytes", "bpe")
KERNELS = ("fused", "sdpa", "explicit")
UPDATE_OPTIONS = ("betas", "momentum", "adamw_lr")  # not every optimizer looks at them
COMPILE = ("off", "inductor", "aot_eager", "eager")

# A small GPT as it is usually tried first: 4 layers, 4 heads, 128 wide, 64 characters.
_BASELINE = ModelConfig(
    vocab_size=256,
    n_layers=4,
    d_model=128,
    n_heads=4,
    n_kv_heads=4,
    d_ff=512,
    context_length=64,
    norm="layer",
    position="learned",
    mlp="gelu",
)


def _set(default: Any, group: str, help: str, *, later: bool = False) -> Any:
    """A field with its sentence; `later`: it may be another when a run goes on."""
    told = {"group": group, "help": help, "later": later}
    return field(default=default, metadata=told)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What has to be known to train a model: its text, its shape, every number of it.

    `model.vocab_size` is the vocabulary that a BPE learns; characters and bytes bring
    their own. What the fields do stands in their metadata, and in `--help`.

    Choices that are not built, numbers out of their range and options that the
    optimizer does not look at raise a ValueError that names the field.
    """

    data: str = _set(
        "shakespeare",
        "text",
        "what the model reads: shakespeare (the complete works), or the path of any "
        "file in UTF-8",
    )
    tokens: str = _set(
        "characters",
        "text",
        "how text becomes ids: characters, bytes, or a bpe that is learnt from the "
        "training part, with --vocab-size tokens",
    )
    validation: float = _set(
        0.1, "text", "the share of the text, at its end, that is never learnt from"
    )
    model: ModelConfig = field(default=_BASELINE, metadata={"later": False})
    steps: int = _set(
        2000,
        "batches",
        "how many updates the weights get in all; the schedule ends there",
        later=True,
    )
    batch_size: int = _set(
        12,
        "batches",
        "windows of text in each update, over all processes: more of them make its "
        "direction surer, and the step longer",
    )
    accumulate: int = _set(
        1,
        "batches",
        "gradient accumulation: in how many parts a batch is computed, for the same "
        "update in less memory",
    )
    optimizer: str = _set(
        "adamw", "update", "the rule that turns gradients into updates"
    )
    lr: float = _set(
        1e-3,
        "update",
        "the learning rate at its peak: too small learns slowly, too large diverges",
    )
    schedule: str = _set(
        "cosine", "update", "how the learning rate falls after its peak"
    )
    warmup: int = _set(
        100,
        "update",
        "steps in which the learning rate rises to its peak, from 1/warmup of it on",
    )
    min_lr_ratio: float = _set(
        0.1, "update", "the minimum learning rate, at the end, as a share of the peak"
    )
    decay: int | None = _set(
        None, "update", "of the schedule wsd: the steps at the end in which it falls"
    )
    betas: tuple[float, float] = _set(
        (0.9, 0.99),
        "update",
        "how long Adam remembers gradients and their squares: 0.99 is about 100 steps",
    )
    momentum: float | None = _set(
        None,
        "update",
        "how much of the last update the next one keeps (momentum, nesterov: 0.9; "
        "muon: 0.95, unless it is said)",
    )
    adamw_lr: float = _set(
        3e-4, "update", "of muon: the peak rate of embeddings, head and vectors"
    )
    weight_decay: float = _set(
        0.1, "update", "how strongly matrices are drawn towards 0"
    )
    clip: float | None = _set(
        1.0,
        "update",
        "gradient clipping by global norm: a gradient longer than this is shortened to "
        "it; none leaves all as they are",
    )
    optimizer_impl: str = _set(
        "fused",
        "speed",
        "the update by PyTorch's fused kernel, or explicit, line by line",
    )
    kernels: str = _set(
        "fused",
        "speed",
        "how the same model is computed: explicit (the book's formulas), sdpa "
        "(PyTorch's attention), fused (its norms and activations too; with --compile "
        "fused is sdpa, and the compiler makes kernels of the rest)",
    )
    compile: str = _set(
        "off",
        "speed",
        "the backend of torch.compile, which turns the model into one program first",
        later=True,
    )
    activation_checkpointing: bool = _set(
        False,
        "speed",
        "activation checkpointing: forget activations within a block and compute them "
        "again for the gradient, with less memory and a third more work",
        later=True,
    )
    dtype: str = _set(
        "float32",
        "speed",
        "mixed precision (autocast): the type of matrix products; weights stay in "
        "float32 beside bfloat16 and float16, and float16 scales its loss",
    )
    device: str = _set(
        "auto",
        "speed",
        "where it is computed; auto takes the fastest there is",
        later=True,
    )
    seed: int = _set(0, "run", "from which every random number of the run follows")
    evaluate_every: int = _set(
        500,
        "run",
        "steps between two looks at the whole validation text, each with a sample",
        later=True,
    )
    sample_tokens: int = _set(
        200, "run", "how many tokens a sample has; 0 writes none", later=True
    )
    temperature: float = _set(
        0.8, "run", "how daring a sample is: 0 takes the likeliest token", later=True
    )
    save_every: int = _set(
        250,
        "run",
        "steps between two checkpoints that a run can go on from",
        later=True,
    )
    keep: int = _set(2, "run", "how many of these checkpoints stay", later=True)
    keep_steps: tuple[int, ...] = _set(
        (),
        "run",
        "steps whose checkpoints stay for good; 0 is the beginning",
        later=True,
    )

    @property
    def falling(self) -> dict[str, Any]:
        """What a schedule has to know beside the step."""
        told = {
            "total": self.steps,
            "warmup": self.warmup,
            "min_lr_ratio": self.min_lr_ratio,
        }
        return told | {"decay": self.decay}

    @property
    def updating(self) -> dict[str, Any]:
        """What the optimizer has to know: its rate, its decay, the options it has."""
        names = [name for name in UPDATE_OPTIONS if name in OPTIONS[self.optimizer]]
        return {name: getattr(self, name) for name in ("lr", "weight_decay", *names)}

    def __post_init__(self) -> None:
        of_kind(ModelConfig, model=self.model)
        of_kind(str, data=self.data)
        choices = {"tokens": TOKENS, "kernels": KERNELS, "compile": COMPILE}
        choices |= {"optimizer": tuple(OPTIMIZERS), "schedule": tuple(SCHEDULES)}
        choices |= {"optimizer_impl": IMPLS}
        for name, built in choices.items():
            if getattr(self, name) not in built:
                raise ValueError(
                    f"{name}={described(getattr(self, name))} is not built; there is "
                    f"{', '.join(built)}"
                )
        float_type(self.dtype)
        left = {f.name: f.default for f in fields(self) if f.name in UPDATE_OPTIONS}
        given = {n: getattr(self, n) for n in left if getattr(self, n) != left[n]}
        check_options(self.optimizer, given)
        check_ranges(self)
