// The page: pictures go to one or two models, and what these say is shown.

import { closeCamera, openCamera, takePicture } from "./camera.js";
import { listenForFiles } from "./dropping.js";
import { layersOf, pngOf, under } from "./layers.js";
import { announce, drawDownloads, drawLegend, drawReading, drawScene, element, facts, hand, reading } from "./panel.js";
import { openPicture, shownSize, toSend } from "./picture.js";
import { Pictures } from "./pictures.js";
import { example, models, parse, troubleOf, useKey } from "./service.js";
import { Stage } from "./stage.js";
import { drawStrip } from "./strip.js";

const $ = (id) => document.getElementById(id);
const TITLES = { objects: "Objects", parts: "Parts", materials: "Materials", textures: "Textures" };
const KINDS = { objects: "labels", parts: "parts", materials: "materials", textures: "textures" };
const MOST = 4; // times that a picture is made smaller because a model asks for it
const ALONE = "[]"; // the picture, with no model's answer
const HINT = "Point at a region, or tap it, to read its class.";

const state = {
  models: [], // as the service describes them
  limits: null, // of pictures, as the service tells
  layer: "objects",
  hidden: new Set(), // names of classes
  spot: null, // the class that is pointed at in the legend
  waiting: 0, // seconds until a busy service is asked again
  trouble: null, // what went wrong with what was last attempted
  retry: null, // how to attempt it again
};
const seen = { item: null, bitmap: null, names: "", answers: [] }; // what the stage shows, by which models
const layers = () => seen.answers.map((answer) => answer.layers[state.layer]);
const labels = () => seen.answers.map((answer) => answer.label);
const pictures = new Pictures({ wanted, work, changed });
const stage = new Stage(read);

start();

async function start() {
  $("choose").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => { take([...$("file").files]); $("file").value = ""; });
  $("example").addEventListener("click", () => attempt(async () => take([await example()])));
  $("use-camera").addEventListener("click", () => attempt(openCamera));
  $("take").addEventListener("click", () => attempt(async () => take([await takePicture()])));
  $("close-camera").addEventListener("click", () => { closeCamera(); $("use-camera").focus(); });
  $("cancel").addEventListener("click", () => pictures.stop());
  $("clear").addEventListener("click", () => { pictures.clear(); $("choose").focus(); });
  $("again").addEventListener("click", again);
  $("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    giveKey($("key").value.trim());
  });
  for (const id of ["first", "second", "compare"]) {
    $(id).addEventListener("change", () => { $("second-field").hidden = !$("compare").checked; pictures.chosen(); });
  }
  $("opacity").addEventListener("input", showOpacity);
  $("show-all").addEventListener("click", () => { state.hidden.clear(); draw(); });
  $("hide-all").addEventListener("click", () => { classNames().forEach((name) => state.hidden.add(name)); draw(); });
  listenForFiles(take);
  showOpacity();
  await attempt(listModels);
}

// Do something; show what goes wrong, with a way on.
async function attempt(action) {
  Object.assign(state, { retry: action, trouble: null });
  try {
    await action();
  } catch (error) {
    state.trouble = troubleOf(error, "This page failed. Load it again.");
  }
  drawMessage();
}

function again() {
  if (state.trouble) attempt(state.retry);
  else pictures.again();
}

// Go on with a key. One that can be none is said, and what waits for a key still does.
function giveKey(key) {
  const retry = state.trouble ? state.retry : async () => pictures.again();
  try {
    useKey(key);
  } catch (error) {
    Object.assign(state, { trouble: error, retry });
    drawMessage();
    return;
  }
  again();
}

function drawMessage() {
  const trouble = state.trouble ?? pictures.halted ?? pictures.shown?.trouble;
  $("message").hidden = !trouble;
  if (!trouble || $("message-text").textContent === trouble.message) return;
  $("message-text").textContent = trouble.message;
  $("key-form").hidden = trouble.kind !== "key";
  $("again").hidden = !trouble.again;
  if (trouble.kind === "key") $("key").focus();
}

async function listModels() {
  const answer = await models();
  const first = !state.limits;
  state.limits = answer.limits;
  state.models = answer.models;
  if (!first) return;
  for (const id of ["first", "second"]) {
    $(id).replaceChildren(...answer.models.map((model) => element("option", { value: model.name }, model.name)));
  }
  if (answer.models.length > 1) $("second").value = answer.models[1].name;
  $("compare-field").hidden = answer.models.length < 2;
  $("models").hidden = false;
  if (pictures.items.length) pictures.again();
}

// Which models are asked.
function wanted() {
  return $("compare").checked ? [$("first").value, $("second").value] : [$("first").value];
}

function take(files) {
  if (!files.length) return;
  closeCamera();
  state.trouble = null;
  pictures.add(files);
}

// Have a picture parsed by the models that have not done it yet.
async function work(item, signal) {
  if (!state.limits) await listModels();
  const ready = async () => toSend(item, await bitmapOf(item), state.limits, state.models);
  if (!item.blob) Object.assign(item, await ready());
  for (let name; ;) {
    try {
      for (name of wanted().filter((one) => !item.answers.has(one))) {
        const waiting = (left) => { state.waiting = left; drawProgress(); };
        const { confidence, ...said } = await parse(item.blob, name, "application/json;kind=confidence", { signal, waiting });
        const sure = Object.fromEntries(Object.entries(confidence).map(([layer, png]) => [layer, pngOf(png)]));
        item.answers.set(name, { label: name, said, sure });
      }
      return;
    } catch (error) {
      if (error.code !== "too-many-pixels") throw error;
      // Its shape costs more than usual ones, or it takes longer by now than when the service last said what it can do.
      if (error.fits) item.most.push({ name, pixels: error.fits.width * error.fits.height });
      await listModels();
      const smaller = await ready();
      if (smaller.pixels >= item.pixels || item.most.length > MOST) throw error; // it would be refused again, and again
      Object.assign(item, smaller);
      item.answers.clear(); // all of them are of one size
    }
  }
}

// The picture, decoded once for as long as it is shown or parsed.
function bitmapOf(item) {
  return item.bitmap ??= openPicture(item.file, state.limits?.formats ?? ["JPEG", "PNG"]);
}

function closeUnused() {
  for (const item of pictures.items) {
    if (!item.bitmap || [pictures.shown, pictures.active, seen.item].includes(item)) continue;
    item.bitmap.then((bitmap) => bitmap.close(), () => {});
    item.bitmap = null;
  }
}

function changed() {
  closeUnused();
  drawStrip(pictures);
  drawProgress();
  drawMessage();
  if (pictures.shown !== seen.item) $("result").classList.add("pending");
  document.body.classList.toggle("empty", pictures.items.length < 2 && $("result").hidden);
  present();
}

function drawProgress() {
  const { active, items } = pictures;
  const left = items.filter((item) => pictures.waits(item)).length;
  const which = items.length > 1 && active ? ` ${items.indexOf(active) + 1} of ${items.length}` : "";
  const parsing = `Parsing${which} with ${wanted().join(" and ")} …`;
  $("status").textContent = !left ? "" : state.waiting ? `The service is busy. Trying again in ${state.waiting} s …` : parsing;
  $("cancel").hidden = !left;
  document.body.classList.toggle("busy", left > 0);
}

let presenting = false, stale = false;

// Bring the stage in line with what is chosen; one call at a time.
async function present() {
  stale = true;
  if (presenting) return;
  presenting = true;
  while (stale) {
    stale = false;
    const item = pictures.shown;
    try {
      await presentOnce(item, wanted());
    } catch (error) {
      failed(item, error);
    }
  }
  presenting = false;
}

// Say that a result cannot be shown, and show the picture alone, once: that may fail as well.
function failed(item, error) {
  const first = item && !item.trouble;
  if (item) item.trouble ??= troubleOf(error, "This page failed at showing this picture.");
  else state.trouble = troubleOf(error, "This page failed. Load it again.");
  seen.names = first ? null : ALONE;
  stale ||= first;
  drawStrip(pictures);
  drawMessage();
}

async function presentOnce(item, names) {
  if (item !== seen.item) {
    const bitmap = await (item && bitmapOf(item).catch(() => null));
    if (item !== pictures.shown) return;
    Object.assign(seen, { item, bitmap, names: null, answers: [] });
    closeUnused();
    state.hidden.clear();
    state.layer = "objects";
    $("result").hidden = !bitmap;
    document.body.classList.toggle("empty", pictures.items.length < 2 && !bitmap);
  }
  if (!seen.bitmap) return;
  const done = !item.trouble && names.every((name) => item.answers.has(name));
  const key = done ? JSON.stringify(names) : ALONE;
  if (key === seen.names) {
    $("result").classList.toggle("pending", !done);
    return;
  }
  const answers = await Promise.all((done ? names : []).map(async (name) => {
    const answer = item.answers.get(name);
    return { ...answer, layers: await layersOf(answer) };
  }));
  if (item !== pictures.shown) return;
  Object.assign(seen, { names: key, answers });
  if (done) show();
  else preview();
}

// Show the picture alone while it is being parsed: what is seen never belongs to another picture or model.
function preview() {
  $("result").classList.add("pending");
  $("note").hidden = true;
  stage.show(seen.bitmap, ...shownSize(seen.bitmap));
  stage.draw([], [], () => false);
}

function show() {
  const { item, answers: [{ said }] } = seen;
  $("result").classList.remove("pending");
  stage.show(seen.bitmap, said.width, said.height, said.unturned);
  drawLayers();
  draw();
  drawScene(seen.answers.map((answer) => ({ ...answer.said, label: answer.label })));
  drawDownloads(seen.answers, save);
  $("reading").textContent = HINT;
  $("note").textContent = item.note;
  $("note").hidden = !item.note;
  $("facts").textContent = seen.answers.map(facts).join("\n");
  announce(`Parsed: ${said.classes.length} classes, most of it ${said.classes[0]?.name ?? "nothing"}. ${item.note}`);
}

// The tasks of unified models, to choose one.
function drawLayers() {
  const names = Object.keys(TITLES).filter((name) => seen.answers.some((answer) => answer.layers[name]));
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

function classNames() {
  return new Set(layers().flatMap((layer) => layer ? layer.classes.map((one) => one.name) : []));
}

// Tell what lies under a pixel; of two models, what the one that is seen there says first.
function read(x, y, spoken) {
  const { answers } = seen;
  if (!answers.length) return;
  const order = stage.sideOf(x) ? [...answers].reverse() : answers;
  const found = order.map(({ label, said, layers }) => reading(
    Object.keys(TITLES).map((name) => under(layers[name], x, y, said.width)), answers.length > 1 ? label : ""));
  drawReading(found);
  if (spoken) announce(found.map((one) => [one.model, one.name, one.sure, ...one.more].filter(Boolean).join(", ")).join("; "));
}

function showOpacity() {
  stage.opacity = $("opacity").value;
  $("opacity-value").textContent = `${$("opacity").value} %`;
}

// Download what one of the models said.
async function save(number, kind) {
  const { item, answers } = seen;
  const { label, said, layers: all } = answers[number];
  await attempt(async () => {
    const stem = item.name.replace(/\.[^.]*$/, "") || "picture";
    const base = answers.length > 1 ? `${stem}_${label}` : stem;
    if (kind === "json") {
      hand(new Blob([JSON.stringify(said)], { type: "application/json" }), `${base}.json`);
    } else if (kind === "overlay") {
      hand(await stage.picture(number, $("opacity").value), `${base}_overlay.png`);
    } else {
      const layer = KINDS[all[state.layer] ? state.layer : "objects"];
      const fetching = (left) => { $("status").textContent = left ? `The service is busy. Trying again in ${left} s …` : "Fetching the label map …"; };
      fetching(0);
      try {
        hand(await parse(item.blob, label, `image/png;kind=${layer}`, { waiting: fetching }), `${base}_${layer}.png`);
      } finally {
        drawProgress();
      }
    }
  });
}
