"""settings → what a run begins with: its folder, corpus, batches and optimizer"""

from pathlib import Path

import torch
from jaxtyping import Integer
from numpy import ndarray

from llmath.border import of_kind
from llmath.data import Batches
from llmath.model import Transformer
from llmath.optim import make_optimizer
from llmath.train.corpora import Corpus, build_corpus, open_corpus
from llmath.train.distributed import Processes
from llmath.train.folder import Folder, read_settings
from llmath.train.settings import TrainConfig


def check_parts(config: TrainConfig, processes: Processes) -> None:
    """A batch with fewer windows than all processes have parts raises a ValueError."""
    parts = processes.world * config.accumulate
    if config.batch_size < parts:
        raise ValueError(
            f"a batch of batch_size={config.batch_size} windows does not come in "
            f"{parts} parts, accumulate={config.accumulate} in each of "
            f"{processes.world} processes: choose a batch_size of {parts} or more"
        )


def find_folder(
    path: str | Path | None,
    config: TrainConfig,
    *,
    resume: bool,
    encodes: bool,
    processes: Processes,
) -> Folder | None:
    """The folder of a run that begins, or goes on; None where nothing is kept.

    It is locked for other processes; `encodes`: a text will be encoded there.

    To go on without a folder raises a ValueError, and what `Folder` refuses.
    """
    if path is None:
        if resume:
            raise ValueError("a run goes on from its folder, and none is given")
        return None
    if resume:
        read_settings(Path(path))  # before a folder is made where there was none
    folder = Folder(Path(path))
    if processes.first:
        folder.lock.take()
    try:
        if resume:
            folder.check_same(config)
        elif processes.first:
            folder.check_new(encodes=encodes)
        if processes.first:
            folder.clear()
    except (ValueError, OSError):
        folder.lock.release()
        raise
    processes.wait()
    return folder


def find_corpus(
    given: Corpus | None,
    config: TrainConfig,
    folder: Folder | None,
    *,
    resume: bool,
    processes: Processes,
) -> Corpus:
    """The corpus that is given, or that of the settings; encoded once for a run.

    What is no corpus raises a ValueError, and what `build_corpus` refuses.
    """
    if given is not None:
        of_kind(Corpus, corpus=given)
        return given
    how = {"vocab_size": config.model.vocab_size, "validation": config.validation}
    if folder is None:
        return build_corpus(config.data, config.tokens, **how)
    if processes.first and not (resume and folder.has_corpus):
        build_corpus(config.data, config.tokens, **how, folder=folder.path)
    processes.wait()
    return open_corpus(folder.path)


def find_batches(
    part: str, ids: Integer[ndarray, " n"], T: int, B: int, seed: int
) -> Batches:
    """Batches of one part of a corpus.

    A part that is shorter than the context raises a ValueError that names it.
    """
    try:
        return Batches(ids, T, B, seed=seed)
    except ValueError as error:
        raise ValueError(f"the {part} part of the text: {error}") from error


def find_optimizer(model: Transformer, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimizer of the settings, for this model.

    What `make_optimizer` refuses raises a ValueError.
    """
    how = {**config.updating, "impl": config.optimizer_impl}
    return make_optimizer(model, config.optimizer, **how)
