// A network as a skyline of its blocks, and as a table of what each block costs.
const sides = (size) => Array.isArray(size) ? size : [size, size];
const side = (size) => { const [height, width] = sides(size); return Math.sqrt(height * width); };
const squared = (size) => Array.isArray(size) ? size.join("×") : `${size}²`;
const BLOCK = ["name", "detail", "channels", "size", "layers", "params", "flops", "memory", "ms"];

function makeNetworks(place, spec, texts) {
  const memoryName = spec.int8 ? "RAM, INT8" : "memory", ofMemory = spec.int8 ? ofRam : ofBytes;
  const shares = [["params", "parameters"], ["flops", "FLOPs"], ["ms", "latency"], ["memory", memoryName]]
    .filter(([key]) => key !== "ms" || spec.device !== null);
  const networks = spec.networks.map((one) => ({ ...one, blocks: one.blocks.map(readBlock) }));
  const state = { at: 0, share: "params" };
  const top = element("div", { class: "bar-top" }), body = element("div");
  place.append(top, body);

  function readBlock(row) {
    const block = Object.fromEntries(BLOCK.map((name, i) => [name, row[i]]));
    return { ...block, name: texts[block.name], detail: texts[block.detail] };
  }

  function whole(network, key) {
    const values = network.blocks.map((block) => block[key] ?? 0);
    return key === "memory" ? Math.max(...values) : values.reduce((a, b) => a + b, 0);
  }

  function show(at) {
    state.at = at;
    hideTip();
    const network = networks[at];
    const move = (step, label) => element("button", { type: "button", disabled: !networks[at + step], "aria-label": label,
      onclick: () => show(at + step) }, step < 0 ? "←" : "→");
    top.replaceChildren(element("b", { "aria-live": "polite" }, capital(network.title)));
    if (networks.length > 1) top.append(`${at + 1} of ${networks.length} drawn`, move(-1, "the network before"), move(1, "the next network"));
    const picks = element("div", { class: "controls", role: "group", "aria-label": "Colour of the blocks" }, "Colour:");
    for (const [key, name] of shares) {
      picks.append(element("button", { type: "button", "aria-pressed": String(state.share === key), onclick: () => { state.share = key; show(at); } }, name));
    }
    body.replaceChildren(element("code", { class: "structure" }, texts[network.structure]), pairs(network.facts, "facts"), picks, skyline(network), ...arena(network), table(network));
  }

  function capital(text) {
    return text.charAt(0).toUpperCase() + text.slice(1);
  }

  function light(row, i) {
    for (const one of body.querySelectorAll("[data-block]")) one.classList.toggle("now", row && one.dataset.block === String(i));
  }

  function arena(network) {
    if (network.arena === null) return [];
    return [arenaOf(network.arena, spec.ram, network.blocks, texts, room(), (group, block, title, rows) => {
      light(false);
      if (group === null) return hideTip();
      light(true, block);
      const box = group.querySelector(".level").getBoundingClientRect();
      showTip(box.left + box.width / 2, box.top, title, rows);
    })];
  }

  function room() {
    return Math.max(240, place.clientWidth);
  }

  function skyline(network) {
    const wide = room(), tall = 112, gap = 9, rowHeight = tall + 44;
    const high = Math.log2(Math.max(side(network.image), 2)) + 1, total = whole(network, state.share) || 1;
    const boxes = network.blocks.map((block) => ({
      block, width: Math.max(12, 6 + 4.2 * Math.log2(block.channels + 1)),
      height: block.size ? Math.max(12, tall * (Math.log2(side(block.size)) + 1) / high) : 10,
    }));
    const natural = boxes.reduce((sum, box) => sum + box.width + gap, gap);
    const stretch = natural < wide ? Math.min(2.4, wide / natural) : 1;
    let x = 1, row = 0;
    const parts = [];
    boxes.forEach((box, i) => {
      const width = box.width * stretch, space = gap * stretch;
      if (x + width > wide && x > 1) [x, row] = [1, row + 1];
      parts.push(boxOf(box, i, x, row * rowHeight + 18 + tall / 2, width, space, boxes[i - 1], total, i + 1 < boxes.length));
      x += width + space;
    });
    return drawn("svg", { class: "skyline", viewBox: `0 0 ${wide} ${(row + 1) * rowHeight}`, role: "group",
      "aria-label": `The ${network.blocks.length} blocks of the network in order` }, ...parts);
  }

  function boxOf({ block, height }, i, x, middle, width, space, before, total, wired) {
    const share = (block[state.share] ?? 0) / total;
    const words = rowsOf(block);
    const group = drawn("g", { tabindex: 0, role: "img", "data-block": i, "aria-label": `${block.name}, ${words.map((pair) => pair.join(" ")).join(", ")}` });
    if (wired) group.append(drawn("path", { class: "wire", d: `M${x + width} ${middle}h${Math.max(0, Math.min(space, room() - x - width))}` }));
    group.append(drawn("rect", { class: "box", x, y: middle - height / 2, width, height, rx: 2, "fill-opacity": (0.1 + 0.85 * Math.sqrt(share)).toFixed(3) }));
    for (let layer = 1; layer < Math.min(block.layers, 12); layer++) {
      const at = x + width * layer / Math.min(block.layers, 12);
      group.append(drawn("path", { class: "cut", d: `M${at} ${middle - height / 2 + 1}v${height - 2}` }));
    }
    group.append(drawn("text", { x: x + width / 2, y: middle + 74 }, String(block.channels)));
    const size = squared(block.size);
    if (block.size && size !== squared(before?.block.size)) {
      const half = 3.4 * size.length, at = Math.min(Math.max(x + width / 2, half), room() - half);
      group.append(drawn("text", { x: at, y: middle - height / 2 - 6 }, size));
    }
    const enter = () => {
      light(true, i);
      const box = group.querySelector("rect").getBoundingClientRect();
      showTip(box.left + box.width / 2, box.top, `${block.name} (${block.detail})`, words);
    };
    const leave = () => { light(false, i); hideTip(); };
    for (const [name, act] of [["pointerenter", enter], ["focus", enter], ["pointerleave", leave], ["blur", leave]]) group.addEventListener(name, act);
    return group;
  }

  function rowsOf(block) {
    const output = block.size ? `${block.channels}×${sides(block.size).join("×")}` : `${block.channels}`;
    const rows = [["output", output], ["parameters", shortened(block.params)], ["FLOPs", shortened(block.flops)]];
    if (block.ms !== null) rows.push(["latency", ofTime(block.ms)]);
    return block.memory === null ? rows : [...rows, [memoryName, ofMemory(block.memory)]];
  }

  function table(network) {
    const shown = { params: shortened, flops: shortened, ms: ofTime, memory: ofMemory };
    const head = element("tr", {}, element("th", { scope: "col" }, "block"), element("th", { scope: "col" }, "output"),
      ...shares.map(([key, name]) => element("th", { scope: "col" }, key === "memory" ? `${name}, at most` : name)));
    const totals = Object.fromEntries(shares.map(([key]) => [key, whole(network, key) || 1]));
    const most = Object.fromEntries(shares.map(([key]) => [key, Math.max(...network.blocks.map((block) => block[key] ?? 0))]));
    const lines = network.blocks.map((block, i) => {
      const cells = shares.map(([key, name]) => {
        if (block[key] === null) return element("td", { class: "share", "data-name": name }, "–");
        const percent = 100 * block[key] / totals[key];
        const text = key === "memory" ? ofMemory(block[key]) : `${shown[key](block[key])} · ${percent >= 10 ? Math.round(percent) : percent.toFixed(1)} %`;
        return element("td", { class: `share${block[key] === most[key] ? " top" : ""}`, "data-name": name }, text,
          element("i", { style: `--share:${Math.min(100, percent).toFixed(1)}%` }));
      });
      const output = block.size ? `${block.channels} × ${squared(block.size)}` : String(block.channels);
      return element("tr", { "data-block": i, onpointerenter: () => light(true, i), onpointerleave: () => light(false, i) },
        element("th", { scope: "row" }, element("b", {}, block.name), element("span", {}, block.detail)), element("td", { class: "output" }, output), ...cells);
    });
    const sum = element("tr", {}, element("th", { scope: "row" }, "whole network"), element("td", { class: "output" }, ""),
      ...shares.map(([key, name]) => element("td", { "data-name": name }, shown[key](whole(network, key)))));
    return element("table", { class: "blocks" }, element("thead", {}, head), element("tbody", {}, ...lines), element("tfoot", {}, sum));
  }

  show(0);
  let width = place.clientWidth;
  new ResizeObserver(() => { if (Math.abs(place.clientWidth - width) > 1 && place.clientWidth > 0) { width = place.clientWidth; show(state.at); } }).observe(place);
  return {
    has: (number) => networks.some((one) => one.number === number),
    show: (number) => show(networks.findIndex((one) => one.number === number)),
  };
}
