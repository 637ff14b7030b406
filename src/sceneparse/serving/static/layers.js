// Label maps out of run-length masks, the confidence beside them, and their colours.

// A layer: `at[pixel]` is 0 where there is no class, else the number of the class in `classes` plus 1; `sure[pixel]` is the
// confidence, 0 to 255.
export async function layersOf({ said, sure }) {
  const layers = {};
  for (const [name, masks] of Object.entries(said.masks)) {
    layers[name] = {
      classes: masks,
      at: labelsOf(masks, said.width, said.height),
      sure: await greyOf(sure[name], said.width, said.height),
    };
  }
  return layers;
}

// Bytes that came in base64, as a PNG.
export function pngOf(text) {
  return new Blob([Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0))], { type: "image/png" });
}

// The values of a grey picture, read in bands of about a million pixels: four bytes are needed for each that is read.
async function greyOf(png, width, height) {
  const bitmap = await createImageBitmap(png, { colorSpaceConversion: "none" });
  const rows = Math.min(height, Math.ceil(2 ** 20 / width));
  const context = new OffscreenCanvas(width, rows).getContext("2d", { willReadFrequently: true });
  const grey = new Uint8Array(width * height);
  for (let top = 0; top < height; top += rows) {
    context.drawImage(bitmap, 0, -top);
    const { data } = context.getImageData(0, 0, width, Math.min(rows, height - top));
    for (let from = 0, to = top * width; from < data.length; from += 4) grey[to++] = data[from];
  }
  bitmap.close();
  return grey;
}

// The class at a pixel and its confidence, 0..1; nothing where there is no class.
export function under(layer, x, y, width) {
  const pixel = y * width + x;
  const one = layer?.classes[layer.at[pixel] - 1];
  return one ? { name: one.name, color: one.color, confidence: layer.sure[pixel] / 255 } : null;
}

// Runs go column by column, of 0 and 1 in turn, beginning with 0.
function labelsOf(masks, width, height) {
  const at = masks.length < 256 ? new Uint8Array(width * height) : new Uint16Array(width * height);
  masks.forEach((mask, number) => {
    let place = 0;
    mask.rle.counts.forEach((count, turn) => {
      if (turn % 2) fill(at, place, count, number + 1, width, height);
      place += count;
    });
  });
  return at;
}

function fill(at, place, count, value, width, height) {
  let x = Math.floor(place / height), y = place % height;
  while (count > 0) {
    const rows = Math.min(count, height - y);
    for (let pixel = y * width + x, end = pixel + rows * width; pixel < end; pixel += width) at[pixel] = value;
    count -= rows;
    x += 1;
    y = 0;
  }
}

// Draw a layer: the colour of each class for which `shown(name)` is true, regions outlined in white where that is asked for.
export function paint(canvas, layer, width, height, shown, outlined) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!layer) return;
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const colors = new Uint32Array(layer.classes.length + 1);
  layer.classes.forEach((one, number) => {
    const [red, green, blue] = one.color;
    colors[number + 1] = shown(one.name) ? packed(red, green, blue) : 0;
  });
  const at = layer.at;
  const white = packed(255, 255, 255);
  for (let y = 0, pixel = 0; y < height; y++) {
    for (let x = 0; x < width; x++, pixel++) {
      const here = at[pixel];
      const color = colors[here];
      const right = x + 1 < width ? at[pixel + 1] : here;
      const below = y + 1 < height ? at[pixel + width] : here;
      const edge = outlined && ((here !== right && (color || colors[right])) || (here !== below && (color || colors[below])));
      pixels[pixel] = edge ? white : color;
    }
  }
  context.putImageData(image, 0, 0);
}

const LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

function packed(red, green, blue) {
  return LITTLE ? ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0 : ((red << 24) | (green << 16) | (blue << 8) | 255) >>> 0;
}
