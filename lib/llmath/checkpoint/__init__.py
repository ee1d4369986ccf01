"""weights, optimizer, chance and data position ↔ disk

A checkpoint is one safetensors file, `step-00000123.safetensors`: the tensors of the
model and of the optimizer, and in its header one line of JSON with all that is no
tensor and with the SHA-256 of the whole. It is written beside its place and moved there
when it is complete, so that a machine that stops at any moment leaves the old
checkpoint or the new one. Nothing is pickled.

file.py      JSON and tensors ↔ one file, which is whole or refused
states.py    a model and its optimizer ↔ JSON and tensors
folder.py    the checkpoints of a folder: the newest that is whole, and which stay
"""

from llmath.checkpoint.file import DamagedCheckpoint
from llmath.checkpoint.folder import checkpoints, prune, resume
from llmath.checkpoint.states import (
    Checkpoint,
    load_checkpoint,
    load_model,
    save_checkpoint,
)

__all__ = [
    "Checkpoint",
    "DamagedCheckpoint",
    "checkpoints",
    "load_checkpoint",
    "load_model",
    "prune",
    "resume",
    "save_checkpoint",
]
