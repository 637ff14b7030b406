// Beside the picture: the scene, the classes with their shares, what can be downloaded, and what is spoken.

const $ = (id) => document.getElementById(id);

export function share(value) {
  const percent = 100 * value;
  return percent >= 9.95 ? `${percent.toFixed(0)} %` : percent >= 0.05 ? `${percent.toFixed(1)} %` : "<0.1 %";
}

export function css([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "color") made.style.background = css(value);
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// The classes of one or two layers, the largest first, each with a box that shows or hides it.
export function drawLegend(layers, names, hidden, { toggled, spotted }) {
  const list = $("legend");
  const two = layers.length === 2;
  list.classList.toggle("two", two);
  $("columns").hidden = !two;
  [...$("columns").children].forEach((cell, number) => { cell.textContent = number ? "right" : "left"; });
  const rows = new Map();
  layers.forEach((layer, number) => layer?.classes.forEach((one) => {
    const row = rows.get(one.name) ?? { ...one, shares: [0, 0] };
    row.shares[number] = one.share;
    rows.set(one.name, row);
  }));
  const sorted = [...rows.values()].sort((a, b) => Math.max(...b.shares) - Math.max(...a.shares));
  list.replaceChildren(...sorted.map((row) => {
    const box = element("input", { type: "checkbox", checked: !hidden.has(row.name) });
    const shares = layers.map((_, number) => element("span", { className: "share" }, row.shares[number] ? share(row.shares[number]) : "–"));
    const bar = element("i", { color: row.color });
    bar.style.width = `${100 * Math.max(...row.shares)}%`;
    const said = two
      ? `${row.name}, ${names.map((name, number) => `${row.shares[number] ? share(row.shares[number]) : "none"} by ${name}`).join(", ")}`
      : `${row.name}, ${share(row.shares[0])}, mean confidence ${share(row.confidence)}`;
    box.setAttribute("aria-label", said);
    const label = element("label", { title: two ? "" : `mean confidence ${share(row.confidence)}` },
      box, element("span", { className: "chip", color: row.color }), element("span", { className: "name" }, row.name), ...shares,
      element("span", { className: "bar" }, bar));
    const item = element("li", { className: box.checked ? "" : "off" }, label);
    box.addEventListener("change", () => {
      item.classList.toggle("off", !box.checked);
      toggled(row.name, box.checked);
    });
    label.addEventListener("mouseenter", () => spotted(row.name));
    label.addEventListener("mouseleave", () => spotted(null));
    return item;
  }));
  if (!sorted.length) list.append(element("li", { className: "none" }, "This model predicts nothing here."));
}

// The kinds of scene that unified models tell.
export function drawScene(answers) {
  const scenes = answers.filter((answer) => answer.scene);
  $("scene").hidden = !scenes.length;
  $("scene-list").replaceChildren(...scenes.flatMap((answer) => [
    ...(answers.length > 1 ? [element("p", { className: "guess-of" }, answer.label)] : []),
    ...answer.scene.slice(0, 3).map((guess) => {
      const bar = element("i");
      bar.style.width = `${100 * guess.probability}%`;
      return element("div", { className: "guess" }, element("span", {}, guess.name),
        element("span", { className: "share" }, share(guess.probability)), element("span", { className: "bar" }, bar));
    }),
  ]));
}

// Three buttons for each model.
export function drawDownloads(answers, save) {
  $("downloads").replaceChildren(...answers.flatMap((answer, number) => [
    ...(answers.length > 1 ? [element("p", { className: "download-of" }, answer.label)] : []),
    element("div", { className: "download" }, ...[["labels", "Label map"], ["overlay", "Overlay"], ["json", "JSON"]].map(([kind, text]) => {
      const button = element("button", { type: "button" }, text);
      button.dataset.save = kind;
      if (answers.length > 1) button.setAttribute("aria-label", `${text} of ${answer.label}`);
      button.addEventListener("click", () => save(number, kind));
      return button;
    })),
  ]));
}

// What a model shows at a pixel, in words: the object, and what its other layers show there, which may be nothing.
export function reading([object, ...others], model) {
  return {
    name: object?.name ?? "no class",
    color: object?.color,
    sure: object ? share(object.confidence) : "",
    more: others.filter(Boolean).map((one) => `${one.name} ${share(one.confidence)}`),
    model,
  };
}

// What lies under a pixel, as a line: the object, and what the other layers show.
export function drawReading(found) {
  const line = found.map((where) => {
    const chip = element("span", { className: "chip", color: where.color ?? [128, 128, 128] });
    const parts = [chip, element("b", {}, where.name)];
    if (where.sure) parts.push(element("span", { className: "sure", title: "how sure the model is at this pixel" }, where.sure));
    parts.push(...where.more.map((one) => element("span", { className: "more" }, one)));
    if (where.model) parts.push(element("span", {}, `(${where.model})`));
    return element("span", { className: "where" }, ...parts);
  });
  $("reading").replaceChildren(...line);
}

// How a model parsed the picture, in a sentence, and why its answer may be doubtful.
export function facts({ label, said }) {
  const { waited, parsed } = said.seconds;
  const seconds = (value) => `${value.toFixed(value < 1 ? 2 : 1)} s`;
  const { width, height } = said.tested;
  const at = width === said.width && height === said.height ? "" : ` at ${width} × ${height}`;
  const text = `${label}: ${said.width} × ${said.height} pixels, parsed${at} in ${seconds(parsed)} after waiting ${seconds(waited)}; ${said.protocol.description}.`;
  return said.doubt ? `${text}\nDoubtful: ${said.doubt}.` : text;
}

// Say something to those who hear the page.
export function announce(text) {
  $("announce").textContent = "";
  setTimeout(() => { $("announce").textContent = text; }, 30); // the same words twice are spoken twice
}

// Give the user a file.
export function hand(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  announce(`${name} is downloaded.`);
}
