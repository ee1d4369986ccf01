"""Tokenizer.from_folder: what `tokenizers` wrote, and what is refused"""

import json

import pytest
import tokenizers
from tokenizers import decoders, models, pre_tokenizers

import llmath.pretrained
from llmath.tokenizer import Tokenizer, byte_alphabet

ALPHABET = sorted(byte_alphabet(), key=byte_alphabet().get)


def theirs(ours: Tokenizer) -> tokenizers.Tokenizer:
    ids = {token: i for i, token in enumerate(ours.vocabulary)}
    merges = [tuple(merge.split(" ")) for merge in ours.merges]
    made = tokenizers.Tokenizer(models.BPE(ids, merges))
    steps = [pre_tokenizers.ByteLevel(add_prefix_space=False)]
    if ours.pattern == "smollm":
        steps = [pre_tokenizers.Digits(individual_digits=True), *steps]
        steps = [pre_tokenizers.Sequence(steps)]
    made.pre_tokenizer = steps[0]
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(list(ours.special))
    return made


def assert_equal(a: Tokenizer, b: Tokenizer) -> None:
    for field in ("vocabulary", "merges", "special", "pattern"):
        assert getattr(a, field) == getattr(b, field), field


@pytest.mark.parametrize("name", ["gpt2", "smollm2-135m"])
def test_tokenizer_json_of_the_real_ones(name, tmp_path):
    expected = llmath.pretrained.tokenizer(name)
    theirs(expected).save(str(tmp_path / "tokenizer.json"))
    found = Tokenizer.from_folder(tmp_path)
    assert_equal(found, expected)
    text = "It's 2024, isn't it?<|endoftext|>\n\n  Ünï 🌍"
    assert found.encode(text) == theirs(expected).encode(text).ids


def test_a_folder_that_transformers_saved(tmp_path):
    from transformers import PreTrainedTokenizerFast

    made = PreTrainedTokenizerFast(tokenizer_object=theirs(SMALL), eos_token="<|x|>")
    made.save_pretrained(tmp_path)
    found = Tokenizer.from_folder(tmp_path)
    assert_equal(found, SMALL)
    assert found.encode("abba<|x|>") == made.encode("abba<|x|>")


def test_gpt2s_two_files(tmp_path):
    expected = llmath.pretrained.tokenizer("gpt2")
    theirs(expected).model.save(str(tmp_path))
    assert {p.name for p in tmp_path.iterdir()} == {"vocab.json", "merges.txt"}
    assert_equal(Tokenizer.from_folder(tmp_path), expected)


SMALL = Tokenizer([*ALPHABET, "ab", "<|x|>"], ["a b"], pattern="gpt2", special=[257])


def test_two_files_without_a_marker(tmp_path):
    theirs(SMALL).model.save(str(tmp_path))
    assert Tokenizer.from_folder(tmp_path).special == {}


@pytest.fixture
def changed(tmp_path):
    """changed(change): the folder of SMALL, its JSON changed by hand."""
    folder = tmp_path / "made"
    folder.mkdir()

    def written(change) -> None:
        fields = json.loads(theirs(SMALL).to_str())
        change(fields)
        (folder / "tokenizer.json").write_text(json.dumps(fields), "utf-8")
        return folder

    return written


def test_older_ways_of_saying_the_same(changed):
    """Merges in one string; an added token that the vocabulary leaves out."""

    def older(fields):
        fields["model"]["merges"] = ["a b"]
        del fields["model"]["vocab"]["<|x|>"]
        del fields["pre_tokenizer"]["use_regex"]
        del fields["model"]["type"]

    assert_equal(Tokenizer.from_folder(changed(older)), SMALL)


def put(*path, value):
    def change(fields):
        for key in path[:-1]:
            fields = fields[key]
        fields[path[-1]] = value

    return change


SPLIT = {"type": "Split", "pattern": {"Regex": r"\p{N}{1,3}"}, "behavior": "Isolated"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("normalizer", value={"type": "NFC"}), "normalises texts first"),
        (put("model", value=None), "model=None is no object"),
        (put("model", "type", value="WordPiece"), "type='WordPiece'; only 'BPE'"),
        (put("model", "dropout", value=0.1), r"dropout=0\.1; only 0\.0"),
        (put("model", "byte_fallback", value=True), "byte_fallback=True; only False"),
        (put("model", "ignore_merges", value=True), "ignore_merges=True"),
        (put("model", "end_of_word_suffix", value="</w>"), "'</w>'; only ''"),
        (put("model", "vocab", value=["a"]), r"vocab=\['a'\] is no object"),
        (put("model", "vocab", "a", value="7"), "each token a whole number"),
        (put("model", "vocab", "a", value=1.0), "each token a whole number"),
        (put("model", "vocab", "a", value=300), "0 to 257, each once"),
        (put("model", "merges", value=None), "no list of merges"),
        (put("model", "merges", value=[["a"]]), r"\['a'\] is no merge"),
        (put("model", "merges", value=[3]), "3 is no merge"),
        (put("model", "merges", value=["a q"]), "merge 0, 'a q', needs"),
        (put("pre_tokenizer", value=None), "rule that is not built: None"),
        (put("pre_tokenizer", value=SPLIT), "rule that is not built: .*Split"),
        (put("pre_tokenizer", "add_prefix_space", value=True), "rule that is not"),
        (put("pre_tokenizer", "use_regex", value=False), "rule that is not built"),
        (put("pre_tokenizer", value={"type": "Sequence"}), "rule that is not built"),
        (put("pre_tokenizer", value=["ByteLevel"]), "rule that is not built"),
        (put("added_tokens", value={}), "added_tokens={} is no list"),
        (put("added_tokens", value=[3]), "3 is no added token"),
        (put("added_tokens", 0, "id", value=5), "the same as in the vocabulary"),
        (put("added_tokens", 0, "id", value=True), "is no added token"),
        (put("added_tokens", 0, "lstrip", value=True), r"lstrip of token '<\|x\|>'"),
        (put("added_tokens", 0, "content", value=""), "0 to|some text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.usefixtures("untyped")
def test_what_is_not_built_is_refused(changed, change, words):
    with pytest.raises(ValueError, match=words):
        Tokenizer.from_folder(changed(change))


@pytest.mark.parametrize("text", ["", "{", "[]", "\udcff", "[" * 100_000])
def test_what_is_no_json(text, tmp_path):
    data = text.encode("utf-8", "surrogateescape")
    (tmp_path / "tokenizer.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"no JSON file|one JSON object"):
        Tokenizer.from_folder(tmp_path)


def test_a_folder_without_a_tokenizer(tmp_path):
    words = r"has no tokenizer\.json, and not both of vocab\.json and merges\.txt"
    with pytest.raises(FileNotFoundError, match=words):
        Tokenizer.from_folder(tmp_path)
    (tmp_path / "vocab.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=words):
        Tokenizer.from_folder(tmp_path)
