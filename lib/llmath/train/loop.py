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

from llmath.border import of_kind
from llmath.checkpoint import prune, resume, save_checkpoint
from llmath.data import fingerprint
from llmath.gradient import global_norm
from llmath.model import Transformer
from llmath.optim import make_optimizer
from llmath.runtime import provenance, seeded
from llmath.schedule import SCHEDULES
from llmath.train.corpora import Corpus
from llmath.train.distributed import ALONE, Processes
from llmath.train.engine import Engine, choose
from llmath.train.evaluate import bits_per, evaluate, sample
from llmath.train.metrics import Evaluation, Record, Step
from llmath.train.peak import find_peak
from llmath.train.presets import as_json
from llmath.train.settings import TrainConfig
from llmath.train.start import find_batches, find_corpus, find_folder


class Diverged(ValueError):
    """The loss or its gradient is no number any more; says when, and what is saved."""


class Run:
    """One training run, which hands out what it does as it does it.

    Without a corpus it reads the one of its settings; without a folder it keeps
    nothing. `stop()` ends it behind the step under way, saved.

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
    ) -> None:
        of_kind(TrainConfig, config=config)
        self.config, self.processes = config, processes
        choose(config)  # before a folder is made and a long text is encoded
        self.folder = find_folder(folder, config, resume=resume, processes=processes)
        self.corpus = find_corpus(
            corpus, config, self.folder, resume=resume, processes=processes
        )
        self.seeds = seeded(config.seed)
        shape = replace(config.model, vocab_size=self.corpus.vocab_size)
        sizes = (shape.context_length, config.batch_size, self.seeds.number("batches"))
        self.batches = find_batches("training", self.corpus.train, *sizes)
        find_batches("validation", self.corpus.validation, *sizes)
        model = Transformer(shape, seed=self.seeds.number("weights"))
        self.engine = Engine(model, config, processes=processes)
        self.model = self.engine.model
        self.optimizer = make_optimizer(
            self.model, config.optimizer, **config.updating, impl=config.rule
        )
        self.step, self.seconds, self.stopping = 0, 0.0, False
        self.saved: Path | None = None
        self.norm: float | None = None
        if resume:
            self._go_on()
        self.peak = find_peak(self.engine.device, self.engine.dtype)
        if self._keeps:
            self.folder.keep(config)
            about = {"settings": as_json(config), "peak": vars(self.peak)}
            about |= {"provenance": provenance(device=self.engine.device)}
            self.folder.metrics.write("run", step=self.step, **about)

    def __iter__(self) -> Iterator[Record]:
        """Update by update, from where the run stands to its last step."""
        c = self.config
        if self.step == 0:
            yield self._evaluation()
            self._save(0 in c.keep_steps)
        ending = False
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
            loss = self.engine.gradient(next(self.batches))
            if not math.isfinite(loss):
                raise ValueError(f"the loss is {loss}")
            norm = self.engine.update(self.optimizer)
        except ValueError as error:
            raise self._diverged(c.lr * factor, error) from error
        self.step, self.norm = self.step + 1, norm
        took = time.perf_counter() - began
        self.seconds += took
        speed = B * T / took
        each = speed / self.processes.world
        record = Step(
            step=self.step,
            loss=loss,
            lr=c.lr * factor,
            gradient_norm=norm,
            tokens=self.step * B * T,
            tokens_per_second=speed,
            mfu=self.peak.utilisation(self.model.config, T, each),
            seconds=self.seconds,
            skipped=norm is None,
        )
        return self._report(record)

    def _diverged(self, lr: float, error: ValueError) -> Diverged:
        """What went wrong in this step, and what is left of the run."""
        found = [p.grad for p in self.model.parameters() if p.grad is not None]
        norm = (
            f"gradient norm {global_norm(found).item():.4g}"
            if found
            else (f"gradient norm of the step before {self.norm}")
        )
        saved = f"the last good checkpoint is {self.saved}"
        return Diverged(
            f"step {self.step + 1} cannot be made: {error} (learning rate {lr:.4g}, "
            f"{norm}). Choose a smaller --lr or a longer --warmup; "
            f"{saved if self.saved else 'no checkpoint was saved before'}"
        )

    def _evaluation(self) -> Evaluation:
        began = time.perf_counter()
        corpus, T = self.corpus, self.model.config.context_length
        how = {"device": self.engine.device, "processes": self.processes}
        with self.engine.kernels():
            loss = evaluate(self.engine.forward, corpus.validation, T, **how)
        counted = corpus.predicted or (None, None)
        n = len(corpus.validation) - 1
        bits = [
            None if units is None else bits_per(loss, n, units) for units in counted
        ]
        text = self._sample()
        self.seconds += time.perf_counter() - began
        record = Evaluation(
            step=self.step,
            loss=loss,
            bits_per_byte=bits[0],
            bits_per_character=bits[1],
            sample=text,
            seconds=self.seconds,
        )
        return self._report(record)

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

    def _save(self, when: bool) -> None:
        if not when or not self._keeps:
            return
        state = self._marks() | {
            "batches": self.batches.state(),
            "scaler": self.engine.scaler.state_dict(),
            "seconds": self.seconds,
        }
        folder, how = self.folder.checkpoints, {"optimizer": self.optimizer}
        self.saved = save_checkpoint(
            folder, self.step, model=self.model, state=state, **how
        )
        prune(folder, self.config.keep, also=self.config.keep_steps)

    def _marks(self) -> dict[str, object]:
        """What a checkpoint must have in common with the run that it is of."""
        tokenizer = self.corpus.tokenizer
        mark = None if tokenizer is None else fingerprint(tokenizer)
        return {"vocab_size": self.corpus.vocab_size, "tokenizer": mark}

    def _go_on(self) -> None:
        """Take up the newest whole checkpoint; without any, begin at the beginning."""
        found = resume(
            self.folder.checkpoints, model=self.model, optimizer=self.optimizer
        )
        if self._keeps:
            self.folder.metrics.cut(None if found is None else found.step)
        if found is None:
            return
        for name, now in self._marks().items():
            if found.state.get(name) != now:
                raise ValueError(
                    f"{found.path} cannot go on: its {name} was "
                    f"{found.state.get(name)!r} and is now {now!r}"
                )
        self.step, self.saved = found.step, found.path
        self.seconds = found.state["seconds"]
        self.batches.restore(found.state["batches"])
        self.engine.scaler.load_state_dict(found.state["scaler"])
