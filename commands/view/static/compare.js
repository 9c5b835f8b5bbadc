// One page of two outputs: keys go to the page before and after, and back to the list.
"use strict";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  const goes = { j: "[rel=next]", ArrowRight: "[rel=next]", k: "[rel=prev]", ArrowLeft: "[rel=prev]", Escape: "[data-table]" };
  const link = goes[event.key] && document.querySelector(goes[event.key]);
  if (link) {
    event.preventDefault();
    link.click();
  }
});
