// Label maps out of run-length masks, and their colours.

// A layer: `at[pixel]` is 0 where there is no class, else the number of the class in `classes` plus 1.
export function layersOf(answer) {
  const layers = {};
  for (const [name, masks] of Object.entries(answer.masks)) {
    layers[name] = { classes: masks, at: labelsOf(masks, answer.width, answer.height) };
  }
  return layers;
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

// Draw a layer: the colour of each class for which `shown(name)` is true, regions outlined in white.
export function paint(canvas, layer, width, height, shown) {
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
      const edge = (here !== right && (color || colors[right])) || (here !== below && (color || colors[below]));
      pixels[pixel] = edge ? white : color;
    }
  }
  context.putImageData(image, 0, 0);
}

const LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

function packed(red, green, blue) {
  return LITTLE ? ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0 : ((red << 24) | (green << 16) | (blue << 8) | 255) >>> 0;
}
