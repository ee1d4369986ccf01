"""file → (model, tokenizer)

>>> model, tokenizer = load("smollm2-135m")
>>> model, tokenizer = load("HuggingFaceTB/SmolLM2-360M")       # from the hub
>>> gpt2 = pretrained.tokenizer("gpt2")
>>> model = load_checkpoint("folder")            # GPT-2 or Llama, as on the hub
>>> save_checkpoint(model, "another")
>>> save_gguf(model, gpt2, "model.gguf")         # for llama.cpp and its relatives

Models and vocabularies come in pinned packages. Each file is checked against its
SHA-256 at every load, before a byte of it is believed: 98 MB take about 0.07 s, a tenth
of the load, and a remembered "was fine last time" is one more fact to keep true.
"""

from collections.abc import Mapping
from types import MappingProxyType

import torch

from llmath.model import Transformer
from llmath.pretrained import gguf_tokenizer
from llmath.pretrained.download import download
from llmath.pretrained.gguf import GGUFFile
from llmath.pretrained.gguf_checkpoint import load_gguf, save_gguf
from llmath.pretrained.hub import load_checkpoint, save_checkpoint
from llmath.pretrained.pinned import (
    MODELS,
    VOCABULARIES,
    check_sha256,
    find,
    find_pinned,
)
from llmath.tokenizer import Tokenizer

__all__ = [
    "MODELS",
    "VOCABULARIES",
    "check_sha256",
    "download",
    "find",
    "load",
    "load_checkpoint",
    "load_gguf",
    "save_checkpoint",
    "save_gguf",
    "tokenizer",
]


def load(
    name: str,
    *,
    dtype: torch.dtype = torch.float32,
    revision: str = "main",
    sha256: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Transformer, Tokenizer]:
    """A pretrained model, ready to be read from: evaluation mode, no gradients kept.

    A name with a slash is one of the Hugging Face hub, at this `revision` and with
    files of these SHA-256; see `llmath.pretrained.download`. For gradients with respect
    to its weights: `model.requires_grad_()`.

    An unknown name, a file that is not the pinned one and a type that is not of
    floating-point numbers raise a ValueError; a package that is missing a
    ModuleNotFoundError that says how to get it.
    """
    if not isinstance(name, str):
        raise ValueError(f"a model is loaded by its name, not {name!r:.80}")
    if "/" in name:
        folder = download(name, revision=revision, sha256=sha256)
        return load_checkpoint(folder, dtype=dtype), Tokenizer.from_folder(folder)
    if revision != "main" or sha256:
        raise ValueError(f"{name!r} is pinned: revision and sha256 are of the hub")
    return load_gguf(find(name), dtype=dtype)


def tokenizer(name: str) -> Tokenizer:
    """A pretrained tokenizer: GPT-2's, or that of a pinned model, without its weights.

    >>> tokenizer("gpt2").encode("The cat sat")
    [464, 3797, 3332]

    An unknown name raises a ValueError that lists the known ones.
    """
    if not isinstance(name, str):
        raise ValueError(f"a tokenizer is loaded by its name, not {name!r:.80}")
    if name in MODELS:
        return gguf_tokenizer.tokenizer(GGUFFile(find(name)))
    if name not in VOCABULARIES:
        known = ", ".join([*VOCABULARIES, *MODELS])
        raise ValueError(f"no pinned tokenizer {name!r}; there is {known}")
    paths = [find_pinned(pinned, name) for pinned in VOCABULARIES[name]]
    return Tokenizer.from_gpt2_files(*paths)
