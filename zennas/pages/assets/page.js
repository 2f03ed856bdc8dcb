// Everything that is drawn, from the data of the page.
const content = JSON.parse(document.getElementById("data").textContent);
const shownNetworks = [];
const page = {
  hasNetwork: (number) => number !== null && shownNetworks.some((one) => one.has(number)),
  showNetwork: (number) => shownNetworks.filter((one) => one.has(number)).forEach((one) => one.show(number)),
};
for (const place of document.querySelectorAll("[data-part]")) {
  const part = content.parts[Number(place.dataset.part)];
  if (part.kind === "networks") shownNetworks.push(makeNetworks(place, part, content.texts));
}
for (const place of document.querySelectorAll("[data-part]")) {
  const part = content.parts[Number(place.dataset.part)];
  if (part.kind === "chart") makeChart(place, part, content.texts, page);
}
window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
window.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
