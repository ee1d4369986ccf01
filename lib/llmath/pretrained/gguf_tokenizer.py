"""GGUF's metadata ↔ tokenizer: byte-level BPE, which GGUF calls gpt2"""

from typing import Any

from llmath.pretrained.gguf import GGUFFile
from llmath.pretrained.gguf_models import get, strings
from llmath.tokenizer import Tokenizer

# GGUF's name of a rule of splitting → ours.
_PATTERNS = {"gpt-2": "gpt2", "smollm": "smollm"}
_TEXT, _CONTROL, _USER_DEFINED = 1, 3, 4
_END = "<|endoftext|>"


def tokenizer(file: GGUFFile) -> Tokenizer:
    """The tokenizer that the file carries.

    Another kind than byte-level BPE, and tables that do not fit each other, raise a
    ValueError.
    """
    fields = file.metadata
    kind = get(fields, "tokenizer.ggml.model", str)
    if kind != "gpt2":
        raise ValueError(
            f"the tokenizer is of kind {kind!r}; only byte-level BPE is built"
        )
    name = get(fields, "tokenizer.ggml.pre", str, default="gpt-2")
    if name not in _PATTERNS:
        raise ValueError(f"pre-tokeniser {name!r} is none of {sorted(_PATTERNS)}")
    tokens = strings(fields, "tokenizer.ggml.tokens")
    kinds = get(
        fields, "tokenizer.ggml.token_type", list, default=[_TEXT] * len(tokens)
    )
    if len(kinds) != len(tokens) or not set(kinds) <= {_TEXT, _CONTROL, _USER_DEFINED}:
        raise ValueError(
            f"{len(tokens)} tokens need as many types from {_TEXT} (text), {_CONTROL} "
            f"(control), {_USER_DEFINED} (user-defined); the file has {len(kinds)}, "
            f"among them {sorted(set(map(str, kinds)))[:8]}"
        )
    return Tokenizer(
        tokens,
        strings(fields, "tokenizer.ggml.merges"),
        pattern=_PATTERNS[name],
        special=[i for i, kind in enumerate(kinds) if kind != _TEXT],
    )


def metadata(tokenizer: Tokenizer, end: str | None = None) -> dict[str, Any]:
    """The metadata that carry a tokenizer; special tokens are control tokens there.

    `end` is the special token after which a text is over: <|endoftext|> where there is
    one and nothing else is said. Without any, other programs may guess one.

    What GGUF has no words for raises a ValueError.
    """
    if end is None and _END in tokenizer.special:
        end = _END
    if end is not None and end not in tokenizer.special:
        raise ValueError(
            f"end={end!r} is no special token; there is {', '.join(tokenizer.special)}"
        )
    special = set(tokenizer.special.values())
    n = tokenizer.vocab_size
    made = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": {v: k for k, v in _PATTERNS.items()}[tokenizer.pattern],
        "tokenizer.ggml.tokens": list(tokenizer.vocabulary),
        "tokenizer.ggml.token_type": [
            _CONTROL if i in special else _TEXT for i in range(n)
        ],
        "tokenizer.ggml.merges": list(tokenizer.merges),
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_space_prefix": False,
    }
    if end is None:
        return made
    begins_and_ends = ("tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id")
    return made | dict.fromkeys(begins_and_ends, tokenizer.special[end])
