// The API's documentation, made of the service's own OpenAPI description: every endpoint can be tried.

import { element } from "./panel.js";
import { headers, useKey } from "./service.js";

const $ = (id) => document.getElementById(id);
const MOST = 20000; // characters of an answer that are shown

start();

async function start() {
  $("key").addEventListener("change", takeKey);
  try {
    const answer = await fetch("openapi.json");
    const { paths } = await answer.json();
    const all = Object.entries(paths).flatMap(([path, verbs]) => Object.entries(verbs).map(([verb, operation]) => endpoint(path, verb.toUpperCase(), operation)));
    all[0].open = true;
    $("endpoints").append(...all);
  } catch {
    $("message").textContent = "The service does not answer. Is it still running, and is this device connected?";
    $("message").hidden = false;
  }
}

function endpoint(path, verb, operation) {
  const fields = inputs(operation);
  const command = element("pre", { className: "command" });
  const outcome = element("div", { className: "answer", role: "status" });
  const form = element("form", { className: "try" }, ...fields.map((one) => one.label), element("button", { className: "primary" }, "Send"));
  const change = () => { command.textContent = curl(path, verb, fields); };
  form.addEventListener("input", change);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(path, verb, fields, outcome);
  });
  change();
  const statuses = Object.entries(operation.responses).flatMap(([status, one]) => [element("dt", {}, status), element("dd", {}, one.description)]);
  const example = operation.responses[200].content?.["application/json"]?.example;
  return element("details", { className: "endpoint" },
    element("summary", {}, element("span", { className: "verb" }, verb), element("code", {}, path), element("span", { className: "about" }, operation.summary)),
    element("div", { className: "inside" },
      form, command, outcome,
      ...(example ? [element("h2", {}, "An answer"), element("pre", { tabIndex: 0 }, pretty(example))] : []),
      element("h2", {}, "Statuses"), element("dl", { className: "statuses" }, ...statuses)));
}

// What can be chosen for a request: parameters of its address, the form of the answer, a picture.
function inputs(operation) {
  const field = (kind, name, text, input) => ({ kind, name, input, label: element("label", {}, element("span", {}, text), input) });
  const found = (operation.parameters ?? []).filter((one) => one.in === "query").map((one) => {
    const example = one.schema.examples?.[0] ?? one.examples?.[0] ?? "";
    return field("query", one.name, `${one.name}: ${one.description}`, element("input", { placeholder: example, required: one.required }));
  });
  const accept = operation["x-accept"];
  if (accept) {
    found.push(field("accept", "Accept", "Accept: the form of the answer", element("select", {}, ...accept.map((one) => element("option", { value: one }, one)))));
  }
  if (operation.requestBody) {
    found.push(field("file", "file", "A picture (without one, an example is sent)", element("input", { type: "file", accept: "image/*" })));
  }
  return found;
}

// One that can be none is said at its field.
function takeKey({ target: field }) {
  try {
    useKey(field.value.trim());
    field.setCustomValidity("");
  } catch (error) {
    field.setCustomValidity(error.message);
  }
  field.reportValidity();
}

function address(path, fields) {
  const query = fields.filter((one) => one.kind === "query" && one.input.value).map((one) => `${one.name}=${encodeURIComponent(one.input.value)}`);
  return path.slice(1) + (query.length ? `?${query.join("&")}` : "");
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// The same request as a command.
function curl(path, verb, fields) {
  const accept = fields.find((one) => one.kind === "accept");
  const file = fields.find((one) => one.kind === "file");
  return ["curl",
    ...(file ? ["--data-binary", quoted(`@${file.input.files[0]?.name ?? "photo.jpg"}`)] : []),
    ...(accept ? ["-H", quoted(`Accept: ${accept.input.value}`)] : []),
    ...(accept?.input.value.startsWith("image/") ? ["-o", `answer.${accept.input.value.includes("png") ? "png" : "jpg"}`] : []),
    ...("Authorization" in headers() ? ["-H", quoted("Authorization: Bearer KEY")] : []),
    quoted(new URL(address(path, fields), location.href).href)].join(" ");
}

async function send(path, verb, fields, outcome) {
  outcome.replaceChildren(element("p", { className: "outcome" }, "Waiting for the answer …"));
  const accept = fields.find((one) => one.kind === "accept")?.input.value;
  const field = fields.find((one) => one.kind === "file");
  try {
    const body = field && (field.input.files[0] ?? await (await fetch("static/example.jpg")).blob());
    const head = { ...(accept ? { Accept: accept } : {}), ...(body ? { "Content-Type": body.type || "application/octet-stream" } : {}) };
    const began = performance.now();
    const answer = await fetch(address(path, fields), { method: verb, body, headers: headers(head) });
    const content = await answer.blob();
    const seconds = ((performance.now() - began) / 1000).toFixed(2);
    const type = answer.headers.get("Content-Type") ?? "";
    const said = `${answer.status} ${answer.statusText}, ${type}, ${content.size.toLocaleString("en")} bytes in ${seconds} s`;
    outcome.replaceChildren(element("p", { className: answer.ok ? "outcome" : "outcome bad" }, said), await shown(content, type));
  } catch {
    outcome.replaceChildren(element("p", { className: "outcome bad" }, "The service does not answer. Is it still running, and is this device connected?"));
  }
}

async function shown(content, type) {
  if (type.startsWith("image/")) {
    const image = element("img", { src: URL.createObjectURL(content), alt: `The answer: ${type}` });
    image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
    return image;
  }
  let text = await content.text();
  if (type.includes("json")) text = pretty(JSON.parse(text));
  const left = text.length - MOST;
  return element("pre", { tabIndex: 0 }, left > 0 ? `${text.slice(0, MOST)}\n… and ${left.toLocaleString("en")} characters more` : text);
}

// JSON for people: an object's keys in lines, a list of numbers in one.
function pretty(value) {
  return JSON.stringify(value, short, 1).replace(/\[\s+([^[\]{}]+?)\s+\]/g, (_, values) => `[${values.replace(/\s+/g, " ")}]`);
}

// Long runs and pictures in base64 are cut here, not in the answer.
function short(key, value) {
  if (Array.isArray(value) && value.length > 12 && typeof value[0] === "number") return [...value.slice(0, 12), `… ${value.length - 12} more`];
  return typeof value === "string" && value.length > 300 ? `${value.slice(0, 60)}… ${(value.length - 60).toLocaleString("en")} characters more` : value;
}
