// A table of rows: filters apply at once, keys move through the rows, and the text search streams its hits.
"use strict";

const filters = document.querySelector("[data-filters]");
const panel = document.querySelector("details.filters");
if (panel && matchMedia("(max-width: 899px)").matches) panel.open = false;
for (const form of document.querySelectorAll("[data-filters], [data-columns]")) {
  form.addEventListener("submit", () => {
    for (const field of form.querySelectorAll("input")) if (field.value === "") field.disabled = true;
  });
  form.addEventListener("change", (event) => {
    if (event.target.type === "checkbox") form.requestSubmit();
  });
}
addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("input:disabled")) field.disabled = false;
});

const links = [...document.querySelectorAll("[data-rows] tbody td:first-child a")];
const step = (by) => {
  const at = links.indexOf(document.activeElement);
  links[Math.max(0, Math.min(links.length - 1, at < 0 ? 0 : at + by))]?.focus();
};
const words = document.querySelector("#words");
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  const does = {
    j: () => step(1),
    k: () => step(-1),
    n: () => document.querySelector(".paging [rel=next]")?.click(),
    p: () => document.querySelector(".paging [rel=prev]")?.click(),
    "/": () => words?.focus(),
  }[event.key];
  if (does) {
    event.preventDefault();
    does();
  }
});

const search = document.querySelector("[data-search]");
if (search) {
  const state = search.querySelector("[data-search-state]");
  const hits = search.querySelector("[data-hits]");
  const button = search.querySelector("button");
  const selection = search.dataset.search.split("?")[1] ?? "";
  let running = null;

  const add = (hit) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = `/page/${hit.document_id}/${hit.page_number}?${selection}`;
    link.textContent = `${hit.source.slice(-56)}, page ${hit.page_number}`;
    const text = document.createElement("p");
    const mark = document.createElement("mark");
    mark.textContent = hit.match;
    text.append(hit.before, mark, hit.after);
    item.append(link, text);
    hits.append(item);
  };
  const read = (line) => {
    const found = JSON.parse(line);
    if (found.document_id) add(found);
    else if (found.error) state.textContent = found.error;
    else {
      const many = `${hits.children.length.toLocaleString("en")} hits`;
      const so_far = found.of === undefined ? "" : ` of ${found.of.toLocaleString("en")}`;
      const end = found.more ? "; there are more, and the search stopped here" : found.done ? "; that is all" : "";
      state.textContent = `${many} in ${found.searched.toLocaleString("en")}${so_far} pages${end}`;
    }
  };
  const run = async () => {
    running = new AbortController();
    button.textContent = "Stop";
    hits.replaceChildren();
    hits.hidden = false;
    const asked = new URLSearchParams(selection);
    asked.set("q", words.value);
    asked.set("in", search.elements.in.value);
    try {
      const answer = await fetch(`/search?${asked}`, { signal: running.signal });
      if (!answer.ok) throw new Error(`the search failed (${answer.status})`);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const lines = (rest + part.value).split("\n");
        rest = lines.pop();
        lines.forEach(read);
      }
    } catch (error) {
      state.textContent = error.name === "AbortError" ? `${state.textContent}; stopped` : error.message;
    }
    running = null;
    button.textContent = "Search";
  };
  search.addEventListener("submit", (event) => {
    event.preventDefault();
    if (running) running.abort();
    else if (words.value.trim()) run();
  });
}
