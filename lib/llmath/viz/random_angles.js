// Random vectors drawn by a counter, their cosines, and what those are distributed as.
const VECTORS = 128, HALF_LOG_PI = Math.log(Math.PI) / 2;
const KINDS = ["signs", "gaussian", "sphere"];

/** 32 bits that look random, from a counter (lowbias32, C. Wellons 2018). */
function mixed(n) {
  n = Math.imul(n ^ (n >>> 16), 0x7feb352d);
  n = Math.imul(n ^ (n >>> 15), 0x846ca68b);
  return (n ^ (n >>> 16)) >>> 0;
}

/** Entry d of vector v comes from the counter 128 d + v: more dimensions add entries. */
function vectors(kind, dimension, seed) {
  const key = mixed(3 * seed + KINDS.indexOf(kind) + 1);
  const rows = [];
  for (let v = 0; v < VECTORS; v += 1) {
    const row = new Float64Array(dimension);
    for (let d = 0; d < dimension; d += 1) {
      const one = mixed(key ^ (2 * (VECTORS * d + v)));
      if (kind === "signs") row[d] = one >>> 31 ? 1 : -1;
      else {                                          // Box and Muller's formula
        const two = mixed(key ^ (2 * (VECTORS * d + v) + 1));
        row[d] = Math.sqrt(-2 * Math.log((one + 0.5) / 2 ** 32)) *
          Math.cos((2 * Math.PI * two) / 2 ** 32);
      }
    }
    rows.push(row);
  }
  return rows;
}

function dot(a, b) {
  let sum = 0;
  for (let d = 0; d < a.length; d += 1) sum += a[d] * b[d];
  return sum;
}

/** All pairs' cosines, and the shortest and longest vector, as shares of √D. */
function drawn(kind, dimension, seed) {
  const rows = vectors(kind, dimension, seed);
  const norms = rows.map((row) => Math.sqrt(dot(row, row))), cosines = [];
  for (let v = 1; v < VECTORS; v += 1) {
    for (let w = 0; w < v; w += 1) {
      cosines.push(kind === "signs" ? dot(rows[v], rows[w]) / dimension
        : dot(rows[v], rows[w]) / norms[v] / norms[w]);
    }
  }
  const lengths = norms.map((norm) => norm / Math.sqrt(dimension));
  return { cosines, shortest: Math.min(...lengths), longest: Math.max(...lengths) };
}

/** log Γ of whole and half numbers, by Γ(x + 1) = x Γ(x) from Γ(1) and Γ(1/2). */
const table = [NaN, HALF_LOG_PI, 0];                  // at x = 0, 1/2, 1
function logGamma(x) {
  for (let i = table.length; i <= 2 * x; i += 1) table.push(table[i - 2] + Math.log(i / 2 - 1));
  return table[2 * x];
}

/** log I_x(a, b), the regularised incomplete beta function, by its continued fraction. */
function logBeta(x, a, b) {
  if (x <= 0) return -Infinity;
  if (x >= 1) return 0;
  if (x > (a + 1) / (a + b + 2)) return Math.log1p(-Math.exp(logBeta(1 - x, b, a)));
  const front = a * Math.log(x) + b * Math.log1p(-x) - Math.log(a) +
    logGamma(a + b) - logGamma(a) - logGamma(b);
  const keep = (value) => (Math.abs(value) < 1e-300 ? 1e-300 : value);
  let c = 1, d = 1 / keep(1 - ((a + b) * x) / (a + 1)), fraction = d;
  for (let m = 1; m < 1000; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    for (const term of [even, odd]) {
      d = 1 / keep(1 + term * d);
      c = keep(1 + term / c);
      fraction *= c * d;
    }
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return front + Math.log(fraction);
}

/** log of the chance that k of D signs agree. */
const logAgree = (dimension, k) => logGamma(dimension + 1) - logGamma(k + 1) -
  logGamma(dimension - k + 1) - dimension * Math.LN2;

/** P(cos < c): of a continuous one, for the share between two edges. */
function below(dimension, c) {
  const inside = Math.exp(logBeta(Math.min(c * c, 1), 0.5, (dimension - 1) / 2));
  return 0.5 + (Math.sign(c) * inside) / 2;
}

/** log P(|cos| ≥ t) for t in hundredths, exactly. */
function logTail(kind, dimension, hundredths) {
  const t = hundredths / 100;
  if (kind !== "signs") return logBeta(1 - t * t, (dimension - 1) / 2, 0.5);
  const first = Math.ceil((dimension * (100 + hundredths)) / 200);
  const top = logAgree(dimension, first);             // the largest of what is added
  let sum = 0;
  for (let k = first; k <= dimension; k += 1) sum += Math.exp(logAgree(dimension, k) - top);
  return Math.LN2 + top + Math.log(sum);
}

/** log of the bound 2 exp(−D t²/2). */
const logBound = (dimension, hundredths) =>
  Math.LN2 - (dimension * (hundredths / 100) ** 2) / 2;

/** Edges of the histogram's bins; those of signs lie half-way between possible values. */
function edges(kind, dimension, reach) {
  const bins = reach < 1 ? 41 : 81;
  if (kind !== "signs") {
    return Array.from({ length: bins + 1 }, (_, i) => reach * ((2 * i) / bins - 1));
  }
  const step = 2 / dimension;
  if (dimension % 2) {
    return Array.from({ length: dimension + 2 }, (_, i) => (i - (dimension + 1) / 2) * step);
  }
  const together = 1 + 2 * Math.floor(reach / bins / step);   // values that share a bin
  const beside = Math.ceil(reach / step / together - 0.5);  // bins on each side of 0
  return Array.from({ length: 2 * beside + 2 }, (_, i) => (i - beside - 0.5) * together * step);
}

/** What share of the cosines each bin holds: of those drawn, and exactly. */
function histogram(kind, dimension, bins, cosines) {
  const size = bins.length - 1, width = (bins[size] - bins[0]) / size;
  const found = Array(size).fill(0), exact = Array(size).fill(0);
  for (const c of cosines) {
    const i = Math.floor((c - bins[0]) / width);
    if (i >= 0 && i < size) found[i] += 1 / cosines.length;
  }
  if (kind === "signs") {
    for (let k = 0; k <= dimension; k += 1) {
      const i = Math.floor(((2 * k) / dimension - 1 - bins[0]) / width);
      if (i >= 0 && i < size) exact[i] += Math.exp(logAgree(dimension, k));
    }
  } else {
    const up = bins.map((edge) => below(dimension, edge));
    exact.forEach((_, i) => { exact[i] = up[i + 1] - up[i]; });
  }
  return { found, exact };
}

export default { VECTORS, drawn, edges, histogram, logBound, logTail };
