// How full the RAM is while a network runs, operator by operator, beside what the plans of memory and the run's limit say.
function ofRam(value) {
  return value === null ? "–" : value < 1000 ? `${value} B` : `${shortened(value).replace(/[kMG]$/, " $&")}B`;
}

// arena: [bytes with the plan in the file, bytes without it, operators as [block, name, bytes],
// whether these are all, or the fullest one of each block]. ram: what the run holds
// it against, as [word, bytes]. look: receives the group, the block and a title when one is under the pointer; nothing after.
function arenaOf([planned, unplanned, operators, each], ram, blocks, texts, room, look) {
  const lines = [["line", unplanned === planned ? "needed, with the plan in the file or without" : "needed with the plan in the file", planned]];
  if (unplanned !== planned) lines.push(["planner", "without that plan", unplanned]);
  if (ram !== null) lines.push(["limit", ram[0], ram[1]]);
  const peak = operators.reduce((best, one, i) => one[2] > operators[best][2] ? i : best, 0);
  const high = Math.max(planned, unplanned, ram !== null && ram[1] < 2.5 * unplanned ? ram[1] : 0);
  const height = 190, area = { left: 66, right: room - 2, top: 18, bottom: height - 24 };
  const wide = (area.right - area.left) / operators.length;
  const up = (value) => area.bottom - (area.bottom - area.top) * value / (1.04 * high);
  const parts = roundTicks(0, high, 3).flatMap((value) => [
    drawn("path", { class: "grid", d: `M${area.left} ${up(value)}H${area.right}` }),
    drawn("text", { x: area.left - 8, y: up(value) + 4, "text-anchor": "end" }, value === 0 ? "0" : ofRam(value))]);
  operators.forEach(([block, name, bytes], i) => {
    const x = area.left + i * wide, words = `${texts[name]} of ${blocks[block].name}`;
    const group = drawn("g", { "data-block": block, class: `running${i === peak ? " peak" : block % 2 ? " odd" : ""}` },
      drawn("rect", { class: "reach", x, y: area.top, width: wide, height: area.bottom - area.top }),
      drawn("rect", { class: "level", x, y: up(bytes), width: wide + 0.3, height: area.bottom - up(bytes) }));
    group.addEventListener("pointerenter", () => look(group, block, words, [["RAM in use", ofRam(bytes)]]));
    group.addEventListener("pointerleave", () => look(null));
    parts.push(group);
  });
  for (const [kind, , value] of lines) {
    if (value <= high) parts.push(drawn("path", { class: `plan ${kind}`, d: `M${area.left} ${up(value)}H${area.right}` }));
  }
  const middle = area.left + (peak + 0.5) * wide, anchor = middle < room / 3 ? "start" : middle > room / 1.5 ? "end" : "middle";
  parts.push(drawn("text", { class: "peak-name", x: anchor === "start" ? middle - wide / 2 : anchor === "end" ? middle + wide / 2 : middle,
    y: area.top - 6, "text-anchor": anchor }, `peak, ${ofRam(operators[peak][2])}`),
  drawn("text", { class: "axis-name", x: area.right, y: height - 6, "text-anchor": "end" }, `→ ${each ? "operators" : "blocks"} in the order in which they run`));
  const where = `${texts[operators[peak][1]]} of ${blocks[operators[peak][0]].name}`;
  const keys = lines.map(([kind, name, value]) => element("span", { class: "key" },
    drawn("svg", { width: 18, height: 14, "aria-hidden": "true" }, drawn("path", { d: "M1 7H17", class: `plan ${kind}` })), `${name} ${ofRam(value)}`));
  const label = `RAM in use while each ${each ? "operator" : "block"} runs: at most ${ofRam(operators[peak][2])}, by the ${where}`;
  return element("figure", { class: "arena" }, element("figcaption", {}, label), element("div", { class: "controls" }, ...keys),
    drawn("svg", { viewBox: `0 0 ${room} ${height}`, role: "img", "aria-label": label }, ...parts));
}
