"""folder → tensors in safetensors files, looked up and not read yet"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from torch import Tensor

WEIGHTS = "model.safetensors"
DRAFT = ".saving-"  # how the name of a folder begins in which a checkpoint is written
_INDEX = "model.safetensors.index.json"
_FLOATS = ("F64", "F32", "F16", "BF16")


class Stored(NamedTuple):
    """A tensor in an open file, not read yet."""

    file: Any
    name: str
    shape: tuple[int, ...]

    def read(self) -> Tensor:
        """Its numbers, in the type in which they are stored."""
        return self.file.get_tensor(self.name)


def read_json(path: Path) -> dict[str, Any]:
    """The object of a JSON file of a checkpoint.

    What is no JSON, or no object, raises a ValueError.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing{_note(path.parent)}")
    try:
        found = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:  # no JSON, too deep, or no UTF-8
        raise ValueError(f"{path} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} should hold one JSON object")
    return found


def _note(folder: Path) -> str:
    begun = next(folder.glob(f"{DRAFT}*"), None)
    return f": saving was cut short, see {begun.name} beside it" if begun else ""


def stored_in(folder: Path) -> dict[str, Stored]:
    """Every tensor of the folder: of one file, or of the shards that an index lists.

    A shard that is missing or damaged, and a tensor that two of them hold, raise a
    ValueError.
    """
    if (folder / WEIGHTS).is_file():
        return _opened(folder / WEIGHTS)
    if not (folder / _INDEX).is_file():
        pickled = sorted(p.name for p in folder.glob("*.bin"))
        note = f" {pickled[0]} is pickled and never opened." if pickled else ""
        raise FileNotFoundError(f"{folder} has no {WEIGHTS} and no {_INDEX}.{note}")
    places = read_json(folder / _INDEX).get("weight_map")
    if not isinstance(places, dict) or not all(map(_is_plain, places.values())):
        raise ValueError(f"{_INDEX}: weight_map should name files of this folder")
    shards = {shard: _opened(folder / shard) for shard in sorted({*places.values()})}
    lost = [name for name, shard in places.items() if name not in shards[shard]]
    if lost:
        raise ValueError(
            f"{_INDEX} promises tensors that its shards lack: {some(lost)}"
        )
    return {name: shards[shard][name] for name, shard in places.items()}


def _is_plain(name: Any) -> bool:
    """The name of a file in the folder itself, leading nowhere else."""
    return (
        isinstance(name, str)
        and name.endswith(".safetensors")
        and name == Path(name).name
        and "\\" not in name
    )


def _opened(path: Path) -> dict[str, Stored]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    try:
        file = safe_open(path, framework="pt")
    except SafetensorError as error:
        raise ValueError(f"{path} is no whole safetensors file: {error}") from error
    found = {}
    for name in file.keys():  # noqa: SIM118 – an open file, not a dictionary
        part = file.get_slice(name)
        if part.get_dtype() not in _FLOATS:
            raise ValueError(
                f"tensor {name!r} is stored as {part.get_dtype()}; weights are read "
                f"from {', '.join(_FLOATS)}"
            )
        found[name] = Stored(file, name, tuple(part.get_shape()))
    return found


def some(names: Any) -> str:
    """A readable list: the first few, and how many more."""
    listed = sorted(names)
    more = f" and {len(listed) - 6} more" if len(listed) > 6 else ""
    return "; ".join(listed[:6]) + more if listed else "(none)"
