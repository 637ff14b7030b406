// The picture on the screen: its overlays, the reading point, and the border between two models.

import { paint } from "./layers.js";

const $ = (id) => document.getElementById(id);

export class Stage {
  // `read(x, y, spoken)` is called with a pixel of the picture; `spoken` when it was chosen, not just passed over.
  constructor(read) {
    this.read = read;
    this.element = $("stage");
    this.overlays = [$("overlay-first"), $("overlay-second")];
    this.divider = $("divider");
    this.size = [0, 0];
    this.split = 50;
    this.point = null;
    this.element.addEventListener("pointermove", (event) => event.pointerType === "mouse" && this.pointed(event, false));
    this.element.addEventListener("click", (event) => event.target !== this.divider && this.pointed(event, true));
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.divider.addEventListener("pointerdown", (event) => this.divider.setPointerCapture(event.pointerId));
    this.divider.addEventListener("pointermove", (event) => this.dragged(event));
    this.divider.addEventListener("keydown", (event) => this.dividerKey(event));
    addEventListener("resize", () => this.fit());
  }

  // Show a picture at the size of its parse.
  show(bitmap, width, height) {
    this.size = [width, height];
    this.point = null;
    $("point").hidden = true;
    const photo = $("photo");
    photo.width = width;
    photo.height = height;
    const context = photo.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0, width, height);
    this.fit();
  }

  // As large as there is room, small pictures at most four times as large as they are.
  fit() {
    const [width, height] = this.size;
    if (!width) return;
    const room = this.element.parentElement.clientWidth - parseFloat(getComputedStyle(this.element.parentElement).paddingLeft) * 2;
    const factor = Math.min(room / width, Math.max(220, innerHeight * 0.6) / height, 4);
    this.element.style.width = `${Math.max(40, Math.round(width * factor))}px`;
    this.element.style.height = `${Math.max(40, Math.round(height * factor))}px`;
  }

  // Draw the layers of one or two models; names tell them apart.
  draw(layers, names, shown) {
    const two = layers.length === 2;
    this.overlays.forEach((canvas, number) => {
      canvas.hidden = number >= layers.length;
      if (!canvas.hidden) paint(canvas, layers[number], ...this.size, shown);
    });
    this.divider.hidden = !two;
    for (const [number, id] of ["name-first", "name-second"].entries()) {
      $(id).hidden = !two;
      $(id).textContent = names[number] ?? "";
    }
    this.two = two;
    this.cut(this.split);
  }

  set opacity(percent) {
    this.element.style.setProperty("--opacity", percent / 100);
  }

  // Put the border between the models at so many hundredths of the width.
  cut(percent) {
    this.split = Math.min(100, Math.max(0, percent));
    this.overlays[0].style.clipPath = this.two ? `inset(0 ${100 - this.split}% 0 0)` : "";
    this.overlays[1].style.clipPath = `inset(0 0 0 ${this.split}%)`;
    this.divider.style.left = `${this.split}%`;
    this.divider.setAttribute("aria-valuenow", Math.round(this.split));
    this.divider.setAttribute("aria-valuetext", `${Math.round(this.split)} % of the first model`);
  }

  // Which of the two models is seen at a pixel's column.
  sideOf(x) {
    return this.two && x / this.size[0] * 100 >= this.split ? 1 : 0;
  }

  pointed(event, spoken) {
    const box = this.element.getBoundingClientRect();
    const x = Math.floor((event.clientX - box.left) / box.width * this.size[0]);
    const y = Math.floor((event.clientY - box.top) / box.height * this.size[1]);
    this.at(x, y, spoken);
  }

  at(x, y, spoken) {
    const [width, height] = this.size;
    if (!width) return;
    this.point = [Math.min(width - 1, Math.max(0, x)), Math.min(height - 1, Math.max(0, y))];
    if (spoken) {
      const mark = $("point");
      mark.hidden = false;
      mark.style.left = `${(this.point[0] + 0.5) / width * 100}%`;
      mark.style.top = `${(this.point[1] + 0.5) / height * 100}%`;
    }
    this.read(...this.point, spoken);
  }

  key(event) {
    if (event.target !== this.element) return;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], Enter: [0, 0], " ": [0, 0] };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const far = Math.max(1, Math.round(Math.max(...this.size) / (event.shiftKey ? 10 : 50)));
    const [x, y] = this.point ?? [this.size[0] >> 1, this.size[1] >> 1];
    this.at(x + step[0] * far, y + step[1] * far, true);
  }

  dragged(event) {
    if (!this.divider.hasPointerCapture(event.pointerId)) return;
    const box = this.element.getBoundingClientRect();
    this.cut((event.clientX - box.left) / box.width * 100);
  }

  dividerKey(event) {
    const step = event.shiftKey ? 10 : 2;
    const positions = {
      ArrowLeft: this.split - step, ArrowDown: this.split - step, ArrowRight: this.split + step, ArrowUp: this.split + step,
      PageDown: this.split - 10, PageUp: this.split + 10, Home: 0, End: 100,
    };
    if (!(event.key in positions)) return;
    event.preventDefault();
    this.cut(positions[event.key]);
  }

  // The picture under the overlay of one model, at its own size, as a PNG.
  async picture(number, opacity) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = this.size;
    const context = canvas.getContext("2d");
    context.drawImage($("photo"), 0, 0);
    context.globalAlpha = opacity / 100;
    context.drawImage(this.overlays[number], 0, 0);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }
}
