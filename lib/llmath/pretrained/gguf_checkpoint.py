"""GGUF file ↔ model and tokenizer

>>> model, tokenizer = load_gguf("model.gguf")
>>> save_gguf(model, tokenizer, "smaller.gguf", quantization="Q4_0")
"""

from functools import partial
from os import PathLike

import numpy as np
import torch
from torch import Tensor

from llmath.model import Transformer
from llmath.pretrained import gguf_families, gguf_models, gguf_tokenizer
from llmath.pretrained.described import check_dtype
from llmath.pretrained.encodings import named, quantize
from llmath.pretrained.gguf import GGUFFile
from llmath.pretrained.gguf_writer import Planned, write_gguf
from llmath.tokenizer import Tokenizer

# llama.cpp's number for "mostly of this encoding", and the version of the encodings.
_FILE_TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "BF16": 32}
_QUANTIZATION_VERSION = 2
_ALWAYS_F32 = ("position_embd.weight",)


def load_gguf(
    path: str | PathLike, *, dtype: torch.dtype = torch.float32
) -> tuple[Transformer, Tokenizer]:
    """The model and the tokenizer of a GGUF file of the family llama or gpt2.

    A file that is damaged, or of a family that is not built, raises a ValueError.
    """
    check_dtype(dtype)
    file = GGUFFile(path)
    config, vocabulary = gguf_models.config(file), gguf_tokenizer.tokenizer(file)
    with torch.device("meta"):  # shapes alone: the weights come from the file
        model = Transformer(config)
    shapes = {name: tuple(p.shape) for name, p in model.state_dict().items()}
    found = gguf_models.parameters(file, config, shapes)
    weights = {name: torch.from_numpy(w).to(dtype) for name, w in found.items()}
    model.load_state_dict(weights, assign=True)
    return model.eval().requires_grad_(False), vocabulary


def save_gguf(
    model: Transformer,
    tokenizer: Tokenizer,
    path: str | PathLike,
    *,
    quantization: str = "Q8_0",
    end: str | None = None,
) -> None:
    """One file with all that `load_gguf`, llama.cpp and others need to run the model.

    Matrices are stored as `quantization` says: F32, F16, BF16, Q8_0, Q4_0 or Q4_1. As
    in llama.cpp, what has one axis (norms, biases) and learned positions stay F32. The
    file replaces an older one in one step, or is not written at all: what GGUF cannot
    say of the model, widths that do not fill blocks of 32 and weights that are not
    finite are refused. `end` is the special token after which a text is over.
    """
    named(quantization)
    if not isinstance(model, Transformer) or not isinstance(tokenizer, Tokenizer):
        raise ValueError(
            f"save_gguf takes a Transformer and a Tokenizer, got "
            f"{type(model).__name__} and {type(tokenizer).__name__}"
        )
    if tokenizer.vocab_size != model.config.vocab_size:
        raise ValueError(
            f"the model has logits for {model.config.vocab_size} tokens, the tokenizer "
            f"has {tokenizer.vocab_size}; a file has one vocabulary"
        )
    described = gguf_models.metadata(model.config)
    metadata = {
        **described,
        "general.file_type": _FILE_TYPES[quantization],
        "general.quantization_version": _QUANTIZATION_VERSION,
        **gguf_tokenizer.metadata(tokenizer, end),
    }
    family = gguf_families.FAMILIES[described["general.architecture"]]
    weights = model.state_dict()
    tensors = {
        theirs: _planned(theirs, [weights[name] for name in ours], quantization)
        for theirs, ours in gguf_families.entries(model.config, family)
    }
    write_gguf(path, metadata, tensors)


def _planned(name: str, parts: list[Tensor], quantization: str) -> Planned:
    shape = gguf_families.joined(tuple(part.shape) for part in parts)
    encoding = "F32" if len(shape) == 1 or name in _ALWAYS_F32 else quantization
    if shape[-1] % named(encoding).numbers:
        raise ValueError(
            f"tensor {name!r} has rows of {shape[-1]} numbers, which fill no blocks of "
            f"{named(encoding).numbers}, as {encoding} needs; "
            f'choose quantization="F16" (or BF16, F32)'
        )
    return Planned(shape, encoding, partial(_bytes, name, parts, encoding))


def _bytes(name: str, parts: list[Tensor], encoding: str) -> np.ndarray:
    if parts[0].is_meta:
        raise ValueError(f"tensor {name!r} is on the device meta: it holds no numbers")
    joined = torch.cat([part.detach().cpu().float() for part in parts])
    try:
        return quantize(joined.numpy(), encoding)
    except ValueError as error:
        raise ValueError(f"tensor {name!r}: {error}") from error
