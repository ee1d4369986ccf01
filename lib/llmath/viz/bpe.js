// Byte-level byte-pair encoding, as llmath.tokenizer does it: pieces, merges, learning.
// Letters, digits and spaces are Python's, sent as ranges: every browser cuts alike.
const SIDE = 2 ** 21;                                 // above all ids and places
const key = (a, b) => a * SIDE + b;
const parts = (pair) => [Math.floor(pair / SIDE), pair % SIDE];
const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** GPT-2's 256 letters for the bytes, in the order of its ids: [letter, byte]. */
const ALPHABET = (() => {
  const visible = [[33, 126], [161, 172], [174, 255]].flatMap(([from, to]) =>
    Array.from({ length: to - from + 1 }, (_, i) => from + i));
  const hidden = [...Array(256).keys()].filter((byte) => !visible.includes(byte));
  return [...visible.map((byte) => [String.fromCharCode(byte), byte]),
    ...hidden.map((byte, i) => [String.fromCharCode(256 + i), byte])];
})();
const BYTE = new Map(ALPHABET);
const ORDER = new Uint8Array(256);                    // byte -> its id in that order
ALPHABET.forEach(([, byte], id) => { ORDER[byte] = id; });

/** "gap length gap length …" in base 36 as the inside of a character class. */
function inClass(ranges) {
  const numbers = ranges.split(" ").map((number) => parseInt(number, 36));
  const point = (value) => `\\u{${value.toString(16)}}`;
  let at = 0, found = "";
  for (let i = 0; i < numbers.length; i += 2) {
    const start = at + numbers[i];
    at = start + numbers[i + 1];
    found += `${point(start)}-${point(at - 1)}`;
  }
  return found;
}

/** The rules that cut a text into pieces, by their names in llmath.tokenizer. */
function splitters(classes) {
  const [L, N, S] = ["letters", "digits", "spaces"].map((name) => inClass(classes[name]));
  const words = new RegExp("'s|'t|'re|'ve|'m|'ll|'d"
    + `| ?[${L}]+| ?[${N}]+| ?[^${S}${L}${N}]+|[${S}]+(?![^${S}])|[${S}]+`, "gu");
  const apart = new RegExp(`[${N}]|[^${N}]+`, "gu");
  const gpt2 = (text) => text.match(words) ?? [];
  const smollm = (text) => (text.match(apart) ?? []).flatMap(gpt2);
  return { gpt2, smollm };
}

/** What the library refuses, in words; undefined if the text is one. */
function refused(text) {
  const at = text.search(/\p{Cs}/u);
  return at < 0 ? undefined : `Character ${[...text.slice(0, at)].length + 1} of the text `
    + "is half of a surrogate pair: it has no UTF-8 bytes, and so no tokens.";
}

/** Numbers in, the smallest out first. */
function queue() {
  const heap = [];
  function push(value) {
    let i = heap.push(value) - 1;
    for (let up = (i - 1) >> 1; i > 0 && heap[up] > value; up = (i - 1) >> 1) {
      heap[i] = heap[up];
      i = up;
    }
    heap[i] = value;
  }
  function pop() {
    const least = heap[0], value = heap.pop();
    if (heap.length === 0) return least;
    let i = 0;
    for (let child = 1; child < heap.length; child = 2 * i + 1) {
      if (heap[child + 1] < heap[child]) child += 1;
      if (heap[child] >= value) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = value;
    return least;
  }
  return { push, pop, size: () => heap.length };
}

/** Lowest rank first, then leftmost; `told(rank, place)` hears of each merge. */
function merge(start, ranks, first, told = () => {}) {
  const ids = [...start], n = ids.length, waiting = queue();
  const left = ids.map((_, i) => i - 1), right = ids.map((_, i) => i + 1);
  const offer = (i) => {
    if (i < 0 || right[i] >= n) return;
    const rank = ranks.get(key(ids[i], ids[right[i]]));
    if (rank !== undefined) waiting.push(key(rank, i));
  };
  for (let i = 0; i < n - 1; i += 1) offer(i);
  while (waiting.size()) {
    const [rank, i] = parts(waiting.pop()), j = right[i];
    if (ranks.get(key(ids[i], ids[j])) !== rank) continue;  // one has merged otherwise
    [ids[i], ids[j]] = [first + rank, -1];
    right[i] = right[j];
    if (right[i] < n) left[right[i]] = i;
    told(rank, i);
    offer(left[i]);
    offer(i);
  }
  return ids.filter((id) => id >= 0);
}

/** Each state on the way: [{ rank, place, ids }], `place` being the new token's. */
function steps(start, ranks, first) {
  const found = [], alive = start.map((id, i) => ({ id, i, size: 1 }));
  merge(start, ranks, first, (rank, i) => {
    const place = alive.findIndex((token) => token.i === i);
    alive.splice(place, 2, { id: first + rank, i });
    found.push({ rank, place, ids: alive.map(({ id }) => id) });
  });
  return found;
}

/** Bytes for people, as Tokenizer.tokens writes them: stray ones as \xe4. */
function readable(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length;) {
    const lead = bytes[i], size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    try {
      text += strict.decode(Uint8Array.from(bytes.slice(i, i + size)));
      i += size;
    } catch {
      text += `\\x${lead.toString(16).padStart(2, "0")}`;
      i += 1;
    }
  }
  return text;
}

/** A tokenizer from its table (llmath.viz.tokenizer_tables). */
function tokenizer(table, split) {
  const letters = ALPHABET.map(([letter, byte]) => [letter, table.bytes[byte]]);
  const ids = new Map(letters.filter(([, id]) => id !== null));
  const words = [], ranks = new Map();
  for (const [letter, id] of ids) words[id] = letter;
  (table.merges ? table.merges.split("\n") : []).forEach((line, rank) => {
    const [a, b] = line.split(" "), id = table.first + rank;
    ranks.set(key(ids.get(a), ids.get(b)), rank);
    ids.set(a + b, id);
    words[id] = a + b;
  });
  const markers = Object.keys(table.special).sort((a, b) => b.length - a.length);
  const finds = new RegExp(`(${markers.map((marker) =>
    marker.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|")})`, "u");
  const known = new Map();

  const bytesOf = (id) => [...words[id]].map((letter) => BYTE.get(letter));
  function letterIds(piece) {
    return Array.from(encoder.encode(piece), (byte) => {
      if (table.bytes[byte] !== null) return table.bytes[byte];
      throw new RangeError(`“${piece}” cannot be encoded: this vocabulary has no token `
        + `for byte 0x${byte.toString(16).toUpperCase().padStart(2, "0")}.`);
    });
  }
  function encodePiece(text) {
    if (!known.has(text)) {
      const found = merge(letterIds(text), ranks, table.first);
      known.set(text, { text, ids: found, tokens: found.map(bytesOf) });
    }
    return known.get(text);
  }
  const plain = (text) => split[table.pattern](text).map(encodePiece);
  /** [{ text, ids, tokens: bytes of each, marker }], a piece each. */
  function encode(text, special) {
    if (refused(text)) throw new RangeError(refused(text));
    if (!special || markers.length === 0) return plain(text);
    return text.split(finds).flatMap((part, i) => (i % 2
      ? [{ text: part, ids: [table.special[part]], tokens: [[...encoder.encode(part)]],
        marker: true }] : plain(part)));
  }
  return { encode, bytesOf, steps: (piece) => ({
    start: letterIds(piece), all: steps(letterIds(piece), ranks, table.first) }) };
}

/** Pieces of a text as ids below 256, and how often each occurs. */
function countWords(pieces) {
  const counts = new Map();
  for (const piece of pieces) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  return [...counts].map(([text, n]) => ({
    text, n, ids: Array.from(encoder.encode(text), (byte) => ORDER[byte]) }));
}

function addPairs(counts, { ids, n }, sign = 1) {
  for (let i = 1; i < ids.length; i += 1) {
    const pair = key(ids[i - 1], ids[i]);
    counts.set(pair, (counts.get(pair) ?? 0) + sign * n);
  }
}

/** [[pair, count]], the commonest first, ties to the smallest pair of ids. */
function commonest(words, most) {
  const counts = new Map();
  words.forEach((word) => addPairs(counts, word));
  return [...counts].sort(([a, n], [b, m]) => m - n || a - b).slice(0, most)
    .map(([pair, n]) => [parts(pair), n]);
}

/** The first merges that words teach: [{ pair, count, saved }]; llmath's learn_merges. */
function learn(words, most) {
  const counts = new Map(), found = [], now = words.map((word) => ({ ...word }));
  now.forEach((word) => addPairs(counts, word));
  while (found.length < most) {
    let best = -1, count = 0, saved = 0;
    for (const [pair, n] of counts) {
      if (n > count || (n === count && n && pair < best)) [best, count] = [pair, n];
    }
    if (count === 0) break;
    const [a, b] = parts(best), only = new Map([[best, 0]]), id = 256 + found.length;
    for (const word of now) {
      if (!word.ids.some((x, i) => x === a && word.ids[i + 1] === b)) continue;
      addPairs(counts, word, -1);
      const before = word.ids.length;
      word.ids = merge(word.ids, only, id);
      addPairs(counts, word);
      saved += word.n * (before - word.ids.length);
    }
    found.push({ pair: [a, b], count, saved });
  }
  return found;
}

export default { ALPHABET, commonest, countWords, key, learn, merge, readable, refused,
  splitters, tokenizer };
