"""`python -m llmath.train`, and `torchrun -m llmath.train` for several processes"""

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmath.pretrained import gguf_models, save_gguf
from llmath.scaling.memory import BLOCKS
from llmath.train.console import Console, ending_by_signal
from llmath.train.distributed import launched
from llmath.train.folder import command, read_settings
from llmath.train.loop import Diverged, Run
from llmath.train.options import configured, parser
from llmath.train.presets import PRESETS
from llmath.train.settings import TrainConfig


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 at the end, or when it was asked to stop; 1 for a
    loss that is no number any more, 2 for bad input."""
    said = vars(parser().parse_args(arguments))
    try:
        return _run(said)
    except ValueError as error:
        sys.stderr.write(f"llmath.train: {error}\n")
        return 1 if isinstance(error, Diverged) else 2


def _run(said: dict[str, Any]) -> int:
    if said["out"] is None:
        raise ValueError("say where the run is kept: --out runs/first")
    config = configured(_base(said), said)
    if said["export"] is not None:
        _check_export(config, Path(said["export"]))
    with launched(config.device) as (processes, device):
        config = replace(config, device=device)
        how = {"folder": said["out"], "resume": said["resume"], "processes": processes}
        run = Run(config, **how)
        console = Console(run, quiet=said["quiet"] or not processes.first)
        patient = processes.world > 1
        with closing(console), ending_by_signal(run.stop, patient=patient):
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


def _farewell(run: Run, out: str) -> str:
    saved = f"saved in {run.saved}"
    if run.finished:
        return f"All {run.step} steps are made, {saved}"
    again = command(Path(out), world=run.processes.world)
    return f"Stopped after step {run.step}, {saved}. Go on with:\n    {again}"


if __name__ == "__main__":
    raise SystemExit(main())
