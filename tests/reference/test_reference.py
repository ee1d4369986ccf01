"""Every formula of the library against its NumPy twin, paired by file and name

The inputs are made from the annotations: each letter of a shape has a size here, floats
are normal, integers count, a mask lets every query look somewhere. A formula without a
twin, or a twin without a formula, fails.
"""

import ast
import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import Bool, Float, Int

import llmath

LIBRARY = Path(llmath.__file__).parent
SIZES = {"batch": 2, "shape": 7, "B": 2, "T": 3, "S": 5, "H": 6, "G": 2, "E": 8}
SIZES |= {"rows": 2, "D": 10, "F": 12, "V": 11, "pairs": 40}
KEYWORDS = {"base": 100.0, "eps": 1e-3, "d_head": 8, "d_model": 10, "n_heads": 6}
KEYWORDS |= {"window": 2, "chunk": 2, "k": 4, "p": 0.3, "penalty": 1.7}
SIZES |= {"layers": 2, "others": 2}
KEYWORDS |= {"offset": 1, "start": 2}
PACKAGES = (
    "interpret",
    "optim",
)  # rows that are folders: what they publish is in __all__
SIZES |= {"columns": 3}
KEYWORDS |= {"lr": 0.3, "momentum": 0.7, "dampening": 0.2, "weight_decay": 0.1}
KEYWORDS |= {"beta1": 0.8, "beta2": 0.9, "step": 3, "steps": 5}
KEYWORDS |= {"factor": 8.0, "low": 1.0, "high": 4.0, "original_context": 8}
# Means of squares
NOT_NEGATIVE = {"adam_update": ("v", "v_max"), "adamw_update": ("v",)}

# What the library has as modules, or gets from PyTorch and autograd.
ALONE = {("linear", "linear")}
ALONE |= {("block", name) for name in ("attention_layer", "mlp_layer", "norm_layer")}
ALONE |= {("block", "addition"), ("block", "block")}
ALONE |= {("model", name) for name in ("logits", "loss", "gradients", "draw", "shapes")}
ALONE |= {("model", name) for name in ("nested", "flat")}
# Rows of whole numbers, held against the library in tests/tokenizer/test_merging.py
ALONE |= {("tokenizer", name) for name in ("pair_counts", "replace")}
ALONE |= {("tokenizer", name) for name in ("learn_merges", "merge")}

# Largest difference, as a part of the largest number.
TOLERANCE = {torch.float64: 1e-13, torch.float32: 2e-6, torch.bfloat16: 3e-2}


def functions(path: Path) -> set[tuple[str, str]]:
    """The public functions of a file, by its own name and theirs."""
    return {
        (path.stem, node.name)
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


def public_functions() -> set[tuple[str, str]]:
    """Those of the library, by the row that offers them."""
    public = set().union(*map(functions, LIBRARY.glob("*.py")))
    for row in PACKAGES:
        package = importlib.import_module(f"llmath.{row}")
        names = [n for n in package.__all__ if inspect.isfunction(vars(package)[n])]
        public |= {(row, name) for name in names}
    return public


def formulas() -> set[tuple[str, str]]:
    """Public functions of the library that give a tensor."""
    found = set()
    for file, name in public_functions():
        function = getattr(importlib.import_module(f"llmath.{file}"), name)
        if hasattr(inspect.signature(function).return_annotation, "dim_str"):
            found.add((file, name))
    return found


def twins() -> set[tuple[str, str]]:
    return set().union(*map(functions, (LIBRARY / "reference").glob("[!_]*.py")))


FORMULAS = sorted(formulas())


def backward_rules() -> set[tuple[str, str]]:
    """What autograd spares the library: tests/reference/test_rules.py and others"""
    return {(file, name) for file, name in twins() if name.endswith("_backward")}


def test_every_formula_has_a_twin():
    assert formulas() | ALONE == twins() - backward_rules()


def test_what_stands_alone_is_no_function_of_the_library():
    assert ALONE.isdisjoint(public_functions())


def test_a_backward_rule_belongs_to_a_formula():
    rules = {(file, name.removesuffix("_backward")) for file, name in backward_rules()}
    assert rules
    assert rules <= formulas() | ALONE


def test_there_are_formulas():
    assert ("attention", "attention_weights") in FORMULAS
    assert len(FORMULAS) >= 13


@pytest.mark.parametrize(("file", "name"), FORMULAS)
def test_every_formula_cites_its_equation(file, name):
    """The build then makes sure that the book has it: _ext/equation_links.py"""
    function = getattr(importlib.import_module(f"llmath.{file}"), name)
    assert re.search(r"\{eq:[\w-]+\}", function.__doc__), "no {eq:label}"


def arguments(function, rng: np.random.Generator) -> tuple[list, dict]:
    """Positional and keyword arguments as the signature wants them, in NumPy."""
    positional, keyword = [], {}
    for name, parameter in inspect.signature(function).parameters.items():
        skipped = ("impl", "probe", "dtype", "device", "pairs", "scaling")
        if name in (*skipped, "turns", "triangle", "coefficients"):
            continue
        if name in KEYWORDS and parameter.annotation in (int, float):
            value = KEYWORDS[name]
        elif name == "dim":
            value = -1
        else:
            value = tensor(parameter.annotation, rng)
            if name in NOT_NEGATIVE.get(function.__name__, ()):
                value = np.abs(value)
        if parameter.kind is parameter.KEYWORD_ONLY:
            keyword[name] = value
        else:
            positional.append(value)
    return positional, keyword


def tensor(annotation, rng: np.random.Generator) -> np.ndarray:
    if not hasattr(annotation, "dim_str"):  # Mask | None
        annotation = annotation.__args__[0]
    shape = [SIZES[letter.lstrip("*")] for letter in annotation.dim_str.split()]
    if set(annotation.dtypes) <= set(Bool.dtypes):
        mask = rng.random(shape) < 0.5
        mask[..., 0] = True
        return mask
    if set(annotation.dtypes) <= set(Int.dtypes):
        return rng.integers(0, min(SIZES.values()), shape)
    assert set(annotation.dtypes) <= set(Float.dtypes)
    return 3 * rng.standard_normal(shape)


def in_torch(value, dtype: torch.dtype):
    if not isinstance(value, np.ndarray):
        return value
    made = torch.from_numpy(value)
    return made.to(dtype) if made.is_floating_point() else made


def in_numpy(value):
    """What the formula was given, after rounding to its dtype, in float64."""
    if not isinstance(value, torch.Tensor):
        return value
    wide = value.double() if value.is_floating_point() else value
    return wide.clone().numpy()


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize(("file", "name"), FORMULAS)
def test_formula_equals_twin(file, name, dtype):
    function = getattr(importlib.import_module(f"llmath.{file}"), name)
    twin = getattr(importlib.import_module(f"llmath.reference.{file}"), name)
    options = {}
    if "dtype" in inspect.signature(function).parameters:
        options["dtype"] = torch.promote_types(dtype, torch.float32)
    for seed in range(5):
        positional, keyword = arguments(function, np.random.default_rng(seed))
        given = [in_torch(x, dtype) for x in positional]
        copies = map(in_numpy, given)  # of an update, which changes what it is given
        expected = twin(*copies, **keyword)
        result = function(*given, **keyword, **options)
        assert tuple(result.shape) == np.shape(expected)
        result = in_numpy(result) + 0.0  # a mask counts as zeros and ones
        hidden = np.isneginf(np.real(expected))
        assert np.array_equal(np.isneginf(np.real(result)), hidden)
        scale = max(1.0, float(np.max(np.abs(expected[~hidden]))))
        error = np.max(np.abs(result[~hidden] - expected[~hidden]))
        assert error <= TOLERANCE[dtype] * scale, f"seed {seed}: {error}"
