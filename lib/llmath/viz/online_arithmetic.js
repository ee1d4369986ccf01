// Softmax in three ways: a chunk at a time, all at once, and without subtracting m.

/** After `step` chunks: m, ℓ, O, the factor of the last step, and what was before it. */
function after(scores, values, chunk, step) {
  let now = { m: -Infinity, l: 0, o: values[0].map(() => 0) };
  for (let k = 0; k < step; k += 1) {
    const from = k * chunk, here = scores.slice(from, from + chunk);
    const m = Math.max(now.m, ...here);
    const shrink = k ? Math.exp(now.m - m) : undefined;   // at first nothing is kept
    const e = here.map((s) => Math.exp(s - m));
    const l = (shrink ?? 0) * now.l + e.reduce((a, b) => a + b, 0);
    const o = now.o.map((x, d) =>
      e.reduce((sum, weight, i) => sum + weight * values[from + i][d], (shrink ?? 0) * x));
    const { old, ...before } = now;                      // one step back is enough
    now = { m, l, o, shrink, old: before };
  }
  return now;
}

/** Weights and output from all scores together. */
function ordinary(scores, values) {
  const m = Math.max(...scores), e = scores.map((s) => Math.exp(s - m));
  const l = e.reduce((a, b) => a + b, 0), weights = e.map((x) => x / l);
  const o = values[0].map((_, d) => weights.reduce((sum, w, i) => sum + w * values[i][d], 0));
  return { weights, o };
}

/** The nearest number that float16 has, ties to even; ∞ from 65,520 on. */
function half(x) {
  if (x === 0 || !Number.isFinite(x)) return x;
  const unit = 2 ** (Math.max(Math.floor(Math.log2(Math.abs(x))), -14) - 10);
  const exact = x / unit, low = Math.floor(exact), rest = exact - low;
  const up = rest > 0.5 || (rest === 0.5 && low % 2 !== 0);
  const near = (up ? low + 1 : low) * unit;
  return Math.abs(near) > 65504 ? Math.sign(x) * Infinity : near;
}

/** Σ eˢ, and the greatest weight, each result rounded to what the format can hold. */
function naive(scores, fit) {
  const e = scores.map((s) => fit(Math.exp(fit(s))));
  const sum = e.reduce((a, b) => fit(a + b), 0);
  return { sum, weight: fit(Math.max(0, ...e) / sum) };
}

export default { after, ordinary, half, naive };
