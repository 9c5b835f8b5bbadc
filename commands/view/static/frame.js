// While the index grows, the page is loaded again now and then, so that its numbers become whole.
"use strict";

const growing = document.querySelector("[data-index-grows]");
if (growing) {
  const again = () => {
    const typing = document.activeElement?.matches("input, textarea, select");
    if (typing || document.hidden) setTimeout(again, 2000);
    else location.reload();
  };
  setTimeout(again, 2000);
}
