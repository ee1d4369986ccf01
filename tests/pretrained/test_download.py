"""download, load("owner/model"): from a hub of our own, on this machine"""

import hashlib
import http.server
import json
import re
import threading
from pathlib import Path

import pytest
import torch

from llmath.config import preset
from llmath.model import Transformer
from llmath.pretrained import download, load, save_checkpoint
from llmath.tokenizer import byte_alphabet

COMMIT, OTHER = "a1" * 20, "b2" * 20
CONFIG = preset("tiny", vocab_size=258, d_model=32, d_ff=64, context_length=16)
ALPHABET = sorted(byte_alphabet(), key=byte_alphabet().get)
NAME = "some-one/a.model"


class Hub:
    """What the hub would answer, by address, and what it was asked."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.asked, self.codes = files, [], {}
        self.listing = {
            "sha": COMMIT,
            "siblings": [self.entry(name, data) for name, data in files.items()],
        }

    def entry(self, name: str, data: bytes) -> dict:
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        entry = {"rfilename": name, "size": len(data), "blobId": blob}
        if name.endswith(".safetensors"):
            sha256 = hashlib.sha256(data).hexdigest()
            entry["lfs"] = {"sha256": sha256, "size": len(data), "pointerSize": 134}
            entry["blobId"] = "0" * 40  # of the pointer, not of the file
        return entry

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if path in self.codes:
            return self.codes[path], b""
        asked = re.fullmatch(rf"/api/models/{NAME}/revision/(.+)\?blobs=true", path)
        if asked and asked[1] in ("main", COMMIT):
            return 200, json.dumps(self.listing).encode()
        name = path.removeprefix(f"/{NAME}/resolve/{COMMIT}/")
        return (200, self.files[name]) if name in self.files else (404, b"")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    """A whole checkpoint, in the two layouts of a tokenizer."""
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(Transformer(CONFIG), folder)
    vocabulary = {token: i for i, token in enumerate([*ALPHABET, "ab"])}
    vocabulary["<|endoftext|>"] = 257
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\na b\n", "utf-8")
    (folder / "pytorch_model.bin").write_bytes(b"pickled")
    (folder / "README.md").write_bytes(b"words")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def hub(files, monkeypatch, tmp_path):
    hub = Hub(dict(files))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            code, data = hub.answer(self.path)
            if code == 200 and "/resolve/" in self.path:  # on to where the bytes lie
                self.send_response(302)
                self.send_header("Location", f"/elsewhere{self.path}")
                self.end_headers()
                return
            if self.path.startswith("/elsewhere"):
                code, data = hub.answer(self.path.removeprefix("/elsewhere"))
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    yield hub
    server.shutdown()
    server.server_close()


@pytest.fixture
def offline(monkeypatch):
    def switch_off() -> None:
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    return switch_off


def refused(words, *args, **kwargs) -> None:
    with pytest.raises(ValueError, match=words):
        download(*args, **kwargs)


def test_load_from_the_hub(hub, tmp_path):
    model, tokenizer = load(NAME)
    assert model.config == CONFIG
    ids = torch.arange(9)[None]
    assert torch.equal(model(ids), Transformer(CONFIG)(ids))
    assert tokenizer.tokens(tokenizer.encode("abb<|endoftext|>")) == [
        *("ab", "b", "<|endoftext|>")
    ]
    folder = tmp_path / "home" / ".cache" / "llmath" / NAME / COMMIT
    needed = {"config.json", "model.safetensors", "vocab.json", "merges.txt"}
    assert {p.name for p in folder.iterdir()} == {*needed, "files.json"}
    assert not any("bin" in path or "README" in path for path in hub.asked)


def test_a_second_time_only_the_revision_is_asked_for(hub, tmp_path):
    folder = download(NAME, cache=tmp_path)
    assert folder == tmp_path / NAME / COMMIT
    hub.asked.clear()
    assert download(NAME, cache=tmp_path) == folder
    assert hub.asked == [f"/api/models/{NAME}/revision/main?blobs=true"]


def test_a_known_commit_needs_no_network(hub, offline, tmp_path):
    download(NAME, cache=tmp_path)
    offline()
    assert download(NAME, revision=COMMIT, cache=tmp_path).name == COMMIT
    with pytest.raises(ConnectionError, match=r"cannot be reached: .* 40 letters"):
        download(NAME, cache=tmp_path)
    with pytest.raises(ConnectionError, match="cannot be reached"):
        download(NAME, revision=OTHER, cache=tmp_path)


def test_tokenizer_json_comes_before_the_two_files(hub, tmp_path):
    data = b"{}"
    hub.files["tokenizer.json"] = data
    hub.listing["siblings"].append(hub.entry("tokenizer.json", data))
    names = {p.name for p in download(NAME, cache=tmp_path).iterdir()}
    assert "tokenizer.json" in names
    assert "vocab.json" not in names


def test_shards_come_with_their_index(hub, tmp_path):
    shards = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    for name in [*shards, "model.safetensors.index.json"]:
        hub.files[name] = name.encode()
        hub.listing["siblings"].append(hub.entry(name, name.encode()))
    hub.listing["siblings"] = [
        e for e in hub.listing["siblings"] if e["rfilename"] != "model.safetensors"
    ]
    names = {p.name for p in download(NAME, cache=tmp_path).iterdir()}
    assert names >= {*shards, "model.safetensors.index.json"}


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "merges.txt"])
def test_one_altered_bit_on_the_way_is_noticed_and_not_kept(hub, name, tmp_path):
    good = hub.files[name]
    hub.files[name] = good[:-9] + bytes([good[-9] ^ 1]) + good[-8:]
    refused(f"{name} is not the file .* (SHA-256|SHA-1) is", NAME, cache=tmp_path)
    folder = tmp_path / NAME / COMMIT
    assert not any(p.name.startswith(name) for p in folder.iterdir())


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_one_altered_bit_on_the_disk_is_noticed(hub, name, tmp_path):
    path = download(NAME, cache=tmp_path) / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    refused(r"\(delete it to fetch it again\) is not the file", NAME, cache=tmp_path)
    path.unlink()
    download(NAME, cache=tmp_path)


@pytest.mark.parametrize(
    "change", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b""]
)
def test_files_of_another_length(hub, change, tmp_path):
    hub.files["model.safetensors"] = change(hub.files["model.safetensors"])
    words = "bytes long; the hub says|is longer than the"
    refused(words, NAME, cache=tmp_path)
    assert not list((tmp_path / NAME / COMMIT).glob("model*"))


def test_sums_of_ones_own(hub, files, tmp_path):
    sums = {n: hashlib.sha256(files[n]).hexdigest() for n in files if "." in n}
    right = {n: sums[n] for n in ("model.safetensors", "config.json")}
    download(NAME, sha256=right, cache=tmp_path)
    load(NAME, sha256=right)
    for name in right:
        wrong = right | {name: "0" * 64}
        refused("not the (file|one) that was asked for", NAME, sha256=wrong)
        refused("not the (f|o)", NAME, sha256=wrong, cache=tmp_path)
    refused(r"names \['README.md'\]", NAME, sha256={"README.md": sums["README.md"]})


def test_only_pickled_weights(hub, tmp_path):
    entries = hub.listing["siblings"]
    hub.listing["siblings"] = [
        e for e in entries if e["rfilename"] != "model.safetensors"
    ]
    refused("pytorch_model.bin is pickled and never opened", NAME, cache=tmp_path)
    hub.listing["siblings"] = [e for e in entries if e["rfilename"] != "vocab.json"]
    refused("has no tokenizer", NAME, cache=tmp_path)


@pytest.mark.parametrize("code", [401, 403, 404])
def test_unknown_models(hub, code, tmp_path):
    refused("no api/models/no/model/revision/main.*answers 404", "no/model")
    refused("no api/.*/revision/v2.*answers 404", NAME, revision="v2")
    hub.codes[f"/{NAME}/resolve/{COMMIT}/config.json"] = code
    refused(f"answers {code}", NAME, cache=tmp_path)


def test_a_hub_out_of_order(hub, tmp_path):
    hub.codes[f"/api/models/{NAME}/revision/main?blobs=true"] = 500
    with pytest.raises(ConnectionError, match="the hub answers 500"):
        download(NAME, cache=tmp_path)


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    "listing",
    [
        {},
        [],
        None,
        {"sha": "../../..", "siblings": []},
        {"sha": 3, "siblings": []},
        {"sha": COMMIT, "siblings": None},
        {"sha": COMMIT, "siblings": [3]},
        {"sha": COMMIT, "siblings": [{"rfilename": "config.json", "size": 3}]},
        {"sha": COMMIT, "siblings": [{"rfilename": "a", "size": -1, "blobId": "b"}]},
    ],
    ids=repr,
)
def test_listings_that_are_none(hub, listing, tmp_path):
    hub.listing = listing
    refused("is not understood", NAME, cache=tmp_path)
    assert not list(tmp_path.rglob("files.json"))


def test_another_commit_than_was_asked_for(hub, tmp_path):
    hub.listing["sha"] = OTHER
    refused(f"answers with {OTHER} when asked", NAME, revision=COMMIT, cache=tmp_path)


@pytest.mark.parametrize(
    "name", ["gpt2", "../etc", "a/..", "a/b/c", "a/b?c", "/b", "a/", "a/b\n", ""]
)
def test_names_that_are_none(name, tmp_path):
    refused("is no model of the hub", name, cache=tmp_path)
    refused("is no model of the hub", NAME, revision=f"{name}/", cache=tmp_path)


def test_a_hub_is_reached_through_http(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", Path(tmp_path).as_uri())
    refused("is no address of a hub", NAME, cache=tmp_path)


def test_a_pinned_model_has_no_revision():
    with pytest.raises(ValueError, match="'smollm2-135m' is pinned"):
        load("smollm2-135m", revision="v2")
