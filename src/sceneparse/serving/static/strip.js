// A strip of thumbnails where there are several pictures, and how far they are.

import { element } from "./panel.js";

const $ = (id) => document.getElementById(id);
const buttons = new Map(); // by item: what has the focus keeps it

export function drawStrip(pictures) {
  const { items } = pictures;
  $("strip").hidden = items.length < 2;
  for (const [item, button] of buttons) {
    if (!items.includes(item)) {
      button.parentElement.remove();
      buttons.delete(item);
    }
  }
  for (const item of items) {
    const button = buttons.get(item) ?? made(item, pictures);
    const state = item === pictures.active ? "parsing" : item.trouble ? "failed" : pictures.done(item) ? "parsed" : pictures.halted ? "stopped" : "waiting";
    button.dataset.state = state;
    button.setAttribute("aria-label", `${item.name}, ${state}`);
    button.title = item.trouble ? item.trouble.message : item.name;
    const shown = item === pictures.shown;
    if (shown && button.getAttribute("aria-current") !== "true") button.scrollIntoView({ block: "nearest", inline: "nearest" });
    button.setAttribute("aria-current", shown);
  }
  const failed = items.filter((item) => item.trouble).length;
  const done = items.filter((item) => !item.trouble && pictures.done(item)).length;
  $("tally").textContent = `${done} of ${items.length} pictures parsed${failed ? `, ${failed} failed` : ""}`;
}

function made(item, pictures) {
  const image = element("img", { src: item.address, alt: "", draggable: false });
  const button = element("button", { type: "button", className: "thumb" }, image, element("span", { className: "mark" }), element("span", { className: "file" }, item.name));
  button.addEventListener("click", () => pictures.select(item));
  image.addEventListener("error", () => image.remove());
  $("thumbs").append(element("li", {}, button));
  buttons.set(item, button);
  return button;
}
