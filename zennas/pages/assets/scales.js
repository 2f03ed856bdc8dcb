// From values to pixels, linearly or logarithmically, and the round values between.
function scale(values, from, to, log, whole) {
  let low = Math.min(...values), high = Math.max(...values);
  if (low === high) {
    const room = log ? 1.2 : Math.abs(low) * 0.05 || 1;
    [low, high] = log ? [low / room, high * room] : [low - room, high + room];
  }
  const map = log ? Math.log10 : (value) => value;
  let a = map(low), b = map(high);
  const edge = (b - a) * 0.045;
  a -= edge;
  b += edge;
  const place = (value) => from + (to - from) * (map(value) - a) / (b - a);
  place.ticks = (most) => log ? logTicks(a, b, most) : roundTicks(a, b, most, whole ? 1 : 0);
  return place;
}

// least: of the distance between two of them.
function roundTicks(low, high, most, least = 0) {
  const rough = Math.max((high - low) / most, least), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough) ?? 10 * power;
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(Number((i * step).toPrecision(12)));
  return found;
}

function logTicks(low, high, most) {
  const found = [];
  for (let power = Math.floor(low); power <= high; power++) {
    for (const times of [1, 2, 5]) {
      const exponent = Math.log10(times) + power;
      if (exponent >= low && exponent <= high) found.push(Number((times * 10 ** power).toPrecision(12)));
    }
  }
  if (found.length < 3) return roundTicks(10 ** low, 10 ** high, most).filter((value) => value > 0);
  const powers = found.filter((value) => Number.isInteger(Number(Math.log10(value).toFixed(9))));
  return found.length > 1.6 * most && powers.length > 1 ? powers : found;
}

// Values of an axis as colours and sizes, from low to high: dark blue and small to yellow and large.
const RAMP = [[62, 73, 137], [49, 104, 142], [38, 150, 139], [94, 201, 98], [249, 200, 37]];

function rampOf(spec) {
  if (spec.colour === null || spec.colour === undefined) return null;
  const strong = spec.series.filter((one) => one.mark === "strong").flatMap((one) => one.points);
  const values = strong.map(([found]) => found[spec.colour]).filter((value) => value !== null);
  return values.length ? { low: Math.min(...values), high: Math.max(...values) } : null;
}

function rampColour(t) {
  const at = Math.min(Math.max(t, 0), 1) * (RAMP.length - 1), i = Math.min(Math.floor(at), RAMP.length - 2);
  const mixed = RAMP[i].map((low, k) => Math.round(low + (RAMP[i + 1][k] - low) * (at - i)));
  return `rgb(${mixed.join(",")})`;
}

function rampRadius(t) {
  return 4 + 4 * Math.min(Math.max(t, 0), 1);
}
