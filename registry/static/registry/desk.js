// Keys of the desk. Without them everything works by links and buttons.
"use strict";

const rows = [...document.querySelectorAll("[data-row]")];
const keys = document.querySelector("#keys");
if (keys) keys.hidden = false;

function here() {
  return rows.findIndex((row) => row.contains(document.activeElement));
}

function go(step) {
  const at = here();
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step;
  rows[Math.min(Math.max(next, 0), rows.length - 1)]?.querySelector("a").focus();
}

// The button of the row that has the focus; on a page of one thing, that of the page.
function claim() {
  const place = rows.length ? rows[here()] : document;
  place?.querySelector("[data-key=c]")?.click();
}

const acts = {
  j: () => go(1),
  k: () => go(-1),
  c: claim,
  "/": () => document.querySelector("input[type=search]")?.focus(),
  "?": () => { if (keys) keys.open = !keys.open; },
};

// On a keyboard that writes Kazakh or Russian, what stands in the same place.
const places = { KeyJ: "j", KeyK: "k", KeyC: "c", Slash: "/" };

function meant(event) {
  if (event.key.length !== 1 || /[a-z]/i.test(event.key) || Object.hasOwn(acts, event.key)) return event.key;
  const place = places[event.code];
  return place === "/" && event.shiftKey ? "?" : place;
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  const key = meant(event);
  if (typing || event.ctrlKey || event.altKey || event.metaKey || event.isComposing || !Object.hasOwn(acts, key)) return;
  event.preventDefault();
  acts[key]();
});
