"""name → folder: what a model needs, from the Hugging Face hub

>>> folder = download("HuggingFaceTB/SmolLM2-360M", revision="f8ab9e8…")

The hub says for every file of a revision how long it is and what its fingerprint is:
SHA-256 for large files, Git's SHA-1 for small ones. A file that is another is not kept,
and every file is checked again whenever it is loaded. Fetched are config.json, weights
as safetensors, and the tokenizer; never anything pickled.

Names such as "main" move, so they are asked for every time. The 40 letters of a commit
do not: with them, what was fetched once is found without a network.
"""

import hashlib
import http.client
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, NamedTuple

from llmath.runtime import replacing

_HUB = "https://huggingface.co"
_NAME = re.compile(r"(?!\.)[\w.-]{1,96}/(?!\.)[\w.-]{1,96}")
_REVISION = re.compile(r"(?!\.)[\w.-]{1,96}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?")
_LISTING = "files.json"
_LISTING_LIMIT = 2**24
_SECONDS = 30.0
_CHUNK = 2**20


class Listed(NamedTuple):
    """A file as the hub announces it: one of the fingerprints is always there."""

    name: str
    size: int
    sha256: str | None
    blob: str | None


def download(
    repository: str,
    *,
    revision: str = "main",
    sha256: Mapping[str, str] = MappingProxyType({}),
    cache: str | PathLike | None = None,
) -> Path:
    """The folder that holds the files of a model of the hub, each of them checked.

    `sha256` pins files: {"model.safetensors": "…"}. `cache` is where folders are kept,
    ~/.cache/llmath otherwise; HF_ENDPOINT names another hub. A ValueError says what the
    hub has not or what is not as it was announced, a ConnectionError that no hub
    answers.
    """
    named = isinstance(repository, str) and _NAME.fullmatch(repository)
    if not named or not isinstance(revision, str) or not _REVISION.fullmatch(revision):
        raise ValueError(
            f"{repository!r} at {revision!r} is no model of the hub: a name is "
            f"owner/model, a revision a branch, a tag or a commit"
        )
    home = Path(cache or Path.home() / ".cache" / "llmath") / repository
    commit, listed = _listing(repository, revision, home)
    folder = home / commit
    wanted = _wanted(listed, f"{repository} at {commit}")
    if unknown := sha256.keys() - {file.name for file in wanted}:
        raise ValueError(
            f"sha256 names {sorted(unknown)}, which the model does not need"
        )
    for file in wanted:
        pinned = file._replace(sha256=sha256.get(file.name, file.sha256))
        if file.sha256 and pinned.sha256 != file.sha256:
            raise ValueError(
                f"{file.name} of {repository} has the SHA-256 {file.sha256} on the "
                f"hub, not the one that was asked for, {pinned.sha256}"
            )
        _ensure(
            folder / file.name, pinned, f"{repository}/resolve/{commit}/{file.name}"
        )
    return folder


def _listing(
    repository: str, revision: str, home: Path
) -> tuple[str, dict[str, Listed]]:
    """The commit behind a revision, and its files; a known commit's are kept."""
    kept = home / revision / _LISTING
    if _COMMIT.fullmatch(revision) and kept.is_file():
        return _parsed(kept.read_bytes(), repository)
    data = b"".join(
        _fetched(
            f"api/models/{repository}/revision/{revision}?blobs=true", _LISTING_LIMIT
        )
    )
    commit, listed = _parsed(data, repository)
    if _COMMIT.fullmatch(revision) and commit != revision:
        raise ValueError(f"the hub answers with {commit} when asked for {revision}")
    (home / commit).mkdir(parents=True, exist_ok=True)
    with replacing(home / commit / _LISTING) as file:
        file.write(data)
    return commit, listed


def _parsed(data: bytes, repository: str) -> tuple[str, dict[str, Listed]]:
    try:
        found = json.loads(data)
        listed = [_entry(entry) for entry in found["siblings"]]
        commit = found["sha"]
        if not _COMMIT.fullmatch(commit):
            raise ValueError(f"sha={commit!r:.80}")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"what the hub says about {repository} is not understood: {error!r:.200}"
        ) from error
    return commit, {file.name: file for file in listed}


def _entry(entry: dict[str, Any]) -> Listed:
    large = entry.get("lfs") or {}
    file = Listed(
        entry["rfilename"], entry["size"], large.get("sha256"), entry.get("blobId")
    )
    sums = (file.sha256, file.blob)
    if type(file.size) is not int or file.size < 0 or not any(sums):
        raise ValueError(f"{file.name!r:.80} has no size or no fingerprint")
    return file


def _wanted(listed: Mapping[str, Listed], where: str) -> list[Listed]:
    """The description first, then the weights and the tokenizer."""
    weights = sorted(filter(_WEIGHTS.fullmatch, listed))
    if "model.safetensors" in weights:
        weights = ["model.safetensors"]
    if not weights or "config.json" not in listed:
        pickled = sorted(name for name in listed if name.endswith((".bin", ".pt")))
        note = f" {pickled[0]} is pickled and never opened." if pickled else ""
        raise ValueError(f"{where} lacks config.json or model.safetensors.{note}")
    tables = [["tokenizer.json"], ["vocab.json", "merges.txt"]]
    for names in tables:
        if all(name in listed for name in names):
            return [listed[name] for name in ["config.json", *weights, *names]]
    raise ValueError(f"{where} has no tokenizer: no tokenizer.json, no vocab.json")


def _ensure(path: Path, file: Listed, place: str) -> None:
    """Check the file that is there, or fetch it; one that is another is not kept."""
    if path.is_file():
        with open(path, "rb") as old:
            chunks = iter(lambda: old.read(_CHUNK), b"")
            _check(chunks, file, f"{path} (delete it to fetch it again)")
        return
    with replacing(path) as new:
        _check(_kept(_fetched(place, file.size), new), file, place)


def _kept(chunks: Iterable[bytes], file: BinaryIO) -> Iterator[bytes]:
    for chunk in chunks:
        file.write(chunk)
        yield chunk


def _check(chunks: Iterable[bytes], file: Listed, where: str) -> None:
    size, sha256 = 0, hashlib.sha256()
    blob = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
    for chunk in chunks:
        size += len(chunk)
        sha256.update(chunk)
        blob.update(chunk)
    if size != file.size:
        raise ValueError(f"{where} is {size} bytes long; the hub says {file.size}")
    if file.sha256 and sha256.hexdigest() != file.sha256:
        raise ValueError(
            f"{where} is not the file that was asked for: its SHA-256 is "
            f"{sha256.hexdigest()}, not {file.sha256}"
        )
    if not file.sha256 and blob.hexdigest() != file.blob:
        raise ValueError(
            f"{where} is not the file that was asked for: its Git SHA-1 is "
            f"{blob.hexdigest()}, not {file.blob}"
        )


def _fetched(place: str, limit: int) -> Iterator[bytes]:
    """The bytes at a place on the hub; more than were announced are not read."""
    hub = os.environ.get("HF_ENDPOINT", _HUB).rstrip("/")
    if urllib.parse.urlsplit(hub).scheme not in ("http", "https"):
        raise ValueError(f"HF_ENDPOINT={hub!r} is no address of a hub")
    url, left = f"{hub}/{place}", limit + 1
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
            while left and (chunk := answer.read(min(_CHUNK, left))):
                left -= len(chunk)
                yield chunk
    except urllib.error.HTTPError as error:
        if error.code in (401, 403, 404):
            raise ValueError(
                f"{hub} has no {place} that everyone may read (it answers "
                f"{error.code}): check the name and the revision"
            ) from error
        raise ConnectionError(f"{url}: the hub answers {error.code}") from error
    except (
        OSError,
        http.client.HTTPException,
    ) as error:  # no network, a timeout
        raise ConnectionError(
            f"{hub} cannot be reached: {error}. What was fetched before is found "
            f"without a network by the commit's 40 letters: revision=…"
        ) from error
    if not left:
        raise ValueError(f"{url} is longer than the {limit} bytes that were announced")
