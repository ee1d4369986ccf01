"""the letters: axes of tensors and quantities, one table

Text, code and shape annotations use the same letters; the book's page of notation is
made from these tables.
"""

from types import MappingProxyType

AXES = MappingProxyType(
    {
        "B": "batch: sequences side by side",
        "T": "query positions: the tokens that look",
        "S": "key positions: the tokens that are looked at",
        "H": "heads (of queries)",
        "G": "key/value heads; head h uses key/value head ⌊h / (H/G)⌋",
        "E": "width of one head",
        "D": "width of the model, the length of a residual vector",
        "F": "width of the feed-forward layer",
        "V": "vocabulary: the number of tokens",
        "L": "layers (blocks)",
    }
)

QUANTITIES = MappingProxyType(
    {
        "N": "number of parameters",
        "C": "compute, in floating-point operations",
        "𝒟": "number of training tokens",
        "ℒ": "loss, in nats per token unless said otherwise",
        "ℒ_∞": "irreducible loss: what no model of any size avoids",
        "ℍ": "entropy, in nats",
        "𝔼": "expectation",
        "τ": "temperature",
        "η": "learning rate",
        "θ": "parameters of the model; θ_i also the angular speed of a rotary pair",
    }
)

NOTATION = MappingProxyType({"axes": AXES, "quantities": QUANTITIES})

# How a letter is typeset where it is not simply itself.
LATEX = MappingProxyType(
    {
        "𝒟": r"\mathcal{D}",
        "ℒ": r"\mathcal{L}",
        "ℒ_∞": r"\mathcal{L}_\infty",
        "ℍ": r"\mathbb{H}",
        "𝔼": r"\mathbb{E}",
        "τ": r"\tau",
        "η": r"\eta",
        "θ": r"\theta",
    }
)
