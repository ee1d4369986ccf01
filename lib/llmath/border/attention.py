"""what attention is given → nothing, or a ValueError with its numbers"""

import torch
from torch import Tensor

from llmath.border import NoNumber, floats, tensors, wholes


def check_heads(q: Tensor, k: Tensor, v: Tensor | None = None) -> None:
    """Queries, keys and values fit each other: axes, dtype, batch, width, heads."""
    others = {"k": k} if v is None else {"k": k, "v": v}
    floats(q=q, **others)
    for name, x in ({"q": q} | others).items():
        if x.ndim != 4 or not x.shape[1] or not x.shape[3]:
            raise ValueError(
                f"{name} needs the four axes batch, heads, tokens, width, with a head "
                f"and a width; its shape is {tuple(x.shape)}"
            )
    for name, x in others.items():
        if q.dtype != x.dtype:
            raise ValueError(f"q is {q.dtype} but {name} is {x.dtype}")
        if (q.shape[0], q.shape[3]) != (x.shape[0], x.shape[3]):
            raise ValueError(
                f"q and {name} must agree in batch and width; their shapes are "
                f"{tuple(q.shape)} and {tuple(x.shape)}"
            )
        if q.shape[1] % x.shape[1]:
            raise ValueError(
                f"{q.shape[1]} query heads cannot share {x.shape[1]} heads of {name} "
                f"evenly: H must be a multiple of G"
            )
    if not k.shape[2]:
        raise ValueError("there are no keys to look at")
    if v is not None and k.shape != v.shape:
        raise ValueError(
            f"every key needs one value; the shapes of k and v are "
            f"{tuple(k.shape)} and {tuple(v.shape)}"
        )


def check_positions(queries: Tensor, keys: Tensor) -> None:
    """Whole numbers, in the same rows for queries and for keys."""
    wholes(query_positions=queries, key_positions=keys)
    if not queries.ndim or queries.shape[:-1] != keys.shape[:-1]:
        raise ValueError(
            f"positions of queries and of keys need the same rows, (T) and (S) or "
            f"(B, T) and (B, S); got {tuple(queries.shape)} and {tuple(keys.shape)}"
        )


def check_scores(scores: Tensor) -> None:
    """All are finite; else a NoNumber: where the first is, and what to do."""
    if torch.compiler.is_compiling() or not scores.numel() or scores.is_meta:
        return  # a look at the values would break a compiled graph
    if torch.stack(torch.aminmax(scores)).isfinite().all():  # NaN passes through both
        return
    where = (~scores.isfinite()).nonzero()
    b, h, t, s = where[0].tolist()
    raise NoNumber(
        f"{len(where)} of {scores.numel()} attention scores are NaN or infinite, the "
        f"first at batch {b}, head {h}, query {t}, key {s}. The queries or keys "
        f"were so already, or their product overflowed {scores.dtype}. To find where, "
        f'`record(model, "blocks.*.resid_pre")`; to stay in range, compute in float32 '
        f"or bfloat16 (float16 ends at 65,504)."
    )


def check_mask(mask: Tensor, q: Tensor, k: Tensor) -> None:
    """Booleans of the right shape, which let every query see some key."""
    tensors(q=q, mask=mask)
    B, T, S = q.shape[0], q.shape[2], k.shape[2]
    if mask.dtype != torch.bool:
        raise ValueError(f"a mask says True where looking is allowed; got {mask.dtype}")
    if mask.shape not in ((T, S), (B, 1, T, S)):
        raise ValueError(
            f"the mask has shape {tuple(mask.shape)}; {T} queries and {S} keys need "
            f"{(T, S)}, or {(B, 1, T, S)} where the {B} rows of the batch differ"
        )
    if torch.compiler.is_compiling() or mask.is_meta:
        return
    if mask.all() or (sees := mask.any(dim=-1)).all():
        return
    blind = (~sees).nonzero()
    raise ValueError(
        f"query {int(blind[0, -1])} may look at no key at all ({len(blind)} of "
        f"{sees.numel()} queries may not): its weights would be 0/0. Let every token "
        f"see at least itself."
    )
