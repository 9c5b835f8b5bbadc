// Plots and documents come after the first paint. A plot is SVG of this server; it is put in as nodes, and has no script.
"use strict";

const into = async (place, address, type) => {
  try {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(`${answer.status}`);
    if (answer.status === 204) {
      place.textContent = "Nothing to plot yet.";
      place.removeAttribute("aria-busy");
      return;
    }
    const parsed = new DOMParser().parseFromString(await answer.text(), type);
    const root = type === "image/svg+xml" ? [parsed.documentElement] : [...parsed.body.childNodes];
    place.replaceChildren(...root.map((node) => document.importNode(node, true)));
  } catch (error) {
    place.textContent = `This could not be loaded (${error.message}).`;
  }
  place.removeAttribute("aria-busy");
};

const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
document.body.append(tip);
const show = (event) => {
  const mark = event.target.closest?.("[aria-roledescription][aria-label]");
  const said = mark?.closest(".plot") && mark.tagName !== "g" ? mark.getAttribute("aria-label") : null;
  tip.hidden = !said;
  if (!said) return;
  tip.textContent = said;
  const box = mark.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(innerWidth - tip.offsetWidth - 4, box.x + box.width / 2 - tip.offsetWidth / 2))}px`;
  tip.style.top = `${Math.max(4, box.y - tip.offsetHeight - 6)}px`;
};
document.addEventListener("pointerover", show);
document.addEventListener("focusin", (event) => show({ target: event.target.querySelector?.("path, line, rect") ?? event.target }));

const load = async () => {
  for (const figure of document.querySelectorAll("[data-plot]")) {
    const place = figure.querySelector(".plot");
    await into(place, figure.dataset.plot, "image/svg+xml");
    const drawing = place.querySelector("svg");
    if (!drawing) continue;
    drawing.setAttribute("role", "group");
    drawing.setAttribute("aria-label", figure.querySelector("figcaption").textContent);
    drawing.removeAttribute("width");
    drawing.removeAttribute("height");
    for (const link of drawing.querySelectorAll("a")) {
      const mark = link.querySelector("[aria-label]");
      if (mark) link.setAttribute("aria-label", mark.getAttribute("aria-label"));
    }
  }
};
const fragment = document.querySelector("[data-fragment]");
if (fragment) into(fragment, fragment.dataset.fragment, "text/html");
load();
