"""`python -m llmath.train`, and `torchrun -m llmath.train` for several processes"""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from llmath.pretrained import gguf_models, save_gguf
from llmath.scaling.memory import BLOCKS
from llmath.train.console import Console, ending_by_signal
from llmath.train.distributed import launched
from llmath.train.diverged import Diverged
from llmath.train.folder import command, read_settings
from llmath.train.loop import Run
from llmath.train.options import configured, parser
from llmath.train.presets import PRESETS
from llmath.train.settings import TrainConfig


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 at the end, or when it was asked to stop; 1 for a
    loss that is no number any more, 2 for bad input and for what the machine lacks,
    130 when it was stopped before it began."""
    said = vars(parser().parse_args(arguments))
    try:
        with _warnings_in_a_line():
            return _run(said)
    except KeyboardInterrupt:
        sys.stderr.write(
            "llmath.train: stopped before the first step, nothing to save\n"
        )
        return 130
    except (ValueError, OSError, ModuleNotFoundError) as error:
        sys.stderr.write(f"llmath.train: {_reason(error)}\n")
        return 1 if isinstance(error, Diverged) else 2


def _reason(error: Exception) -> str:
    """What went wrong; of the system's errors without their number."""
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f" ({error.filename})"
        return f"{error.strerror}{where}"
    return str(error)


@contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """Within: a warning is told like an error, without the line of the library."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        sys.stderr.write(f"llmath.train: warning: {message}\n")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _run(said: dict[str, Any]) -> int:
    if said["out"] is None:
        raise ValueError("say where the run is kept: --out runs/first")
    config = configured(_base(said), said)
    if said["export"] is not None:
        _check_export(config, Path(said["export"]))
    with launched(config.device) as (processes, device):
        how = {"folder": said["out"], "resume": said["resume"], "processes": processes}
        run = Run(config, **how, device=device)
        with ending_by_signal(run.stop, patient=processes.world > 1):
            quiet = said["quiet"] or not processes.first
            with closing(Console(run, quiet=quiet)) as console:
                for record in run:
                    console.show(record)
            console.line(_farewell(run, said["out"]))
            if said["export"] is not None and run.finished and processes.first:
                save_gguf(run.model, run.corpus.tokenizer, said["export"])
                console.line(f"Exported to {said['export']}")
    return 0


def _base(said: dict[str, Any]) -> TrainConfig:
    """The settings that flags change: of the preset, or of the run that goes on."""
    if not said["resume"]:
        return PRESETS[said["preset"] or "baseline"]
    if said["preset"] is not None:
        raise ValueError(
            "--resume goes on with the settings of the run in --out: leave --preset out"
        )
    return read_settings(Path(said["out"]))


def _check_export(config: TrainConfig, path: Path) -> None:
    """Before hours are spent: GGUF can say what this model is, and there is room."""
    gguf_models.metadata(config.model)
    for name in ("d_model", "d_ff"):
        if getattr(config.model, name) % BLOCKS["Q8_0"][0]:
            raise ValueError(
                f"--export writes Q8_0, in blocks of {BLOCKS['Q8_0'][0]} numbers; "
                f"{name}={getattr(config.model, name)} does not fill them"
            )
    if not path.parent.is_dir():
        raise ValueError(f"--export {path}: there is no folder {path.parent}")
    if path.is_dir():
        raise ValueError(f"--export {path} is a folder: name a file, {path}/model.gguf")


def _farewell(run: Run, out: str) -> str:
    saved = f"saved in {run.saved}"
    if run.finished:
        return f"All {run.step} steps are made, {saved}"
    again = command(Path(out), world=run.processes.world)
    return f"Stopped after step {run.step}, {saved}. Go on with:\n    {again}"


if __name__ == "__main__":
    raise SystemExit(main())
