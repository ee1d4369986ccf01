"""update after update, looked at and saved on the way

Everything that chance decides follows from the seed and the number of the step: a run
that goes on from a checkpoint is the run that was never interrupted, bit for bit on one
and the same processor.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from llmath.border import NoNumber, of_kind
from llmath.model import Transformer
from llmath.runtime import provenance, seeded
from llmath.schedule import SCHEDULES
from llmath.train.corpora import Corpus
from llmath.train.distributed import ALONE, Processes
from llmath.train.diverged import Diverged, diverged
from llmath.train.engine import Engine, choose
from llmath.train.evaluate import bits_of, evaluate, sample
from llmath.train.keeper import Keeper
from llmath.train.metrics import Evaluation, Record, Step
from llmath.train.peak import find_peak
from llmath.train.presets import as_json
from llmath.train.settings import TrainConfig
from llmath.train.start import (
    check_parts,
    find_batches,
    find_corpus,
    find_folder,
    find_optimizer,
)


class Run:
    """One training run, which hands out what it does as it does it.

    Without a corpus it reads the one of its settings; without a folder it keeps
    nothing. `stop()` ends it behind the step under way, saved. `device` is where this
    process computes, if the settings leave that open.

    A corpus shorter than the context, a folder that cannot be written to or holds
    another run, and a run that cannot go on with these settings raise a ValueError; a
    loss that is not finite a Diverged, which is one.
    """

    def __init__(
        self,
        config: TrainConfig,
        *,
        corpus: Corpus | None = None,
        folder: str | Path | None = None,
        resume: bool = False,
        processes: Processes = ALONE,
        device: str | None = None,
    ) -> None:
        of_kind(TrainConfig, config=config)
        check_parts(config, processes)
        choose(config if device is None else replace(config, device=device))
        self.config, self.processes = config, processes
        how = {"resume": resume, "processes": processes}
        self.folder = find_folder(folder, config, encodes=corpus is None, **how)
        try:
            self.corpus = find_corpus(corpus, config, self.folder, **how)
            self._prepare(config if device is None else replace(config, device=device))
            if resume:
                self._go_on()
            self._announce()
        except BaseException:
            self._lock(False)
            raise

    def _prepare(self, config: TrainConfig) -> None:
        """All that a run computes with, as it is before the first step."""
        self.seeds = seeded(config.seed)
        shape = replace(config.model, vocab_size=self.corpus.vocab_size)
        sizes = (shape.context_length, config.batch_size, self.seeds.number("batches"))
        self.batches = find_batches("training", self.corpus.train, *sizes)
        find_batches("validation", self.corpus.validation, *sizes)
        model = Transformer(shape, seed=self.seeds.number("weights"))
        self.engine = Engine(model, config, processes=self.processes)
        self.model = self.engine.model
        self.optimizer = find_optimizer(self.model, config)
        self.peak = find_peak(self.engine.device, self.engine.dtype)
        self.step, self.seconds, self.stopping = 0, 0.0, False
        self.norm: float | None = None
        self.keeper: Keeper | None = None
        if self.folder is not None:
            writes = self.processes.first
            self.keeper = Keeper(self.folder.checkpoints, self.config, writes=writes)

    def _announce(self) -> None:
        if self._keeps:
            self.folder.keep(self.config)
            about = {"settings": as_json(self.config), "peak": vars(self.peak)}
            about |= {"provenance": provenance(device=self.engine.device)}
            self.folder.metrics.write("run", step=self.step, **about)

    def __iter__(self) -> Iterator[Record]:
        """Update by update, from where the run stands to its last step."""
        self._lock(True)
        try:
            yield from self._steps()
        finally:
            self._lock(False)

    def _steps(self) -> Iterator[Record]:
        c, ending = self.config, False
        if self.step == 0 and self.saved is None:
            yield self._evaluation()
            self._save(0 in c.keep_steps)
        while not (self.finished or ending):
            yield self._update()
            if self.finished or self.step % c.evaluate_every == 0:
                yield self._evaluation()
            # A name of its own: a signal may come while the processes agree.
            ending = self.processes.any(self.stopping, self.engine.device)
            due = self.step % c.save_every == 0 or self.step in c.keep_steps
            self._save(self.finished or due or ending)
        self.stopping = False

    @property
    def saved(self) -> Path | None:
        """The newest checkpoint."""
        return None if self.keeper is None else self.keeper.saved

    @property
    def finished(self) -> bool:
        """Whether all steps are made."""
        return self.step >= self.config.steps

    def stop(self) -> None:
        """End behind the step under way, with a checkpoint; in any of the processes."""
        self.stopping = True

    def _update(self) -> Step:
        began = time.perf_counter()
        c, T, B = self.config, self.batches.T, self.batches.B
        factor = SCHEDULES[c.schedule](self.step, **c.falling)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        try:
            loss = self.engine.gradient(self.batches[self.step])
            self._sound("the loss", loss)
            norm = self.engine.update(self.optimizer)
        except NoNumber as error:
            raise self._diverged(
                f"step {self.step + 1} cannot be made", error
            ) from error
        self.step, self.norm = self.step + 1, norm
        self.batches.step = self.step
        took = time.perf_counter() - began
        self.seconds += took
        speed, world = B * T / took, self.processes.world
        record = Step(
            step=self.step,
            loss=loss,
            lr=self.optimizer.param_groups[0]["lr"],
            gradient_norm=norm,
            tokens=self.step * B * T,
            tokens_per_second=speed,
            mfu=self.peak.utilisation(self.model.config, T, speed / world),
            seconds=self.seconds,
            skipped=norm is None,
        )
        return self._report(record)

    def _sound(self, what: str, loss: float) -> None:
        """These weights gave a loss; one that is not finite raises a NoNumber."""
        if not math.isfinite(loss):
            raise NoNumber(f"{what} is {loss}")
        if self.keeper is not None:
            self.keeper.sound(self.step)

    def _diverged(self, what: str, error: NoNumber) -> Diverged:
        told = {"scale": self.engine.scaler.get_scale(), "before": self.norm}
        if self.keeper is not None:
            self.keeper.set_aside(self.step)
            told["kept"] = self.keeper.told()
        return diverged(what, error, optimizer=self.optimizer, **told)

    def _evaluation(self) -> Evaluation:
        began = time.perf_counter()
        corpus, T = self.corpus, self.model.config.context_length
        how = {"device": self.engine.device, "processes": self.processes}
        try:
            with self.engine.kernels():
                loss = evaluate(self.engine.forward, corpus.validation, T, **how)
            self._sound("the validation loss", loss)
            text = self._sample()
        except NoNumber as error:
            what = f"the model of step {self.step} cannot be judged"
            raise self._diverged(what, error) from error
        self.seconds += time.perf_counter() - began
        about = {"step": self.step, "loss": loss, **bits_of(loss, corpus)}
        return self._report(Evaluation(**about, sample=text, seconds=self.seconds))

    def _sample(self) -> str | None:
        """What the model writes now behind the first token of the validation text."""
        c, tokenizer = self.config, self.corpus.tokenizer
        if tokenizer is None or not (c.sample_tokens and self.processes.first):
            return None
        generator = self.seeds.torch(f"sample {self.step}", str(self.engine.device))
        prompt = self.corpus.validation[:1].tolist()
        how = {"temperature": c.temperature, "generator": generator}
        return tokenizer.decode(sample(self.model, prompt, c.sample_tokens, **how))

    @property
    def _keeps(self) -> bool:
        return self.folder is not None and self.processes.first

    def _report(self, record: Record) -> Record:
        if self._keeps:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            self.folder.metrics.record(record, now)
        return record

    def _lock(self, hold: bool) -> None:
        if self._keeps:
            (self.folder.lock.take if hold else self.folder.lock.release)()

    def _save(self, when: bool) -> None:
        if not when or self.keeper is None:
            return
        state = self.corpus.marks | {
            "batches": self.batches.state(),
            "scaler": self.engine.scaler.state_dict(),
            "seconds": self.seconds,
        }
        how = {"model": self.model, "optimizer": self.optimizer, "state": state}
        try:
            self.keeper.save(self.step, **how)
        except NoNumber as error:
            raise self._diverged(f"step {self.step} cannot be saved", error) from error

    def _go_on(self) -> None:
        """Take up the newest whole checkpoint; without any, begin at the beginning."""
        if not self.processes.first:
            self.processes.wait()  # until the first has set aside what is damaged
        how = {"model": self.model, "optimizer": self.optimizer}
        found = self.keeper.take_up(**how, marks=self.corpus.marks)
        if self.processes.first:
            self.processes.wait()
        if found is not None:
            self.batches.restore(found.state["batches"])
            self.engine.scaler.load_state_dict(found.state["scaler"])
            self.step, self.seconds = found.step, found.state["seconds"]
        if self._keeps:  # at last: a run that is refused loses no line
            self.folder.metrics.cut(None if found is None else found.step)
