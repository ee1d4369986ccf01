// Attention on a few tokens, in float64: what llmath.attention computes, in the browser.
/** q, k, v as Python packed them: float32, each T × E. */
function tensors(view, size) {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const flat = new Float32Array(bytes.slice().buffer), width = flat.length / 3 / size;
  return [0, 1, 2].map((which) => Array.from({ length: size }, (_, t) =>
    Array.from(flat.subarray((which * size + t) * width, (which * size + t + 1) * width))));
}

/** (x_2i, x_2i+1) turned by t θ_i with θ_i = base^(−2i/E). */
function turn(x, t, base) {
  const turned = [...x];
  for (let i = 0; i < x.length; i += 2) {
    const angle = t * base ** (-i / x.length), cos = Math.cos(angle), sin = Math.sin(angle);
    turned[i] = x[i] * cos - x[i + 1] * sin;
    turned[i + 1] = x[i] * sin + x[i + 1] * cos;
  }
  return turned;
}

/** May the query at place t look at the key at place s? Padding goes with its token. */
const allowed = ({ mask, window, prefix, pad }, order) => (t, s) => ({
  none: true, causal: s <= t, window: s <= t && t - s < window,
  prefix: s <= t || s < prefix, padding: order[s] !== pad,
}[mask]);

const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

/** A = softmax(Q Kᵀ / √E + M) and O = A V, with the tokens in the order given. */
function attend([q, k, v], order, state) {
  const may = allowed(state, order), { positions, base } = state;
  const placed = (x) => order.map((token, t) => (positions ? turn(x[token], t, base) : x[token]));
  const queries = placed(q), keys = placed(k), root = Math.sqrt(q[0].length);
  const weights = queries.map((query, t) => {
    const scores = keys.map((key, s) => (may(t, s) ? dot(query, key) / root : -Infinity));
    const most = Math.max(...scores), e = scores.map((z) => Math.exp(z - most));
    const total = e.reduce((a, b) => a + b);
    return e.map((x) => x / total);
  });
  const outputs = weights.map((row) => v[0].map((_, i) =>
    row.reduce((sum, weight, s) => sum + weight * v[order[s]][i], 0)));
  return { may, weights, outputs };
}

export default { tensors, attend };
