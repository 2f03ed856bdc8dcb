// Elements and numbers. Texts only become text nodes or attributes, never markup.
const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function shortened(value, most = 3) {
  const size = Math.abs(value);
  for (const [unit, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (size >= unit * 0.9995) return `${digits(value / unit, most)}${letter}`;
  }
  return digits(value, most);
}

function digits(value, most = 3) {
  if (Number.isInteger(value) && Math.abs(value) < 1000) return String(value);
  return String(Number(value.toPrecision(most)));
}

// Different numbers as different texts, with as few digits as that takes.
function unlike(values) {
  for (let most = 3; most < 9; most++) {
    const texts = values.map((value) => shortened(value, most));
    if (new Set(texts).size === values.length) return texts;
  }
  return values.map(String);
}

function precise(value, unit) {
  if (value === null) return "–";
  const text = Number.isInteger(value) ? value.toLocaleString("en") : String(Number(value.toPrecision(5)));
  return unit ? `${text} ${unit}` : text;
}

function ofTime(ms) {
  return ms >= 1 || ms === 0 ? `${digits(ms)} ms` : `${digits(ms * 1000)} µs`;
}

function ofBytes(value) {
  for (const [unit, name] of [[1 << 20, "MiB"], [1 << 10, "KiB"]]) {
    if (value >= unit) return `${digits(value / unit)} ${name}`;
  }
  return `${value} B`;
}

function pairs(rows, kind) {
  const list = element("dl", { class: kind });
  for (const [name, value] of rows) {
    const both = [element("dt", {}, name), element("dd", {}, value)];
    if (kind === "facts") list.append(element("div", {}, ...both));
    else list.append(...both);
  }
  return list;
}
