"""one process at a time in the folder of a run

Two that go on with the same run would write their lines and checkpoints into one
another. The system releases the lock when its holder ends, however it ends. Windows has
no such lock: there two processes are not told apart.
"""

import os
import socket
import warnings
from pathlib import Path
from typing import TextIO

from llmath.border import of_kind

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None


class Lock:
    """A lock on the file `path`, which says who holds it.

    What is no path raises a ValueError.
    """

    def __init__(self, path: Path) -> None:
        self._file: TextIO | None = None
        of_kind(Path, path=path)
        self.path = path

    def take(self) -> None:
        """Hold it from now on; held already by this process, it stays as it is.

        Held by another process, it raises a ValueError that names that process.
        """
        if fcntl is None or self._file is not None:
            return
        file = open(self.path, "a+", encoding="utf-8")  # noqa: SIM115 - held on
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = self.path.read_text("utf-8")
            file.close()
            if holder != _myself():
                raise ValueError(
                    f"{self.path.parent} is in use: {holder or 'another process'} "
                    f"trains there. Wait for its end, or choose another folder"
                ) from error
            return
        except OSError as error:  # a disk of another machine that knows no locks
            file.close()
            told = f"{self.path} cannot be locked ({error.strerror}): start one process"
            warnings.warn(told, stacklevel=2)
            return
        file.truncate(0)
        file.write(_myself())
        file.flush()
        self._file = file

    def release(self) -> None:
        """Let others have it."""
        if self._file is not None:
            self._file.truncate(0)  # or a later one of this number would be mistaken
            self._file.close()
            self._file = None

    def __del__(self) -> None:
        self.release()


def _myself() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"
