// One box that says what is under the pointer or has the focus.
const tip = element("div", { class: "tip", role: "status", "aria-live": "polite", hidden: true });
document.body.append(tip);

function showTip(x, y, title, rows) {
  tip.replaceChildren(...[title ? element("p", {}, title) : null, pairs(rows, "")].filter(Boolean));
  tip.hidden = false;
  const room = document.documentElement.clientWidth, box = tip.getBoundingClientRect();
  const left = x + 14 + box.width > room - 8 ? x - 14 - box.width : x + 14;
  const above = y - box.height - 12;
  tip.style.left = `${Math.max(8, Math.min(left, room - box.width - 8)) + window.scrollX}px`;
  tip.style.top = `${(above < 8 ? y + 16 : above) + window.scrollY}px`;
}

function hideTip() {
  tip.hidden = true;
}
