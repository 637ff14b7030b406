// A picture that the user chose: shown as the browser decodes it, sent as it is where the service's limits allow.

import { Trouble } from "./service.js";

const TYPES = { JPEG: "image/jpeg", PNG: "image/png", WEBP: "image/webp", GIF: "image/gif", BMP: "image/bmp", TIFF: "image/tiff", AVIF: "image/avif" };

// More pixels than this only cost time and memory here: nobody sees them on a screen.
const SHOWN = 2 ** 24;

// Decode a picture.
export async function openPicture(file, formats) {
  const name = file.name || "picture";
  if (!file.size) throw new Trouble("refused", `${name} is empty.`, { again: false });
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    const allowed = formats.map((format) => format === "WEBP" ? "WebP" : format).join(", ");
    throw new Trouble("refused", `${name} is not a picture that can be read here. Use one of ${allowed}.`, { again: false });
  }
}

// Width and height at which a picture is drawn here before it is parsed.
export function shownSize({ width, height }) {
  const scale = Math.min(1, Math.sqrt(SHOWN / (width * height)));
  return [width, height].map((length) => Math.max(1, Math.floor(length * scale)));
}

// What is sent of a picture, which the service and each of its models can do in time by what they said; how many pixels it has,
// and a note on what was done to it. `most` holds what models said of this very picture.
export async function toSend({ file, most }, bitmap, limits, models) {
  const { width, height } = bitmap;
  const able = models.filter((model) => model.largest_pixels); // one that can parse nothing says so itself, when it is asked
  const bounds = [
    ...[...able.map(({ name, largest_pixels: pixels }) => ({ name, pixels })), ...most].map(({ name, pixels }) => (
      [Math.sqrt(pixels / (width * height)), `${name} can parse at most ${count(pixels)} pixels of it here`])),
    [Math.sqrt(limits.max_pixels / (width * height)), `this service takes at most ${count(limits.max_pixels)} pixels`],
    [limits.max_side / Math.max(width, height), `this service takes sides of at most ${count(limits.max_side)} pixels`],
    [Math.sqrt(SHOWN / (width * height)), `this page shows at most ${count(SHOWN)} pixels`],
  ];
  // Of two that are equally tight the service's own limit is the reason: a model's can be no wider.
  const [fits, why] = bounds.reduce((one, other) => other[0] <= one[0] ? other : one);
  const known = limits.formats.some((format) => TYPES[format] === file.type);
  if (fits >= 1 && known && file.size <= limits.max_bytes) return { blob: file, pixels: width * height, note: "" };
  return smaller(bitmap, Math.min(1, fits), limits, why, known);
}

// The picture as a JPEG within the limits.
async function smaller(bitmap, factor, limits, why, known) {
  for (let scale = factor; ; scale *= 0.8) {
    const width = Math.max(1, Math.floor(bitmap.width * scale));
    const height = Math.max(1, Math.floor(bitmap.height * scale));
    const blob = await drawn(bitmap, width, height);
    if (blob.size > limits.max_bytes && Math.min(width, height) >= 64) continue;
    const reason = factor < 1 ? why : `this service takes files of at most ${count(limits.max_bytes)} bytes`;
    const pixels = width * height;
    if (scale < 1) return { blob, pixels, note: `Made smaller before it was sent, ${bitmap.width} × ${bitmap.height} → ${width} × ${height} pixels: ${reason}.` };
    return { blob, pixels, note: known ? "" : "Saved as JPEG before it was sent: this service does not take the file's own form." };
  }
}

async function drawn(bitmap, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff"; // as the service lays transparent parts over white
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
}

function count(number) {
  return number.toLocaleString("en");
}
