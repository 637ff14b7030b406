// Which section of the picture is seen. Lengths are CSS pixels of the stage, a picture's pixels where it is said.

const DEEPEST = 32; // a pixel of the picture is never larger than that

export class View {
  constructor() {
    this.picture = [0, 0]; // width and height in its own pixels
    this.stage = [1, 1];
    this.reset();
  }

  // All of the picture is seen.
  reset() {
    this.zoom = 1;
    this.left = 0; // where the picture's corner lies
    this.top = 0;
  }

  // The stage has another size: what was in its middle stays there.
  resize(width, height) {
    const [before] = this.stage;
    this.stage = [width, height];
    this.left *= width / before;
    this.top *= width / before;
    this.clamp();
  }

  // How large a pixel of the picture is.
  get scale() {
    return this.picture[0] ? this.zoom * this.stage[0] / this.picture[0] : 1;
  }

  get most() {
    return Math.max(1, DEEPEST * this.picture[0] / this.stage[0]);
  }

  get whole() {
    return this.zoom === 1;
  }

  // Zoom by a factor; what lies at a point of the stage stays there.
  by(factor, x = this.stage[0] / 2, y = this.stage[1] / 2) {
    const zoom = Math.min(this.most, Math.max(1, this.zoom * factor));
    this.left = x - (x - this.left) * zoom / this.zoom;
    this.top = y - (y - this.top) * zoom / this.zoom;
    this.zoom = zoom < 1.001 ? 1 : zoom;
    this.clamp();
  }

  pan(right, down) {
    this.left += right;
    this.top += down;
    this.clamp();
  }

  // Nothing beside the picture is ever seen.
  clamp() {
    const [width, height] = this.stage;
    this.left = Math.min(0, Math.max(width * (1 - this.zoom), this.left));
    this.top = Math.min(0, Math.max(height * (1 - this.zoom), this.top));
  }

  // The picture's pixel at a point of the stage.
  pixelAt(x, y) {
    const inside = (value, length) => Math.min(length - 1, Math.max(0, Math.floor(value)));
    return [inside((x - this.left) / this.scale, this.picture[0]), inside((y - this.top) / this.scale, this.picture[1])];
  }

  // The point of the stage at the middle of a pixel.
  pointOf(x, y) {
    return [(x + 0.5) * this.scale + this.left, (y + 0.5) * this.scale + this.top];
  }

  // Pan just so far that a pixel is seen, with some of what is around it.
  reveal(x, y) {
    const [across, down] = this.pointOf(x, y);
    const [width, height] = this.stage;
    const back = (at, length) => at < 0.12 * length ? 0.12 * length - at : at > 0.88 * length ? 0.88 * length - at : 0;
    this.pan(back(across, width), back(down, height));
  }
}
