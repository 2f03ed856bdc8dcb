// From values to pixels, linearly or logarithmically, and the round values between.
function scale(values, from, to, log) {
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
  place.ticks = (most) => log ? logTicks(a, b, most) : roundTicks(a, b, most);
  return place;
}

function roundTicks(low, high, most) {
  const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
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
  if (found.length < 2) return roundTicks(10 ** low, 10 ** high, most).filter((value) => value > 0);
  const powers = found.filter((value) => Number.isInteger(Number(Math.log10(value).toFixed(9))));
  return found.length > 1.6 * most && powers.length > 1 ? powers : found;
}
