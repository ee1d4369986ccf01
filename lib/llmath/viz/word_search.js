// A table of words with their vectors: cosines, analogies, and the plane of a few of them.
/** The table that a page reads: words line by line, whole numbers in base 64. */
function open({ words, vectors }) {
  const list = words.split("\n"), rows = Int8Array.from(atob(vectors), (c) => c.charCodeAt(0));
  const width = rows.length / list.length, index = new Map(list.map((word, i) => [word, i]));
  const units = list.map((_, i) => {
    const row = Float64Array.from(rows.subarray(i * width, (i + 1) * width));
    const length = Math.hypot(...row);
    return row.map((x) => x / length);
  });
  const dot = (a, b) => {
    let sum = 0;
    for (let d = 0; d < width; d += 1) sum += a[d] * b[d];
    return sum;
  };

  /** The n words of the greatest cosines with a vector, as [word, cosine, row]. */
  function best(target, n, without) {
    const length = Math.sqrt(dot(target, target));
    return units.map((unit, i) => [list[i], dot(unit, target) / length, i])
      .filter(([, , i]) => !without.includes(i))
      .sort((a, b) => b[1] - a[1] || a[2] - b[2]).slice(0, n);
  }
  const nearest = (word, n) => best(units[index.get(word)], n, [index.get(word)]);
  function solve([a, b, c], n, exclude) {
    const [from, to, other] = [a, b, c].map((word) => units[index.get(word)]);
    const target = to.map((x, d) => x - from[d] + other[d]);
    return best(target, n, exclude ? [a, b, c].map((word) => index.get(word)) : []);
  }
  const starting = (text, n) => list.filter((word) => word.startsWith(text)).slice(0, n);
  return { has: (word) => index.has(word), nearest, solve, starting,
    plane: (words) => plane(words.map((word) => units[index.get(word)]), dot) };
}

/** Eigenvalues and eigenvectors of a symmetric matrix, by Jacobi's rotations. */
function eigen(matrix) {
  const n = matrix.length, a = matrix.map((row) => [...row]);
  const v = a.map((_, i) => a.map((__, j) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < 40; sweep += 1) {
    let off = 0;
    for (let p = 0; p < n; p += 1) {
      for (let q = p + 1; q < n; q += 1) {
        off += a[p][q] ** 2;
        if (Math.abs(a[p][q]) < 1e-300) continue;
        const angle = Math.atan2(2 * a[p][q], a[q][q] - a[p][p]) / 2;
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        for (let k = 0; k < n; k += 1) {
          [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]];
        }
        for (let k = 0; k < n; k += 1) {
          [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
          [v[k][p], v[k][q]] = [c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q]];
        }
      }
    }
    if (off < 1e-24) break;
  }
  return a.map((row, i) => [row[i], v.map((line) => line[i])]).sort((x, y) => y[0] - x[0]);
}

/** Points on the two main directions around the mean, and their share of the variance. */
function plane(rows, dot) {
  const n = rows.length, mean = rows[0].map((_, d) =>
    rows.reduce((sum, row) => sum + row[d], 0) / n);
  const centred = rows.map((row) => row.map((x, d) => x - mean[d]));
  const found = eigen(centred.map((x) => centred.map((y) => dot(x, y))));
  const all = found.reduce((sum, [value]) => sum + value, 0);
  const axes = found.slice(0, 2).map(([value, vector]) => {
    const top = vector.reduce((best, x) => (Math.abs(x) > Math.abs(best) ? x : best), 0);
    const size = Math.sign(top) * Math.sqrt(Math.max(value, 0));   // of ±, always the same
    return vector.map((x) => x * size);
  });
  return { points: rows.map((_, i) => axes.map((axis) => axis[i])),
    share: (found[0][0] + found[1][0]) / all };
}

export default { open };
