"""where a run keeps what it does

config.json       its settings
tokenizer.json    how its text becomes ids
train.ids, validation.ids
metrics.jsonl     what it reports
checkpoints/      what it goes on from
lock              who trains here now
unfinished        there while a text is encoded, before there is a run
"""

import os
import tempfile
from pathlib import Path

from llmath.border import of_kind
from llmath.checkpoint import checkpoints
from llmath.runtime import write_json
from llmath.tokenizer.files import read_json
from llmath.train.lock import Lock
from llmath.train.metrics import Metrics
from llmath.train.presets import as_json, changed, from_json
from llmath.train.settings import TrainConfig

_MARKS = ("config.json", "metrics.jsonl")
_CORPUS = ("tokenizer.json", "train.ids", "validation.ids")


class Folder:
    """The folder of one run, which it can be written to.

    One that cannot be made or written to raises a ValueError before anything is
    computed.
    """

    def __init__(self, path: Path) -> None:
        of_kind(Path, path=path)
        self.path, self.checkpoints = path, path / "checkpoints"
        self.metrics, self.lock = Metrics(path / "metrics.jsonl"), Lock(path / "lock")
        self._unfinished = path / "unfinished"
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            for folder in (self.path, self.checkpoints):
                with tempfile.TemporaryFile(dir=folder):
                    pass
        except OSError as error:
            raise ValueError(
                f"{path} cannot keep a run: {error.strerror} ({error.filename}). "
                f"Choose another folder"
            ) from error

    def clear(self) -> None:
        """Remove the halves of files that a process left which was killed."""
        for name in (*_MARKS, *_CORPUS):
            for draft in self.path.glob(f"{name}.*.part"):
                draft.unlink()

    def check_new(self, *, encodes: bool) -> None:
        """A folder that another run is in raises a ValueError.

        So does one with files that a text which is encoded here would replace, unless
        an earlier beginning of a run left them. From now on such a beginning is marked.
        """
        found = checkpoints(self.checkpoints)
        if found or any((self.path / name).exists() for name in _MARKS):
            saved = f", saved up to {found[-1].name}" if found else ""
            raise ValueError(
                f"{self.path} holds another run{saved}: --resume goes on with it "
                f"(resume=True), another folder begins a new one"
            )
        if not encodes:
            return
        there = [name for name in _CORPUS if (self.path / name).exists()]
        if there and not self._unfinished.exists():
            raise ValueError(
                f"{self.path} holds {', '.join(there)}, which no run here has written "
                f"and a new one would replace: choose another folder"
            )
        self._unfinished.touch()

    def check_same(self, config: TrainConfig) -> None:
        """Settings of which the run that is here would learn otherwise than before.

        They raise a ValueError that says what was and what is.
        """
        if told := changed(read_settings(self.path), config):
            raise ValueError(
                f"{self.path} was trained with other settings and cannot go on with "
                f"these: {'; '.join(told)}"
            )

    def keep(self, config: TrainConfig) -> None:
        """Keep the settings: from now on there is a run here."""
        write_json(self.path / "config.json", as_json(config))
        self._unfinished.unlink(missing_ok=True)

    @property
    def has_corpus(self) -> bool:
        """Whether the text is encoded here already: the ids are written last."""
        return (self.path / "validation.ids").is_file()

    def newest(self) -> Path | None:
        """The last checkpoint, whether it is whole or not."""
        found = checkpoints(self.checkpoints)
        return found[-1] if found else None


def read_settings(path: Path) -> TrainConfig:
    """The settings of the run in a folder.

    No run, or settings that are damaged, raise a ValueError.
    """
    of_kind(Path, path=path)
    found = path / "config.json"
    if not found.is_file():
        raise ValueError(
            f"{path} holds no run to go on with: {found.name} is missing. Without "
            f"--resume (resume=True) a new one begins there"
        )
    return from_json(read_json(found))


def command(folder: os.PathLike, *, world: int = 1) -> str:
    """What goes on with the run of a folder, as it is typed."""
    start = f"torchrun --nproc-per-node {world}" if world > 1 else "python"
    return f"{start} -m llmath.train --out {folder} --resume"
