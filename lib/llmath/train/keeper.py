"""a run ↔ its checkpoints: which are saved, which stay, which are known to be good

Weights can be finite and too large for any loss. So a checkpoint is good only after the
model has had a finite loss with its weights: until then those before it stay. One whose
weights gave none gets another name, with `.diverged` behind it: no run goes on from it.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from llmath.border import NoNumber, count, of_kind
from llmath.checkpoint import (
    Checkpoint,
    checkpoints,
    prune,
    resume,
    save_checkpoint,
)
from llmath.model import Transformer
from llmath.train.settings import TrainConfig

_DIVERGED = ".diverged"
_STATE = frozenset({"seconds", "batches", "scaler"})


class Keeper:
    """The checkpoints of a run: `saved` is the newest, `good` the last that is good.

    One of several processes that does not write (`writes=False`) knows them as well.

    What is no path and no settings raises a ValueError.
    """

    def __init__(
        self, folder: Path, config: TrainConfig, *, writes: bool = True
    ) -> None:
        of_kind(Path, folder=folder)
        of_kind(TrainConfig, config=config)
        self.folder, self.config, self.writes = folder, config, writes
        self.saved: Path | None = None
        self.good: Path | None = None
        self.diverged: Path | None = None
        self._step, self._sound = -1, -1

    def sound(self, step: int) -> None:
        """The weights after so many updates gave a finite loss."""
        count(0, step=step)
        self._sound = step
        if self.saved is not None and self._step == step and self.good != self.saved:
            self.good = self.saved
            self._prune()

    def set_aside(self, step: int) -> None:
        """The weights after so many updates gave no finite loss."""
        count(0, step=step)
        if self.saved is None or self._step != step or self.good == self.saved:
            return
        self.diverged = self.saved.with_name(self.saved.name + _DIVERGED)
        if self.writes:
            self.saved.replace(self.diverged)
        self.saved = self.good

    def save(
        self,
        step: int,
        *,
        model: Transformer,
        optimizer: torch.optim.Optimizer,
        state: Mapping[str, Any],
    ) -> None:
        """Save, and remove what need not stay, when these weights are known as good.

        Weights that are not finite raise a NoNumber, which is a ValueError; a disk that
        is full an OSError, with what stays.
        """
        _check_finite(model)
        if self.writes:
            held = {"model": model, "optimizer": optimizer, "state": state}
            try:
                path = save_checkpoint(self.folder, step, **held)
            except OSError as error:
                raise self._unsaved(step, error) from error
        else:
            path = self.folder / f"step-{step:08d}.safetensors"
        self.saved, self._step = path, step
        if self._sound == step:
            self.sound(step)

    def take_up(
        self,
        *,
        model: Transformer,
        optimizer: torch.optim.Optimizer,
        marks: Mapping[str, Any],
    ) -> Checkpoint | None:
        """Go on from the newest whole checkpoint; without any: None.

        One that lacks what a run needs, or is of other `marks` than these, or of a step
        behind the last, raises a ValueError.
        """
        found = resume(self.folder, model=model, optimizer=optimizer)
        if self.writes:
            self._warn(found)
        if found is None:
            return None
        if lacks := sorted({*_STATE, *marks} - found.state.keys()):
            raise ValueError(
                f"{found.path} cannot go on: it was saved by no run, and lacks "
                f"{', '.join(lacks)}"
            )
        for name, now in marks.items():
            if found.state[name] != now:
                raise ValueError(
                    f"{found.path} cannot go on: its {name} was "
                    f"{found.state[name]!r} and is now {now!r}"
                )
        if found.step > self.config.steps:
            raise ValueError(
                f"steps={self.config.steps} are fewer than the {found.step} that are "
                f"made already ({found.path}): ask for {found.step} or more"
            )
        self.saved, self._step = found.path, found.step
        before = [path for path in checkpoints(self.folder) if path < found.path]
        self.good = before[-1] if before else None
        return found

    def told(self) -> str:
        """What is left of a run whose numbers are none any more."""
        left = "no checkpoint was saved before"
        if self.saved is not None:
            left = f"the last good checkpoint is {self.saved}"
        if self.diverged is None:
            return left
        return f"{left}; {self.diverged} holds the weights that gave this"

    def _warn(self, found: Checkpoint | None) -> None:
        """A run that diverged goes on before that, and comes there again."""
        step = -1 if found is None else found.step
        aside = self.folder.glob(f"step-*.safetensors{_DIVERGED}")
        later = sorted(x.name for x in aside if int(x.name.split(".")[0][5:]) > step)
        if later:
            place = "the beginning" if found is None else found.path.name
            warnings.warn(
                f"{later[-1]} gave no finite loss and is passed over: the run goes on "
                f"from {place}, and with the same settings it may come there again",
                stacklevel=2,
            )

    def _prune(self) -> None:
        if self.writes:
            stay = (*self.config.keep_steps, self._step)
            prune(self.folder, self.config.keep, also=stay)

    def _unsaved(self, step: int, error: OSError) -> OSError:
        stays = "none was saved before" if self.saved is None else f"{self.saved} stays"
        told = f"step {step} cannot be saved: {error.strerror or error}; {stays}"
        return OSError(error.errno, told, str(self.folder))


def _check_finite(model: Transformer) -> None:
    for name, weights in model.state_dict().items():
        if not weights.isfinite().all():
            raise NoNumber(f"{name} holds numbers that are not finite")
