// The page: a picture goes to one or two models, and what they say is shown.

import { closeCamera, openCamera, takePicture } from "./camera.js";
import { layersOf } from "./layers.js";
import { drawDownloads, drawLegend, drawReading, drawScene, element } from "./panel.js";
import { openPicture } from "./picture.js";
import { models, parse, Trouble, useKey } from "./service.js";
import { Stage } from "./stage.js";

const $ = (id) => document.getElementById(id);
const TITLES = { objects: "Objects", parts: "Parts", materials: "Materials", textures: "Textures" };
const KINDS = { objects: "labels", parts: "parts", materials: "materials", textures: "textures" };

const state = {
  models: [], // as the service describes them
  limits: null, // of pictures, as the service tells
  picture: null, // { bitmap, blob, stem, note }
  chosen: 0, // pictures that were chosen so far: the last one counts, whichever is read first
  answers: new Map(), // of the picture, by model
  layer: "objects",
  hidden: new Set(), // names of classes
  spot: null, // the class that is pointed at in the legend
  run: null, // AbortController of the parse that is on its way
  retry: null, // what "Try again" does
};
const stage = new Stage(read);

start();

async function start() {
  $("choose").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => { take([...$("file").files]); $("file").value = ""; });
  $("use-camera").addEventListener("click", () => attempt(openCamera));
  $("take").addEventListener("click", () => attempt(async () => take([await takePicture()])));
  $("close-camera").addEventListener("click", () => { closeCamera(); $("use-camera").focus(); });
  $("cancel").addEventListener("click", () => state.run?.abort());
  $("again").addEventListener("click", () => attempt(state.retry));
  $("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    useKey($("key").value.trim());
    attempt(state.retry);
  });
  for (const id of ["first", "second", "compare"]) $(id).addEventListener("change", () => { chosen(); attempt(run); });
  $("opacity").addEventListener("input", showOpacity);
  $("show-all").addEventListener("click", () => { state.hidden.clear(); draw(); });
  $("hide-all").addEventListener("click", () => { classNames().forEach((name) => state.hidden.add(name)); draw(); });
  addEventListener("paste", (event) => event.clipboardData?.files.length && take([...event.clipboardData.files]));
  for (const name of ["dragenter", "dragover"]) {
    addEventListener(name, (event) => { event.preventDefault(); document.body.classList.add("dragging"); });
  }
  addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dragging"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    take([...event.dataTransfer.files]);
  });
  showOpacity();
  await attempt(listModels);
}

// Do something; show what goes wrong, with a way on.
async function attempt(action) {
  state.retry = action;
  hideMessage();
  try {
    await action();
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof Trouble)) console.error(error);
    showMessage(error instanceof Trouble ? error : new Trouble("refused", "This page failed. Load it again."));
  }
}

function showMessage(trouble) {
  $("message-text").textContent = trouble.message;
  $("key-form").hidden = trouble.kind !== "key";
  $("again").hidden = !trouble.again;
  $("message").hidden = false;
  if (trouble.kind === "key") $("key").focus();
}

function hideMessage() {
  $("message").hidden = true;
}

async function listModels() {
  const answer = await models();
  state.limits = answer.limits;
  state.models = answer.models;
  for (const id of ["first", "second"]) {
    $(id).replaceChildren(...answer.models.map((model) => element("option", { value: model.name }, model.name)));
  }
  if (answer.models.length > 1) $("second").value = answer.models[1].name;
  $("compare-field").hidden = answer.models.length < 2;
  $("models").hidden = false;
  if (state.picture) await run();
}

// How many pixels a picture may have for each of the models to parse it in time.
function largest() {
  return Math.min(...state.models.map((model) => model.max_pixels));
}

// Which models are asked.
function chosen() {
  const compare = $("compare").checked;
  $("second-field").hidden = !compare;
  return compare ? [$("first").value, $("second").value] : [$("first").value];
}

async function take(files) {
  if (!files.length) return;
  closeCamera();
  const number = ++state.chosen;
  await attempt(async () => {
    if (files.length > 1) throw new Trouble("refused", "One picture at a time, please.", { again: false });
    if (!state.limits) await listModels();
    state.run?.abort();
    const picture = await openPicture(files[0], state.limits, largest()).catch((error) => { if (number === state.chosen) throw error; });
    if (number !== state.chosen) return;
    state.picture = picture;
    state.answers.clear();
    state.hidden.clear();
    state.layer = "objects";
    state.retry = run; // the picture is there: only its parse may have to be tried again
    await run();
  });
}

// Show the picture alone while it is being parsed: what is seen never belongs to another picture or model.
function preview() {
  document.body.classList.remove("empty");
  $("result").classList.add("pending");
  $("result").hidden = false;
  stage.show(state.picture.bitmap, state.picture.bitmap.width, state.picture.bitmap.height);
  stage.draw([], [], () => false);
}

// Have the picture parsed by the chosen models, unless they have done it already.
async function run() {
  if (!state.picture) return;
  state.run?.abort();
  const control = state.run = new AbortController();
  const names = chosen();
  const missing = [...new Set(names)].filter((name) => !state.answers.has(name));
  try {
    if (missing.length) {
      preview();
      busy(`Parsing with ${missing.join(" and ")} …`, true);
    }
    const waiting = (left) => busy(left ? `The service is busy. Trying again in ${left} s …` : `Parsing with ${missing.join(" and ")} …`, true);
    const { blob } = state.picture;
    const got = await Promise.all(missing.map((name) => parse(blob, name, "application/json", { signal: control.signal, waiting })));
    control.signal.throwIfAborted(); // another choice was made meanwhile
    missing.forEach((name, number) => state.answers.set(name, { ...got[number], label: name, layers: layersOf(got[number]) }));
    busy("", false);
    show(missing.length > 0);
  } catch (error) {
    control.abort(); // the other model's parse too
    if (state.run === control) busy(error.name === "AbortError" ? "Stopped." : "", false);
    if (error.name === "AbortError" && state.run === control) {
      showMessage(new Trouble("refused", "Stopped before the answer came."));
    }
    throw error;
  } finally {
    if (state.run === control) state.run = null;
  }
}

function busy(text, running) {
  $("status").textContent = text;
  $("cancel").hidden = !running;
  document.body.classList.toggle("busy", running);
}

// The answers of the chosen models, in their order.
function answers() {
  return chosen().map((name) => state.answers.get(name)).filter(Boolean);
}

function show(fresh) {
  const [first] = answers();
  $("result").classList.remove("pending");
  stage.show(state.picture.bitmap, first.width, first.height);
  drawLayers();
  draw();
  drawScene(answers());
  drawDownloads(answers(), save);
  $("reading").textContent = "Point at a region to read its class.";
  $("facts").textContent = [state.picture.note, ...answers().map(facts)].filter(Boolean).join("\n");
  if (fresh) {
    const [largest] = first.classes;
    busy("", false);
    announce(`Parsed: ${first.classes.length} classes, most of it ${largest?.name ?? "nothing"}.`);
  }
}

function facts(answer) {
  const { waited, parsed } = answer.seconds;
  const seconds = (value) => `${value.toFixed(value < 1 ? 2 : 1)} s`;
  const { width, height } = answer.tested;
  const at = width === answer.width && height === answer.height ? "" : ` at ${width} × ${height}`;
  const text = `${answer.label}: ${answer.width} × ${answer.height} pixels, parsed${at} in ${seconds(parsed)} after waiting ${seconds(waited)}; ${answer.protocol.description}.`;
  return answer.doubt ? `${text}\nDoubtful: ${answer.doubt}.` : text;
}

// The tasks of unified models, to choose one.
function drawLayers() {
  const names = Object.keys(TITLES).filter((name) => answers().some((answer) => answer.layers[name]));
  if (!names.includes(state.layer)) state.layer = "objects";
  $("layers").hidden = names.length < 2;
  $("layers").replaceChildren($("layers").querySelector("legend"), ...names.map((name) => {
    const input = element("input", { type: "radio", name: "layer", value: name, checked: name === state.layer });
    input.addEventListener("change", () => {
      state.layer = name;
      state.hidden.clear();
      draw();
    });
    return element("label", {}, input, TITLES[name]);
  }));
}

function draw() {
  state.spot = null;
  drawOverlays();
  const toggled = (name, on) => {
    if (on) state.hidden.delete(name); else state.hidden.add(name);
    state.spot = null;
    drawOverlays();
  };
  const spotted = (name) => {
    state.spot = state.hidden.has(name) ? null : name;
    drawOverlays();
  };
  $("legend-title").textContent = state.layer === "objects" ? "Classes" : TITLES[state.layer];
  drawLegend(layers(), labels(), state.hidden, { toggled, spotted });
}

function drawOverlays() {
  stage.draw(layers(), labels(), (name) => state.spot ? name === state.spot : !state.hidden.has(name));
}

function layers() {
  return answers().map((answer) => answer.layers[state.layer]);
}

function labels() {
  return answers().map((answer) => answer.label);
}

function classNames() {
  return new Set(layers().flatMap((layer) => layer ? layer.classes.map((one) => one.name) : []));
}

// Tell what lies under a pixel; of two models, what the one that is seen there says first.
function read(x, y, spoken) {
  const all = answers();
  if (!all.length) return;
  const order = stage.sideOf(x) ? [...all].reverse() : all;
  const found = order.map((answer) => {
    const under = (name) => {
      const layer = answer.layers[name];
      return layer?.classes[layer.at[y * answer.width + x] - 1];
    };
    const object = under("objects");
    const more = Object.keys(TITLES).slice(1).map(under).filter(Boolean).map((one) => one.name);
    return { name: object?.name ?? "no class", color: object?.color, more, model: all.length > 1 ? answer.label : "" };
  });
  drawReading(found);
  if (spoken) announce(found.map((where) => [where.model, where.name, ...where.more].filter(Boolean).join(", ")).join("; "));
}

function announce(text) {
  $("announce").textContent = "";
  setTimeout(() => { $("announce").textContent = text; }, 30); // the same words twice are spoken twice
}

function showOpacity() {
  stage.opacity = $("opacity").value;
  $("opacity-value").textContent = `${$("opacity").value} %`;
}

// Download what one of the models said.
async function save(number, kind) {
  await attempt(async () => {
    const answer = answers()[number];
    const { stem, blob } = state.picture;
    const base = answers().length > 1 ? `${stem}_${answer.label}` : stem;
    if (kind === "json") {
      const { layers: _, label: __, ...rest } = answer;
      hand(new Blob([JSON.stringify(rest)], { type: "application/json" }), `${base}.json`);
    } else if (kind === "overlay") {
      hand(await stage.picture(number, $("opacity").value), `${base}_overlay.png`);
    } else {
      const layer = answer.layers[state.layer] ? state.layer : "objects";
      busy("Fetching the label map …", false);
      try {
        const map = await parse(blob, answer.label, `image/png;kind=${KINDS[layer]}`, { waiting: (left) => busy(`The service is busy. Trying again in ${left} s …`, false) });
        hand(map, `${base}_${KINDS[layer]}.png`);
      } finally {
        busy("", false);
      }
    }
  });
}

function hand(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  announce(`${name} is downloaded.`);
}
