// The picture on the screen: its overlays, the section of it that is seen, the reading point, and the border between two models.

import { listen } from "./gestures.js";
import { paint } from "./layers.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
const STEP = 1.6; // of the buttons and keys that zoom
const TAP = 3; // of a double tap

export class Stage {
  // `read(x, y, spoken)` is called with a pixel of the picture; `spoken` when it was chosen, not just passed over.
  constructor(read) {
    this.read = read;
    this.element = $("stage");
    this.overlays = [$("overlay-first"), $("overlay-second")];
    this.divider = $("divider");
    this.view = new View();
    this.split = 50;
    this.point = null;
    this.drawn = { layers: [], shown: () => false };
    listen(this.element, {
      zoom: (factor, x, y) => this.zoom(factor, x, y),
      pan: (right, down) => { this.view.pan(right, down); this.look(); },
      point: (x, y) => this.at(...this.view.pixelAt(x, y), false),
      tap: (x, y) => this.at(...this.view.pixelAt(x, y), true),
      twice: (x, y) => this.view.whole ? this.zoom(TAP, x, y) : this.showWhole(),
      zoomed: () => !this.view.whole,
    });
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.divider.addEventListener("pointerdown", (event) => this.divider.setPointerCapture(event.pointerId));
    this.divider.addEventListener("pointermove", (event) => this.dragged(event));
    this.divider.addEventListener("keydown", (event) => this.dividerKey(event));
    $("zoom-in").addEventListener("click", () => this.zoom(STEP));
    $("zoom-out").addEventListener("click", () => this.zoom(1 / STEP));
    $("zoom-whole").addEventListener("click", () => this.showWhole());
    addEventListener("resize", () => this.fit());
  }

  get size() {
    return this.view.picture;
  }

  // Show a picture at the size of its parse; turned back to how it is stored where its EXIF orientation was not applied.
  show(bitmap, width, height, unturned = 1) {
    this.view.picture = [width, height];
    this.view.reset();
    this.point = null;
    const photo = $("photo");
    photo.width = width;
    photo.height = height;
    const context = photo.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    context.setTransform(...storedFrom(unturned, width, height));
    context.drawImage(bitmap, 0, 0, ...(unturned >= 5 ? [height, width] : [width, height]));
    context.resetTransform();
    this.fit();
  }

  // As large as there is room, small pictures at most four times as large as they are.
  fit() {
    const [width, height] = this.size;
    if (!width) return;
    const room = this.element.parentElement.clientWidth - parseFloat(getComputedStyle(this.element.parentElement).paddingLeft) * 2;
    const factor = Math.min(room / width, Math.max(220, innerHeight * 0.6) / height, 4);
    const [across, down] = [width, height].map((length) => Math.max(40, Math.round(length * factor)));
    this.element.style.width = `${across}px`;
    this.element.style.height = `${down}px`;
    this.view.resize(across, down);
    this.look();
  }

  zoom(factor, ...around) {
    const [x, y] = this.point && !around.length ? this.view.pointOf(...this.point) : around;
    this.view.by(factor, x, y);
    this.look();
  }

  showWhole() {
    this.view.reset();
    this.look();
  }

  // Bring what is seen in line with the view.
  look() {
    const { view } = this;
    const [across, down] = view.stage;
    const [width, height] = this.size;
    $("plane").style.transform = `translate(${view.left}px, ${view.top}px) scale(${view.zoom})`;
    this.element.classList.toggle("zoomed", !view.whole);
    const pixel = view.scale * devicePixelRatio;
    this.element.classList.toggle("exact", pixel >= 1); // smaller ones are many to a pixel of the screen
    this.element.classList.toggle("blocks", pixel >= 4);
    $("zoom-value").textContent = `${view.zoom < 9.95 ? view.zoom.toFixed(1) : Math.round(view.zoom)}×`;
    $("zoom-in").disabled = view.zoom >= view.most;
    for (const id of ["zoom-out", "zoom-whole"]) $(id).disabled = view.whole;
    const mark = $("point");
    mark.hidden = !this.point;
    if (this.point) {
      const [x, y] = [(this.point[0] + 0.5) / width * across, (this.point[1] + 0.5) / height * down];
      mark.style.left = `${x * view.zoom + view.left}px`;
      mark.style.top = `${y * view.zoom + view.top}px`;
    }
    if (this.outlined !== pixel < 4) this.paint();
    this.cut(this.split);
  }

  // Draw the layers of one or two models; names tell them apart.
  draw(layers, names, shown) {
    const two = layers.length === 2;
    this.drawn = { layers, shown };
    this.paint();
    this.divider.hidden = !two;
    for (const [number, id] of ["name-first", "name-second"].entries()) {
      $(id).hidden = !two;
      $(id).textContent = names[number] ?? "";
    }
    this.two = two;
    this.cut(this.split);
  }

  // Where pixels are seen one by one, nothing is drawn over any of them.
  paint() {
    this.outlined = this.view.scale * devicePixelRatio < 4;
    this.overlays.forEach((canvas, number) => {
      canvas.hidden = number >= this.drawn.layers.length;
      if (!canvas.hidden) paint(canvas, this.drawn.layers[number], ...this.size, this.drawn.shown, this.outlined);
    });
  }

  set opacity(percent) {
    this.element.style.setProperty("--opacity", percent / 100);
  }

  // Put the border between the models at so many hundredths of the stage's width.
  cut(percent) {
    this.split = Math.min(100, Math.max(0, percent));
    const seen = this.border * 100;
    this.overlays[0].style.clipPath = this.two ? `inset(0 ${100 - seen}% 0 0)` : "";
    this.overlays[1].style.clipPath = `inset(0 0 0 ${seen}%)`;
    this.divider.style.left = `${this.split}%`;
    this.divider.setAttribute("aria-valuenow", Math.round(this.split));
    this.divider.setAttribute("aria-valuetext", `${Math.round(this.split)} % of the first model`);
  }

  // Where the border is in the picture, as a share of its width.
  get border() {
    const { stage: [width], left, zoom } = this.view;
    return Math.min(1, Math.max(0, (this.split / 100 * width - left) / (width * zoom)));
  }

  // Which of the two models is seen at a pixel's column.
  sideOf(x) {
    return this.two && (x + 0.5) / this.size[0] >= this.border ? 1 : 0;
  }

  at(x, y, spoken) {
    const [width, height] = this.size;
    if (!width) return;
    const pixel = [Math.min(width - 1, Math.max(0, x)), Math.min(height - 1, Math.max(0, y))];
    if (spoken) {
      this.point = pixel;
      this.look();
    }
    this.read(...pixel, spoken);
  }

  key(event) {
    if (event.target !== this.element || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], Enter: [0, 0], " ": [0, 0] };
    const zooms = { "+": () => this.zoom(STEP), "=": () => this.zoom(STEP), "-": () => this.zoom(1 / STEP), 0: () => this.showWhole() };
    const step = steps[event.key];
    if (!step && !(event.key in zooms)) return;
    event.preventDefault();
    if (!step) {
      zooms[event.key]();
      return;
    }
    const far = Math.max(1, Math.round(Math.max(...this.size) / this.view.zoom / (event.shiftKey ? 10 : 50)));
    const [x, y] = this.point ?? this.view.pixelAt(this.view.stage[0] / 2, this.view.stage[1] / 2);
    const [right, down] = [x + step[0] * far, y + step[1] * far];
    this.view.reveal(right, down);
    this.at(right, down, true);
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
    const overlay = document.createElement("canvas");
    paint(overlay, this.drawn.layers[number], ...this.size, this.drawn.shown, true);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = this.size;
    const context = canvas.getContext("2d");
    context.drawImage($("photo"), 0, 0);
    context.globalAlpha = opacity / 100;
    context.drawImage(overlay, 0, 0);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }
}

// What brings an upright picture back to how its pixels are stored, by its EXIF orientation: a canvas's transform.
function storedFrom(orientation, width, height) {
  return [
    [1, 0, 0, 1, 0, 0],
    [-1, 0, 0, 1, width, 0],
    [-1, 0, 0, -1, width, height],
    [1, 0, 0, -1, 0, height],
    [0, 1, 1, 0, 0, 0],
    [0, -1, 1, 0, 0, height],
    [0, -1, -1, 0, width, height],
    [0, 1, -1, 0, width, 0],
  ][orientation - 1];
}
