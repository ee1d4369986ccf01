"""folder → tables: tokenizers as the Hugging Face hub keeps them

A folder has one file, tokenizer.json, or GPT-2's two, vocab.json and merges.txt. Read
are the byte-level ones that cut texts by a rule that is built; what else a
tokenizer.json may ask for (normalising, other rules) is refused, by its name. What it
says about batches (padding, truncation) and about tokens around a text does not concern
the ids of the text, and is not looked at.
"""

from os import PathLike
from pathlib import Path
from typing import Any

from llmath.tokenizer import files

_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
_DIGITS = {"type": "Digits", "individual_digits": True}
_STEPS = {"gpt2": [_BYTES], "smollm": [_DIGITS, _BYTES]}

# Settings of the model that change ids, and the values that leave them as they are.
_AS_BUILT = {
    "type": (None, "BPE"),
    "dropout": (None, 0.0),
    "continuing_subword_prefix": (None, ""),
    "end_of_word_suffix": (None, ""),
    "byte_fallback": (None, False),
    "ignore_merges": (None, False),
}
_END = "<|endoftext|>"


def read_folder(folder: str | PathLike) -> dict[str, Any]:
    """tokens, merges, pattern and special ids; a ValueError says what is not built.

    GPT-2's two files say neither their rule nor their special tokens: the rule is
    GPT-2's, and <|endoftext|> special where there is one.
    """
    folder = Path(folder)
    single, pair = folder / "tokenizer.json", ("vocab.json", "merges.txt")
    if single.is_file():
        return _read_single(single)
    if not all((folder / name).is_file() for name in pair):
        raise FileNotFoundError(
            f"{folder} has no tokenizer.json, and not both of {' and '.join(pair)}"
        )
    tokens, merges = files.read_gpt2(*(folder / name for name in pair))
    special = [tokens.index(_END)] if _END in tokens else []
    return {"tokens": tokens, "merges": merges, "pattern": "gpt2", "special": special}


def _read_single(path: Path) -> dict[str, Any]:
    fields = files.read_json(path)
    model = _object(fields, "model", path)
    if fields.get("normalizer") is not None:
        raise ValueError(f"{path} normalises texts first, which is not built")
    for key, built in _AS_BUILT.items():
        if model.get(key) not in built:
            raise ValueError(
                f"{path}: the model has {key}={model[key]!r:.80}; only {built[-1]!r} "
                f"is built"
            )
    ids = dict(_object(model, "vocab", path))
    special = _added(fields.get("added_tokens", []), ids, path)
    return {
        "tokens": files.in_order(ids, path),
        "merges": _merges(model.get("merges"), path),
        "pattern": _pattern(fields.get("pre_tokenizer"), path),
        "special": special,
    }


def _added(added: Any, ids: dict[str, int], path: Path) -> list[int]:
    """The ids of the added tokens, which stand for themselves; they join the others."""
    if not isinstance(added, list):
        raise ValueError(f"{path}: added_tokens={added!r:.80} is no list")
    special = []
    for token in added:
        fields = token if isinstance(token, dict) else {}
        text, i = fields.get("content"), fields.get("id")
        if not isinstance(text, str) or type(i) is not int or ids.get(text, i) != i:
            raise ValueError(
                f"{path}: {token!r:.200} is no added token: it needs a content and an "
                f"id, the same as in the vocabulary"
            )
        for flag in ("lstrip", "rstrip", "single_word"):
            if fields.get(flag):
                raise ValueError(f"{path}: {flag} of token {text!r} is not built")
        ids[text] = i
        special.append(i)
    return special


def _merges(found: Any, path: Path) -> list[str]:
    """Older files write a merge as "a b", newer ones as ["a", "b"]."""
    if not isinstance(found, list):
        raise ValueError(f"{path}: the model has no list of merges")
    merges = [" ".join(m) if _is_pair(m) else m for m in found]
    if wrong := [m for m in merges if not isinstance(m, str)]:
        raise ValueError(f"{path}: {wrong[0]!r:.80} is no merge")
    return merges


def _is_pair(merge: Any) -> bool:
    return isinstance(merge, list) and [str, str] == list(map(type, merge))


def _pattern(step: Any, path: Path) -> str:
    """The name of the rule that cuts texts as these steps do."""
    whole = isinstance(step, dict) and step.get("type") == "Sequence"
    steps = step.get("pretokenizers") if whole else [step]
    for pattern, built in _STEPS.items():
        if isinstance(steps, list) and len(steps) == len(built):
            pairs = zip(steps, built, strict=True)
            if all(isinstance(a, dict) and _same(a, b) for a, b in pairs):
                return pattern
    raise ValueError(
        f"{path} cuts texts by a rule that is not built: {step!r:.300}; there are "
        f"GPT-2's (ByteLevel) and SmolLM2's (Digits, then ByteLevel)"
    )


def _same(step: dict[str, Any], built: dict[str, Any]) -> bool:
    """use_regex may be left out, being true."""
    told = {"use_regex": True, **step}
    return all(told.get(key) == value for key, value in built.items())


def _object(fields: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    found = fields.get(key)
    if not isinstance(found, dict):
        raise ValueError(f"{path}: {key}={found!r:.80} is no object")
    return found
