"""settings ↔ flags: `python -m llmath.train --help`

Flags are made from the fields of TrainConfig and ModelConfig, so that a field, its
default and its sentence stand in one place. What is not said on the command line comes
from the preset, or from the run that goes on.
"""

import argparse
import difflib
import sys
from collections.abc import Callable, Sequence
from dataclasses import Field, fields, replace
from textwrap import fill
from types import MappingProxyType
from typing import Any, NoReturn

from llmath.config import CHOICES, ModelConfig
from llmath.optim import OPTIMIZERS, OPTIONS
from llmath.optim.base import IMPLS
from llmath.optim.groups import check_options
from llmath.runtime import DTYPES
from llmath.schedule import SCHEDULES
from llmath.train.presets import PRESETS
from llmath.train.settings import (
    COMPILE,
    KERNELS,
    TOKENS,
    UPDATE_OPTIONS,
    TrainConfig,
)

_CHOICES = MappingProxyType(
    {
        "tokens": TOKENS,
        "kernels": KERNELS,
        "compile": COMPILE,
        "optimizer": tuple(OPTIMIZERS),
        "schedule": tuple(SCHEDULES),
        "optimizer_impl": IMPLS,
        "dtype": tuple(DTYPES),
        **CHOICES,
    }
)
_MODEL_HELP = MappingProxyType(
    {
        "vocab_size": "how many tokens a bpe learns; characters and bytes bring theirs",
        "n_layers": "how many blocks stand one after the other",
        "d_model": "the width of the residual stream",
        "n_heads": "how many heads look at once; they share the width",
        "n_kv_heads": "how many keys and values they share; it follows --n-heads",
        "d_ff": "the width within the MLP; it follows --d-model unless it is said",
        "context_length": "how many tokens a window has: so far back the model looks",
        "norm": "what keeps vectors at one length",
        "norm_position": "where it stands; without any, deep models hardly train",
        "residual": "blocks add to the stream, and do not replace it",
        "position": "how a token's place is told",
        "mlp": "the kind of MLP; swiglu has three matrices, the others two",
        "bias": "projections and LayerNorms add a vector of their own",
        "tie_embeddings": "the table of embeddings is the head as well",
        "norm_eps": "what a norm adds before it divides",
        "rope_base": "how slowly rotary positions turn: a larger base sees farther",
        "window": "how many tokens back attention looks; none is all of them",
    }
)
# Follows the other, in proportion, where it is not said.
_FOLLOWS = MappingProxyType({"n_kv_heads": "n_heads", "d_ff": "d_model"})
_GROUPS = MappingProxyType(
    {
        "text": "text",
        "model": "model",
        "batches": "batches",
        "update": "gradient → update",
        "speed": "how it is computed",
        "run": "the run",
    }
)


_DESCRIPTION = """\
Trains a transformer on a text, from weights drawn by chance to a model that
goes on with what it is given. The loss, the speed and samples of what the model
writes are shown on the way, and kept in the folder --out with checkpoints and
all settings. A run that was stopped goes on from its last checkpoint, as if
nothing had happened."""
_COMMANDS = """\
three commands:
  begin    python -m llmath.train --preset tiny --out runs/first
  resume   python -m llmath.train --out runs/first --resume
  share    torchrun --nproc-per-node 2 -m llmath.train --out runs/second"""


class Parser(argparse.ArgumentParser):
    """Refuses a flag that it does not know with the nearest one that it does."""

    def parse_args(
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        """What was said; what is unknown ends the program with a sentence."""
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            flags = [o for o in unknown if o.startswith("-")]
            if not flags:
                self.error(
                    f"unexpected argument {unknown[0]!r}; --help lists all flags"
                )
            known = [flag for action in self._actions for flag in action.option_strings]
            told = flags[0].partition("=")[0]
            near = difflib.get_close_matches(told, known, 1, 0.7)
            hint = f"; did you mean {near[0]}?" if near else "; --help lists all flags"
            self.error(f"there is no flag {told}{hint}")
        return found

    def error(self, message: str) -> NoReturn:
        """The sentence alone: the list of all flags would push it off the screen."""
        sys.stderr.write(f"llmath.train: {message}\n")
        raise SystemExit(2)


def parser() -> Parser:
    """Every flag, in groups, each with what it does to training."""
    made = Parser(
        prog="python -m llmath.train",
        usage="%(prog)s --out FOLDER [--preset NAME | --resume] [flags]",
        description=_DESCRIPTION,
        epilog=f"{_COMMANDS}\n\n{_presets()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument(
        "--preset",
        choices=tuple(PRESETS),
        help="a whole recipe, which the other flags change (default: baseline)",
    )
    made.add_argument("--out", help="the folder that keeps the run (needed)")
    made.add_argument(
        "--resume", action="store_true", help="go on with the run that is in --out"
    )
    made.add_argument(
        "--export", metavar="FILE", help="at the end, write the model as GGUF in Q8_0"
    )
    made.add_argument("--quiet", action="store_true", help="print errors alone")
    groups = {name: made.add_argument_group(title) for name, title in _GROUPS.items()}
    for field in fields(TrainConfig):
        if field.name != "model":
            told = field.metadata
            _add(groups[told["group"]], field, told["help"], field.default)
    baseline = TrainConfig().model
    for field in fields(ModelConfig):
        if field.name in _MODEL_HELP:
            default = getattr(baseline, field.name)
            _add(groups["model"], field, _MODEL_HELP[field.name], default)
    return made


def _add(group: Any, field: Field, help: str, default: Any) -> None:
    flags = ["--" + field.name.replace("_", "-")]
    flags += ["--learning-rate"] * (field.name == "lr")
    told = f"{help} (default: {_said(default)})"
    how: dict[str, Any] = {"help": told.replace("%", "%%")}
    how["default"] = argparse.SUPPRESS  # what was not said is not there
    if field.type is bool:
        group.add_argument(*flags, action=argparse.BooleanOptionalAction, **how)
        return
    if field.name in _CHOICES:
        how["choices"] = _CHOICES[field.name]
    elif isinstance(default, tuple):
        kind = float if field.name == "betas" else int
        how |= {"nargs": 2 if kind is float else "*", "type": kind, "metavar": "N"}
    else:
        how |= {"type": _reader(field.type), "metavar": "N"}
    if field.type is str and field.name not in _CHOICES:
        how["metavar"] = field.name.upper()
    group.add_argument(*flags, **how)


def _said(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    row = value if isinstance(value, tuple) else () if value is None else (value,)
    return " ".join(map(str, row)) or "none"


def _reader(kind: Any) -> Callable[[str], Any]:
    """What reads a flag of this type: `none` where the field may be None."""
    if kind in (int, float, str):
        return kind
    (number,) = (part for part in kind.__args__ if part is not type(None))

    def read(text: str) -> Any:
        return None if text == "none" else number(text)

    read.__name__ = f"{number.__name__}, or none"  # argparse names it where it fails
    return read


def configured(base: TrainConfig, said: dict[str, Any]) -> TrainConfig:
    """The settings `base` with what was said in their place.

    An optimizer that was said brings its own options: those of the optimizer before it
    go back to their defaults. Settings that do not fit together, and flags that the
    optimizer or the schedule does not look at, raise a ValueError.
    """
    shape = {name: said[name] for name in _MODEL_HELP if name in said}
    for name, other in _FOLLOWS.items():
        if other in shape and name not in shape:
            was, now = getattr(base.model, other), shape[other]
            shape[name] = getattr(base.model, name) * now // was
    names = {field.name for field in fields(TrainConfig)}
    own = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in said.items()
        if name in names
    }
    optimizer = said.get("optimizer", base.optimizer)
    check_options(optimizer, {n: own[n] for n in UPDATE_OPTIONS if n in own})
    plain = {f.name: f.default for f in fields(TrainConfig)}
    own |= {n: plain[n] for n in UPDATE_OPTIONS if n not in OPTIONS[optimizer]}
    if "min_lr_ratio" in own and own.get("schedule", base.schedule) == "constant":
        raise ValueError(
            f"--min-lr-ratio {own['min_lr_ratio']} is where the learning rate falls "
            f"to, and the schedule constant does not fall: leave it out"
        )
    return replace(base, **own, model=replace(base.model, **shape))


def _presets() -> str:
    """What each preset sets otherwise than the baseline."""
    lines = ["presets, and what they set otherwise than the defaults above:"]
    baseline = PRESETS["baseline"]
    for name, config in PRESETS.items():
        pairs = [
            (config, baseline, f.name) for f in fields(config) if f.name != "model"
        ]
        pairs += [(config.model, baseline.model, n) for n in _MODEL_HELP]
        told = [
            f"{n.replace('_', '-')} {_said(getattr(mine, n))}"
            for mine, base, n in pairs
            if getattr(mine, n) != getattr(base, n)
        ]
        line = f"{name}: {', '.join(told) or 'nothing'}"
        lines.append(fill(line, 80, initial_indent="  ", subsequent_indent="    "))
    return "\n".join(lines)
