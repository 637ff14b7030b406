// The picture that the user chose: shown as the browser decodes it, sent as it is where the service's limits allow.

import { Trouble } from "./service.js";

const TYPES = { JPEG: "image/jpeg", PNG: "image/png", WEBP: "image/webp", GIF: "image/gif", BMP: "image/bmp", TIFF: "image/tiff", AVIF: "image/avif" };

// More pixels than this only cost time and memory here: nobody sees them on a screen.
const SHOWN = 2 ** 24;

export async function openPicture(file, limits, most) {
  const name = file.name || "picture";
  const allowed = limits.formats.map((format) => format === "WEBP" ? "WebP" : format).join(", ");
  if (!file.size) throw new Trouble("refused", `${name} is empty.`, { again: false });
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Trouble("refused", `${name} is not a picture that can be read here. Use one of ${allowed}.`, { again: false });
  }
  const { width, height } = bitmap;
  const fits = Math.min(1, Math.sqrt(Math.min(SHOWN, most, limits.max_pixels) / (width * height)), limits.max_side / Math.max(width, height));
  const known = limits.formats.some((format) => TYPES[format] === file.type);
  const stem = name.replace(/\.[^.]*$/, "") || "picture";
  if (fits === 1 && known && file.size <= limits.max_bytes) return { bitmap, blob: file, stem, note: "" };
  return { bitmap, stem, ...(await smaller(bitmap, fits, limits, known && file.size <= limits.max_bytes)) };
}

// The picture as a JPEG within the limits, and a note that says what was done.
async function smaller(bitmap, factor, limits, onlyPixels) {
  const [before, quality] = [`${bitmap.width} × ${bitmap.height}`, 0.92];
  let scale = factor;
  for (;;) {
    const width = Math.max(1, Math.floor(bitmap.width * scale));
    const height = Math.max(1, Math.floor(bitmap.height * scale));
    const blob = await drawn(bitmap, width, height, quality);
    if (blob.size <= limits.max_bytes || Math.min(width, height) < 64) {
      const note = scale < 1
        ? `The picture was made smaller for this service: ${before} → ${width} × ${height} pixels.`
        : onlyPixels ? "" : "The picture was saved as JPEG for this service.";
      return { blob, note };
    }
    scale *= 0.8;
  }
}

async function drawn(bitmap, width, height, quality) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff"; // as the service lays transparent parts over white
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
}
