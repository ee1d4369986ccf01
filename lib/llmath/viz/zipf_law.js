// A law p(r) ∝ (r + b)^−α against counts of ranks, and the growth of types it makes.
const TERMS = 20;                                     // of ζ, before its rest is an integral
const STEPS = 100;                                    // of an integral
const LANCZOS = [0.99999999999980993, 676.5203681218851, -1259.1392167224028,
  771.32342877765313, -176.61502916214059, 12.507343278686905, -0.13857109526572012,
  9.9843695780195716e-6, 1.5056327351493116e-7];

/** What zipf_explorer.py packed → runs of ranks that share a count. */
function unpack({ buffer, byteOffset, byteLength }) {
  const numbers = [], runs = [];
  let value = 0, unit = 1, count = 0, first = 1;
  for (const byte of new Uint8Array(buffer, byteOffset, byteLength)) {
    value += (byte & 127) * unit;
    unit *= 128;
    if (byte < 128) { numbers.push(value); value = 0; unit = 1; }
  }
  for (let i = 0; i < numbers.length; i += 2) {
    count = i ? count - numbers[i] : numbers[i];
    const last = first + numbers[i + 1] - 1;
    runs.push({ count, first, last });
    first = last + 1;
  }
  return runs;
}

/** A token's cost in nats, the greatest gap between sums of shares, and Σ (j + b)^−α. */
function judge({ runs, total, types }, alpha, offset) {
  const logs = new Float64Array(types);
  let sum = 0, cost = 0, ks = 0, own = 0, ours = 0;
  for (let r = 1; r <= types; r += 1) {
    logs[r - 1] = -alpha * Math.log(r + offset);
    sum += Math.exp(logs[r - 1]);
  }
  for (const { count, first, last } of runs) {
    for (let r = first; r <= last; r += 1) {
      const log = logs[r - 1] - Math.log(sum);
      own += count / total;
      ours += Math.exp(log);
      cost -= (count / total) * log;
      ks = Math.max(ks, Math.abs(own - ours));
    }
  }
  return { cost, ks, sum };
}

const entropy = ({ runs, total }) => runs.reduce((sum, { count, first, last }) =>
  sum - (last - first + 1) * (count / total) * Math.log(count / total), 0);

const gamma = (z) => {                                // Lanczos; here 0 < z < 1
  const t = z + 6.5;
  const series = LANCZOS.reduce((sum, c, i) => sum + (i ? c / (z - 1 + i) : c), 0);
  return Math.sqrt(2 * Math.PI) * t ** (z - 0.5) * Math.exp(-t) * series;
};

/** Σ_{r ≥ 1} (r + b)^−α for α > 1: some terms, the rest by Euler and Maclaurin. */
function zeta(alpha, offset) {
  const m = TERMS + offset;
  let sum = m ** (1 - alpha) / (alpha - 1) + m ** -alpha / 2
    + (alpha * m ** (-alpha - 1)) / 12
    - (alpha * (alpha + 1) * (alpha + 2) * m ** (-alpha - 3)) / 720;
  for (let r = 1; r < TERMS; r += 1) sum += (r + offset) ** -alpha;
  return sum;
}

/** Types in n tokens of the law without end, α > 1: Γ(1 − β) (n / ζ)^β with β = 1/α,
 *  less the part of that integral over ranks that lies below the offset. */
function heaps(alpha, offset, n) {
  const c = n / zeta(alpha, offset);
  let below = 0;
  for (let i = 0.5; i < STEPS && offset; i += 1) {
    below -= Math.expm1(-c * ((i / STEPS) * offset) ** -alpha) * (offset / STEPS);
  }
  return gamma(1 - 1 / alpha) * c ** (1 / alpha) - below;
}

export default { entropy, heaps, judge, unpack };
