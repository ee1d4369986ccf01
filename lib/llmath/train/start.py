"""settings, folder → what a run begins with: its folder, its corpus, its batches"""

from pathlib import Path

from jaxtyping import Integer
from numpy import ndarray

from llmath.border import of_kind
from llmath.data import Batches
from llmath.train.corpora import Corpus, build_corpus, open_corpus
from llmath.train.distributed import Processes
from llmath.train.folder import Folder, read_settings
from llmath.train.settings import TrainConfig


def find_folder(
    path: str | Path | None, config: TrainConfig, *, resume: bool, processes: Processes
) -> Folder | None:
    """The folder of a run that begins, or goes on; None where nothing is kept.

    To go on without a folder raises a ValueError, and what `Folder` refuses.
    """
    if path is None:
        if resume:
            raise ValueError("a run goes on from its folder, and none is given")
        return None
    if resume:
        read_settings(Path(path))  # before a folder is made where there was none
    folder = Folder(Path(path))
    if resume:
        folder.check_same(config)
    elif processes.first:
        folder.check_new()
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
