"""device, dtype, chance and provenance: what a run stands on

Nothing here changes a setting. A device is chosen and handed on, chance comes from
generators that one seed makes, a result is written whole or not at all and says where
it comes from. PyTorch and NumPy are imported by the functions that need them alone.

devices.py      which device, which type of numbers, and which of them go together
chance.py       one seed → a generator for each purpose
files.py        a file is written whole or not at all
provenance.py   where a result comes from
saved.py        what autograd keeps until the backward pass
"""

from llmath.runtime.chance import Seeds, seeded
from llmath.runtime.devices import (
    DTYPES,
    autocast,
    can_compute,
    choose_device,
    describe_device,
    devices,
    float_type,
)
from llmath.runtime.files import replacing, write_json
from llmath.runtime.provenance import provenance
from llmath.runtime.saved import Saved, saved_for_backward

__all__ = [
    "DTYPES",
    "Saved",
    "Seeds",
    "autocast",
    "can_compute",
    "choose_device",
    "describe_device",
    "devices",
    "float_type",
    "provenance",
    "replacing",
    "saved_for_backward",
    "seeded",
    "write_json",
]
