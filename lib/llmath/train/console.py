"""what a run looks like in a terminal: a bar that moves, a line for each evaluation"""

import signal
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from tqdm import tqdm

from llmath.scaling import parameters
from llmath.train.loop import Run
from llmath.train.metrics import Evaluation, Record


def printable(text: str) -> str:
    """The text with what steers a terminal spelt out: \\x1b; lines and tabs stay."""
    return "".join(
        x.encode("unicode_escape").decode()
        if unicodedata.category(x) == "Cc" and x not in "\n\t"
        else x
        for x in text
    )


class Console:
    """Prints the records of a run; `quiet` prints nothing."""

    def __init__(self, run: Run, *, quiet: bool) -> None:
        self.quiet = quiet
        self.bar = tqdm(
            total=run.config.steps,
            initial=run.step,
            unit="step",
            disable=True if quiet else None,  # None: no bar where nobody watches
            dynamic_ncols=True,
        )
        n, peak = parameters(run.model.config).total, run.peak
        self.line(
            f"{n:,} parameters on {run.engine.device} in {run.config.dtype}; "
            f"{len(run.corpus.train):,} tokens to learn from, "
            f"{len(run.corpus.validation):,} to be judged by; 100 % MFU is "
            f"{peak.flops:.3g} FLOP/s ({peak.source})"
        )
        c = run.config
        if c.kernels == "fused" and not run.engine.fuses:
            self.line(
                f"--compile {c.compile} leaves out the fused kernels of norms and "
                f"activations, and makes its own"
            )

    def line(self, text: str) -> None:
        """A line above the bar."""
        if not self.quiet:
            tqdm.write(text)

    def show(self, record: Record) -> None:
        """A step moves the bar; an evaluation is a line, and the sample below it."""
        if isinstance(record, Evaluation):
            bits = record.bits_per_byte
            told = "" if bits is None else f", {bits:.4f} bits per byte"
            self.line(f"step {record.step}: validation loss {record.loss:.4f}{told}")
            if record.sample is not None:
                self.line("    " + printable(record.sample).replace("\n", "\n    "))
            return
        norm = "skipped" if record.skipped else f"{record.gradient_norm:.2f}"
        speed = f"{record.tokens_per_second:,.0f} tokens/s"
        told = f"loss {record.loss:.4f}, gradient {norm}, {speed}, MFU {record.mfu:.1%}"
        self.bar.set_postfix_str(told, refresh=False)
        self.bar.update(record.step - self.bar.n)

    def close(self) -> None:
        """The bar stays as it is."""
        self.bar.close()


@contextmanager
def ending_by_signal(stop: Callable[[], None], *, patient: bool) -> Iterator[None]:
    """Within: Ctrl-C and SIGTERM call `stop`; a second one ends the program at once.

    Of several processes each is asked by the terminal and by torchrun: `patient` ones
    take the second for the first, and torchrun ends them if they take too long.
    """
    wanted = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in wanted}

    def asked(number: int, frame: FrameType | None) -> None:
        stop()
        for other in () if patient else wanted:
            signal.signal(other, signal.SIG_DFL)

    for number in wanted:
        signal.signal(number, asked)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
