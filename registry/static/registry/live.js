// Tells a part of the page anew every few seconds. Without it the page has a link that does so.
"use strict";

const part = document.querySelector("[data-live]");
let left = 120; // times: a page that was left open must not keep its session from ending

async function renew() {
  if (document.hidden || left <= 0) return;
  left -= 1;
  try {
    const answer = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
    if (!answer.ok) return;
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live]");
    if (found && !part.contains(document.activeElement)) part.replaceChildren(...found.childNodes);
  } catch {
    // The next time may do; what is shown says as of when it is.
  }
}

if (part) setInterval(renew, 1000 * Number(part.dataset.live));
