// Ctrl+Enter in the box runs the query.
"use strict";

document.querySelector("[data-sql] textarea")?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form.requestSubmit();
});
