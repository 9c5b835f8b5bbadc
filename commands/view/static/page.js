// A page beside its text: frames and blocks show each other, keys step, zoom and judge.
"use strict";

const frames = new Map([...document.querySelectorAll("[data-frame]")].map((each) => [each.dataset.frame, each]));
const blocks = new Map([...document.querySelectorAll("[data-block]")].map((each) => [each.dataset.block, each]));

for (const [own, others] of [[frames, blocks], [blocks, frames]]) {
  for (const [number, element] of own) {
    const other = others.get(number);
    if (!other) continue;
    const mark = (on) => () => other.classList.toggle("linked", on);
    element.addEventListener("mouseenter", mark(true));
    element.addEventListener("mouseleave", mark(false));
    element.addEventListener("focusin", mark(true));
    element.addEventListener("focusout", mark(false));
    const go = (event) => {
      if (own === blocks && event.target.closest("a")) return;
      if (own === blocks && String(getSelection())) return; // text is being copied
      event.preventDefault();
      if (own === frames) choose(document.querySelector("#tab-text"));
      other.focus({ preventScroll: true });
      other.scrollIntoView({ block: "nearest", inline: "nearest" });
    };
    element.addEventListener("click", go);
    element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target === element) go(event);
    });
  }
}

const tabs = [...document.querySelectorAll("[role=tab]")];
function choose(tab) {
  for (const each of tabs) {
    const is = each === tab;
    each.setAttribute("aria-selected", is);
    each.tabIndex = is ? 0 : -1;
    document.getElementById(each.getAttribute("aria-controls")).hidden = !is;
  }
}
for (const tab of tabs) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const next = tabs[(tabs.indexOf(tab) + by + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  });
}

const sheet = document.querySelector("[data-sheet]");
const picture = document.querySelector("[data-picture]");
const explain = async () => {
  const said = document.querySelector("[data-no-picture]");
  const answer = await fetch(picture.src);
  if (answer.ok) return;
  said.textContent = await answer.text();
  said.hidden = false;
  sheet.classList.add("empty");
};
picture.addEventListener("error", explain);
if (picture.complete && !picture.naturalWidth) explain();

let zoom = 1;
const zoomTo = (to) => {
  zoom = Math.min(6, Math.max(0.25, to));
  sheet.style.width = `${100 * zoom}%`;
  document.querySelector("[data-zoom-state]").textContent = `${Math.round(100 * zoom)} %`;
};
const zooms = { in: () => zoomTo(zoom * 1.25), out: () => zoomTo(zoom / 1.25), fit: () => zoomTo(1) };
for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", zooms[button.dataset.zoom]);

const verdicts = document.querySelector("[data-verdicts]");
const judges = [...verdicts.querySelectorAll("[data-verdict]")];
const judge = async (button) => {
  if (button.disabled) return;
  const state = verdicts.querySelector("[data-verdict-state]");
  try {
    const answer = await fetch(`${verdicts.dataset.verdicts}?verdict=${button.dataset.verdict}`, { method: "POST" });
    if (!answer.ok) throw new Error(await answer.text());
    const { verdict } = await answer.json();
    verdicts.dataset.given = verdict ?? "";
    for (const each of judges) if (each.ariaPressed !== null) each.setAttribute("aria-pressed", each.dataset.verdict === verdict);
    state.textContent = verdict ? "kept" : "taken back";
  } catch (error) {
    state.textContent = `not kept: ${error.message}`;
  }
};
for (const button of judges) button.addEventListener("click", () => judge(button));

const follow = (selector) => () => document.querySelector(selector)?.click();
const keys = {
  j: follow("[rel=next]"), ArrowRight: follow("[rel=next]"), k: follow("[rel=prev]"), ArrowLeft: follow("[rel=prev]"),
  Escape: follow("[data-table]"), "+": zooms.in, "=": zooms.in, "-": zooms.out, 0: zooms.fit,
  ...Object.fromEntries(judges.map((button) => [button.dataset.key, () => judge(button)])),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  const scrolls = event.key.startsWith("Arrow") && zoom > 1 && event.target.closest(".paper"); // the picture moves
  if (!Object.hasOwn(keys, event.key) || scrolls) return;
  event.preventDefault();
  keys[event.key]();
});
