// A chart of points on two of several axes, explored by pointer or arrow keys; a click or Enter selects.
function makeChart(figure, spec, texts, page) {
  const state = { x: spec.x[0], y: spec.y[0], log: {}, now: null, picked: null };
  const controls = element("div", { class: "controls" }), panel = element("div", { class: "picked", "aria-live": "polite" });
  const plot = drawn("svg", { class: "plot", tabindex: 0, role: "group", "aria-roledescription": "chart",
    "aria-label": `${spec.label}. Arrow keys go from point to point${spec.selects ? ", Enter selects" : ""}.` });
  figure.append(controls, plot);
  if (spec.selects) figure.append(panel);
  let dots = [], width = 0;
  const ramp = rampOf(spec);
  const lines = [...new Set(spec.series.filter((one) => one.mark === "line").map((one) => one.name))];

  function isLog(axis) {
    return state.log[axis] ?? spec.axes[axis].log;
  }

  // Whether a logarithmic scale can be shown, and is of use: in charts to explore always, in others if it looks unlike a linear one.
  function usable(axis) {
    if (spec.axes[axis].whole) return false;
    const values = spec.series.flatMap((one) => one.points.map(([found]) => found[axis])).filter((value) => value !== null);
    return isLog(axis) || (Math.min(...values) > 0 && (spec.selects || Math.max(...values) >= 3 * Math.min(...values)));
  }

  // Lines of several names go from one colour to another, in order; the band around a line has its colour.
  function colourOf(name) {
    if (lines.length < 2) return null;
    return `color-mix(in oklab, var(--warn) ${Math.round(100 * lines.indexOf(name) / (lines.length - 1))}%, var(--accent))`;
  }

  function lineOf(one, d) {
    const colour = one.mark === "line" || one.mark === "band" ? colourOf(one.name) : null;
    const kind = one.mark === "quiet line" ? "quiet-path" : one.mark === "band" ? "band-path" : "line-path";
    return drawn("path", { class: kind, style: colour && `${one.mark === "band" ? "fill" : "stroke"}: ${colour}`, d });
  }

  function chooser(label, choices, key) {
    if (choices.length < 2) return null;
    const list = element("select", { "aria-label": `${label} axis`, onchange: () => { state[key] = Number(list.value); controlled(); draw(); } });
    for (const axis of choices) list.append(element("option", { value: axis }, spec.axes[axis].name));
    list.value = String(state[key]);
    return element("label", {}, label, list);
  }

  function logButton(label, axis) {
    if (!usable(axis)) return null;
    const name = `log ${label}`, pressed = String(isLog(axis));
    return element("button", { type: "button", "aria-pressed": pressed, "data-log": label, onclick: () => {
      state.log[axis] = !isLog(axis);
      controlled();
      draw();
      controls.querySelector(`[data-log="${label}"]`)?.focus();
    } }, name);
  }

  function controlled() {
    const named = spec.series.filter((one, i) => spec.series.findIndex((other) => other.name === one.name) === i);
    const shown = named.filter((one) => one.mark !== "band" && !(ramp && one.mark === "strong"));
    const keys = named.length > 1 ? shown.map((one) => element("span", { class: "key" }, sample(one), one.name)) : [];
    const parts = [chooser("across", spec.x, "x"), logButton("x", state.x), chooser("up", spec.y, "y"), logButton("y", state.y), ...keys, rampKey()];
    controls.replaceChildren(...parts.filter(Boolean));
  }

  function onRamp(value) {
    return ramp.high > ramp.low ? (value - ramp.low) / (ramp.high - ramp.low) : 1;
  }

  function rampKey() {
    if (!ramp) return null;
    const steps = [0, 0.25, 0.5, 0.75, 1], strip = drawn("svg", { width: 92, height: 16, "aria-hidden": "true" });
    steps.forEach((t, i) => strip.append(drawn("circle", { class: "scaled-dot", cx: 9 + 18 * i, cy: 8, r: rampRadius(t), fill: rampColour(t) })));
    const { name, unit } = spec.axes[spec.colour], strong = spec.series.find((one) => one.mark === "strong");
    const [low, high] = [ramp.low, ramp.high].map((value) => `${shortened(value)}${unit && ` ${unit}`}`);
    return element("span", { class: "key" }, `${strong.name}: ${name} ${low}`, strip, high);
  }

  function sample(one) {
    const shape = one.mark.includes("line") || one.mark === "step" ? lineOf(one, "M1 7H17")
      : drawn("circle", { cx: 9, cy: 7, r: one.mark === "faint" ? 3 : 4.5, class: `${one.mark}-dot` });
    return drawn("svg", { width: 18, height: 14, "aria-hidden": "true" }, shape);
  }

  function draw() {
    width = Math.max(240, figure.clientWidth);
    const height = Math.round(Math.min(420, Math.max(250, width * 0.56)));
    const area = { left: 50, right: width - 12, top: 30, bottom: height - 44 };
    plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const shown = spec.series.map((one) => one.points.filter(([values]) => fits(values[state.x], state.x) && fits(values[state.y], state.y)));
    const all = shown.flat();
    dots = [];
    if (!all.length) {
      plot.replaceChildren(drawn("text", { x: area.left, y: 60 }, "No point has values on both axes."));
      return;
    }
    const limits = spec.limits.filter((one) => (one.axis === state.x || one.axis === state.y) && near(one, all));
    const span = (axis) => [...all.map(([values]) => values[axis]), ...limits.filter((one) => one.axis === axis).map((one) => one.value)];
    const both = spec.equal ? [...span(state.x), ...span(state.y)] : null;
    const across = scale(both ?? span(state.x), area.left, area.right, isLog(state.x), spec.axes[state.x].whole);
    const up = scale(both ?? span(state.y), area.bottom, area.top, isLog(state.y), spec.axes[state.y].whole);
    const parts = [...grid(across, up, area), ...limits.map((one) => limitLine(one, across, up, area)).flat()];
    if (spec.equal) {
      const low = Math.min(...both), high = Math.max(...both);
      parts.push(drawn("path", { class: "frontier-path", d: `M${across(low)} ${up(low)}L${across(high)} ${up(high)}` }));
    }
    if (spec.frontier) parts.push(frontier(all, across, up));
    const order = spec.series.map((one, i) => [one, shown[i]]).sort(([a], [b]) => (b.mark === "band") - (a.mark === "band"));
    for (const [one, points] of order) parts.push(...seriesOf(one, points, across, up)); // bands lie below all else
    if (spec.named) parts.push(...names(area));
    plot.replaceChildren(...parts, drawn("g", { class: "rings" }));
    rings();
  }

  // The titles of points beside them, cut where there is no room, so that they hide neither each other nor a point.
  function names(area) {
    const taken = dots.map((dot) => ({ left: dot.x - 5, right: dot.x + 5, top: dot.y - 5, bottom: dot.y + 5 }));
    const outside = (box) => box.left < area.left || box.right > area.right + 8 || box.top < area.top - 12 || box.bottom > area.bottom;
    const hides = (box) => taken.some((one) => one.left < box.right && one.right > box.left && one.top < box.bottom && one.bottom > box.top);
    const places = [[9, 4, "start"], [-9, 4, "end"], [0, -11, "middle"], [0, 20, "middle"],
      [-5, -11, "start"], [5, -11, "end"], [-5, 20, "start"], [5, 20, "end"]];
    const tries = (width < 480 ? [24, 12] : [44, 24, 12]).flatMap((most) => places.map((place) => [most, ...place]));
    return dots.map((dot) => {
      const whole = texts[dot.point[1]];
      for (const [most, dx, dy, anchor] of tries) {
        const text = whole.length > most ? `${whole.slice(0, most - 1)}…` : whole, long = 6.6 * text.length;
        const x = dot.x + dx, y = dot.y + dy;
        const left = anchor === "start" ? x : anchor === "end" ? x - long : x - long / 2;
        const box = { left, right: left + long, top: y - 11, bottom: y + 3 };
        if (outside(box) || hides(box)) continue;
        taken.push(box);
        return drawn("text", { class: "dot-name", x, y, "text-anchor": anchor }, text);
      }
      return null;
    }).filter(Boolean);
  }

  function fits(value, axis) {
    return value !== null && (!isLog(axis) || value > 0);
  }

  function near(limit, all) {
    const values = all.map(([found]) => found[limit.axis]);
    const low = Math.min(...values), high = Math.max(...values), room = 0.5 * (high - low || high);
    return limit.value >= low - room && limit.value <= high + room && (!isLog(limit.axis) || limit.value > 0);
  }

  function grid(across, up, area) {
    const parts = [], x = spec.axes[state.x], y = spec.axes[state.y];
    const steps = up.ticks(5), texts = unlike(steps);
    steps.forEach((value, i) => {
      const at = up(value);
      parts.push(drawn("path", { class: "grid", d: `M${area.left} ${at}H${area.right}` }),
        drawn("text", { x: area.left - 8, y: at + 4, "text-anchor": "end" }, texts[i]));
    });
    let free = -Infinity;
    const stops = across.ticks(width < 480 ? 4 : 8), words = unlike(stops);
    stops.forEach((value, i) => {
      const at = across(value), text = words[i], half = 3.6 * text.length + 4;
      if (at - half < free) return;
      free = at + half;
      parts.push(drawn("path", { class: "grid", d: `M${at} ${area.bottom}v5` }),
        drawn("text", { x: Math.min(at, width - half), y: area.bottom + 19, "text-anchor": "middle" }, text));
    });
    const fitting = (text) => text.length > width / 7.5 ? `${text.slice(0, Math.floor(width / 7.5) - 1)}…` : text;
    const named = (axis, arrow) => `${arrow} ${fitting(axis.name)}${axis.unit ? `, ${axis.unit}` : ""}`;
    parts.push(drawn("text", { class: "axis-name", x: 2, y: 14 }, named(y, "↑")),
      drawn("text", { class: "axis-name", x: area.right, y: area.bottom + 38, "text-anchor": "end" }, named(x, "→")));
    return parts;
  }

  function limitLine(limit, across, up, area) {
    if (limit.axis === state.x) {
      const at = across(limit.value), side = at > width - 90 ? "end" : "start";
      return [drawn("path", { class: "limit", d: `M${at} ${area.top}V${area.bottom}` }),
        drawn("text", { class: "limit-name", x: side === "end" ? at + 2 : at - 2, y: area.top - 4, "text-anchor": side }, limit.label)];
    }
    const at = up(limit.value);
    return [drawn("path", { class: "limit", d: `M${area.left} ${at}H${area.right}` }),
      drawn("text", { class: "limit-name", x: area.left + 4, y: at - 5 }, limit.label)];
  }

  function frontier(all, across, up) {
    const ordered = [...all].sort(([a], [b]) => a[state.x] - b[state.x] || b[state.y] - a[state.y]);
    let best = -Infinity, path = "";
    for (const [values] of ordered) {
      if (values[state.y] <= best) continue;
      best = values[state.y];
      path += path ? `H${across(values[state.x])}V${up(best)}` : `M${across(values[state.x])} ${up(best)}`;
    }
    return drawn("path", { class: "frontier-path", d: path });
  }

  function seriesOf(one, points, across, up) {
    if (one.mark === "band") {
      const edge = points.map(([values], i) => `${i ? "L" : "M"}${across(values[state.x])} ${up(values[state.y])}`).join("");
      return points.length ? [lineOf(one, `${edge}Z`)] : [];
    }
    const parts = [], colour = one.mark === "line" ? colourOf(one.name) : null, placed = points.map((point) => ({ point, x: across(point[0][state.x]), y: up(point[0][state.y]), series: one }));
    dots.push(...placed);
    if (one.mark.includes("line") || one.mark === "step") {
      const path = placed.map(({ x, y }, i) => i === 0 ? `M${x} ${y}` : one.mark === "step" ? `H${x}V${y}` : `L${x} ${y}`).join("");
      parts.push(lineOf(one, path));
      if (placed.length > 60) return parts;
    }
    if (one.mark === "step") return parts;
    for (const { point, x, y } of placed) {
      const kind = point[3] ? "chosen" : one.mark === "faint" || one.mark === "quiet line" ? "faint" : "strong";
      const radius = point[3] ? 6.5 : one.mark.includes("line") ? 2.5 : kind === "faint" ? 2.75 : 4.5;
      const value = ramp && kind !== "faint" ? point[0][spec.colour] : null;
      if (value === null) parts.push(drawn("circle", { class: `${kind}-dot`, style: colour && `fill: ${colour}`, cx: x, cy: y, r: radius }));
      else parts.push(drawn("circle", { class: `scaled-dot${point[3] ? " chosen" : ""}`, cx: x, cy: y, r: rampRadius(onRamp(value)), fill: rampColour(onRamp(value)) }));
    }
    return parts;
  }

  function rings() {
    const found = [];
    const picked = dots.find((dot) => dot.point === state.picked);
    if (picked) found.push(drawn("circle", { class: "picked-ring", cx: picked.x, cy: picked.y, r: 10 }));
    if (state.now) found.push(drawn("circle", { class: "ring", cx: state.now.x, cy: state.now.y, r: 7 }));
    plot.querySelector(".rings")?.replaceChildren(...found);
  }

  function rowsOf(point) {
    const first = [state.x, state.y], others = spec.axes.map((_, i) => i).filter((i) => !first.includes(i));
    return [...first, ...others].filter((i) => point[0][i] !== null).map((i) => [spec.axes[i].name, precise(point[0][i], spec.axes[i].unit)]);
  }

  function look(dot) {
    state.now = dot;
    rings();
    if (!dot) return hideTip();
    const box = plot.getBoundingClientRect(), zoom = box.width / width;
    showTip(box.left + dot.x * zoom, box.top + dot.y * zoom, texts[dot.point[1]] || dot.series.name, rowsOf(dot.point));
  }

  function under(event, reach) {
    const box = plot.getBoundingClientRect(), zoom = box.width / width;
    const x = (event.clientX - box.left) / zoom, y = (event.clientY - box.top) / zoom;
    let best = null, least = reach;
    for (const dot of dots) {
      const far = Math.hypot(dot.x - x, dot.y - y) - (dot.series.mark === "strong" ? 3 : 0);
      if (far < least) [best, least] = [dot, far];
    }
    return best;
  }

  function pick(dot) {
    if (!dot || !spec.selects) return;
    state.picked = dot.point;
    rings();
    const parts = [element("code", {}, texts[dot.point[1]] || dot.series.name), pairs(rowsOf(dot.point), "facts")];
    if (page.hasNetwork(dot.point[2])) {
      parts.push(element("p", {}, element("a", { href: "#network" }, "It is drawn block by block below.")));
      page.showNetwork(dot.point[2]);
    }
    panel.replaceChildren(...parts);
  }

  plot.addEventListener("pointermove", (event) => look(under(event, 48)));
  plot.addEventListener("pointerleave", () => look(null));
  plot.addEventListener("blur", () => look(null));
  plot.addEventListener("click", (event) => {
    const dot = under(event, 48);
    pick(dot);
    look(dot);
    if (spec.selects && event.pointerType === "touch") hideTip(); // the panel says the same, and the finger stays
  });
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (step) {
      event.preventDefault();
      const ordered = [...dots].sort((a, b) => a.x - b.x || b.y - a.y);
      const at = ordered.findIndex((dot) => dot.point === state.now?.point);
      look(ordered[at < 0 ? (step > 0 ? 0 : ordered.length - 1) : Math.min(Math.max(at + step, 0), ordered.length - 1)]);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      pick(state.now);
    } else if (event.key === "Escape") look(null);
  });

  controlled();
  draw();
  new ResizeObserver(() => { if (Math.abs(figure.clientWidth - width) > 1 && figure.clientWidth > 0) { state.now = null; draw(); } }).observe(figure);
}
