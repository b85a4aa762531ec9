"use strict";
const $ = (id) => document.getElementById(id);
const state = { models: [], images: [], current: -1, run: 0 };
const BATCH = 8; // images of one request
const BYTES = 16e6; // of one request, unless a single image has more
const SPLIT = [400, 408, 413]; // a request of fewer images may be answered

const percent = (share) => (100 * share).toFixed(share > 0.9995 || share < 0.0005 ? 0 : 1) + " %";
const ms = (value) => count(Number(value < 10 ? value.toPrecision(2) : value.toFixed(0))) + " ms";
const count = (number) => number.toLocaleString("en");

function say(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function failure(text, status, seconds) {
  return Object.assign(new Error(text), { status, seconds });
}

async function call(path, options = {}) {
  const token = $("token").value.trim();
  if (token) options.headers = { ...options.headers, authorization: "Bearer " + token };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw failure("The server cannot be reached.");
  }
  if (answer.status === 401) {
    $("token-choice").hidden = false;
    $("token").focus();
    throw failure(token ? "The server does not accept this token." : "Enter the server's token first.", 401);
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  const text = body.detail || `The server answered ${answer.status}.`;
  throw failure(text, answer.status, Number(answer.headers.get("retry-after")) || 1);
}

const model = () => state.models.find((one) => one.name === $("model").value) || state.models[0];
const effort = () => document.querySelector("input[name=effort]:checked").value;

async function loadModels() {
  try {
    state.models = (await call("v1/models")).filter((one) => one.task !== "detect");
  } catch (error) {
    say(error.message, true);
    return;
  }
  if (!state.models.length) {
    $("drop").hidden = $("options").hidden = true;
    say("No classifier is served here. Programs can use the API: see the reference below.");
    return;
  }
  $("model").replaceChildren(...state.models.map((one) => new Option(one.name, one.name)));
  $("model-choice").hidden = state.models.length < 2;
  say("");
  showCard();
}

function showCard() {
  const one = model();
  if (!one) return;
  for (const small of document.querySelectorAll("[data-ms]")) {
    small.textContent = "up to " + ms(one.efforts[small.dataset.ms].ms);
  }
  $("about").hidden = false;
  $("efforts").hidden = one.efforts.fast.exits.length === 0;
  $("heat-choice").hidden = !one.explains;
  const shown = one.classes.slice(0, 40).join(", ");
  const rows = [
    ["Name", `${one.name}, version ${one.version}`],
    ["Classes", `${count(one.classes.length)}: ${shown}${one.classes.length > 40 ? ", ..." : ""}`],
  ];
  if (one.top1 !== null) {
    const range = one.interval ? ` (${percent(one.interval[0])} to ${percent(one.interval[1])})` : "";
    const on = one.images ? ` on ${count(one.images)} images it was not trained on` : "";
    rows.push(["Accuracy", percent(one.top1) + range + on]);
  }
  if (one.trained_on) rows.push(["Trained on", one.trained_on]);
  rows.push(
    ["Network", `${one.architecture}, ${one.input} x ${one.input} px`],
    ["Size", `${count(one.parameters)} parameters, ${count(Number((one.macs / 1e6).toPrecision(3)))} million multiplications an image`],
    ["Speed here", `${ms(one.efforts.full.ms)} an image`],
  );
  $("card").replaceChildren(...rows.flatMap(([key, value]) => [element("dt", key), element("dd", value)]));
}

async function add(files) {
  const found = [...files].filter((file) => file.type.startsWith("image/") || file.type === "");
  if (!found.length) {
    say("No image is among these.", true);
    return;
  }
  for (const one of state.images) URL.revokeObjectURL(one.address);
  state.images = found.map((file) => ({ file, address: URL.createObjectURL(file), answer: null, heat: null }));
  state.current = -1;
  await classifyAll();
}

function fitting(images) {
  let bytes = 0;
  const end = images.findIndex((one) => (bytes += one.file.size) > BYTES);
  return end < 0 ? images : images.slice(0, Math.max(1, end));
}

async function classifyAll() {
  const all = state.images;
  const run = ++state.run; // other images, or another effort, begin another one
  $("many").hidden = all.length < 2;
  if (!model()) await loadModels();
  if (!model()) return; // the reason is said
  for (let done = 0, most = BATCH; done < all.length;) {
    const some = fitting(all.slice(done, done + most));
    say(`Classifying ${done + some.length} of ${all.length} ...`);
    try {
      await classify(some);
    } catch (error) {
      if (run !== state.run) return;
      const busy = error.status === 429;
      if (!busy && (some.length === 1 || !SPLIT.includes(error.status))) {
        say(error.message, true);
        return;
      }
      most = Math.ceil(some.length / 2);
      if (busy) await pause(error.seconds);
      if (run !== state.run) return;
      continue;
    }
    if (run !== state.run) return;
    showRows();
    if (done === 0) await show(0);
    done += some.length;
  }
  if (run === state.run) say(all.length === 1 ? "Done." : `Done: ${all.length} images.`);
}

function pause(seconds) {
  say(`The server is busy. Trying again in ${count(seconds)} s.`);
  return new Promise((resume) => setTimeout(resume, 1000 * seconds));
}

async function classify(images, exits = false) {
  const run = state.run;
  const form = new FormData();
  for (const one of images) form.append("image", one.file, one.file.name || "pasted.png");
  form.append("model", model().name);
  form.append("effort", effort());
  form.append("exits", exits);
  let found;
  try {
    found = (await call("v1/predict", { method: "POST", body: form })).answers;
  } catch (error) {
    const others = !error.status || [401, 429].includes(error.status); // not the image's fault
    if (images.length > 1 || exits || others) throw error;
    found = [{ error: error.message }];
  }
  if (run !== state.run) return;
  images.forEach((one, i) => { if (exits) one.every = found[i].exits; else one.answer = found[i]; });
}

async function show(number) {
  const one = state.images[number];
  state.current = number;
  $("result").hidden = false;
  $("shown").src = one.address;
  $("shown").alt = one.file.name || "the chosen image";
  $("shown").onload = () => $("shown").classList.toggle("small", $("shown").naturalWidth <= 64);
  $("caption").textContent = one.file.name || "pasted image";
  $("heat").hidden = true;
  $("slider-label").hidden = true;
  if (one.answer.error) {
    $("exits").replaceChildren(element("p", one.answer.error));
    return;
  }
  showExits(one);
  if (!one.every && model().efforts.fast.exits.length) {
    try { await classify([one], true); } catch { return; }
    if (state.images[state.current] === one) showExits(one);
  }
}

function showExits(one) {
  const every = one.every && one.every.length ? one.every : [one.answer];
  $("exits").replaceChildren(...every.map((answer) => {
    const box = element("div", undefined, "exit");
    box.classList.toggle("answered", every.length > 1 && answer.exit === one.answer.exit);
    const head = element("h3");
    head.append(element("b", answer.exit === "main" ? "Main classifier" : `Exit ${answer.exit.replace(/^exit/, "")}`));
    head.append(element("span", ms(answer.ms)));
    const list = element("ol", undefined, "top");
    for (const top of answer.top.slice(0, 5)) {
      const item = element("li");
      const bar = element("meter");
      bar.value = top.probability;
      bar.setAttribute("aria-label", `${top.label}: ${percent(top.probability)}`);
      item.append(element("span", top.label, "name"), bar, element("span", percent(top.probability), "share"));
      list.append(item);
    }
    box.append(head, list);
    return box;
  }));
}

function showRows() {
  if (state.images.length < 2) return;
  $("rows").replaceChildren(...state.images.flatMap((one, number) => {
    if (!one.answer) return [];
    const row = element("tr");
    const cell = element("td");
    const button = element("button", one.file.name || `image ${number + 1}`);
    button.type = "button";
    button.onclick = () => { show(number); $("result").scrollIntoView({ block: "nearest" }); };
    cell.append(button);
    row.append(cell);
    if (one.answer.error) {
      const why = element("td", one.answer.error);
      why.colSpan = 4;
      row.append(why);
    } else {
      const { label, probability, exit, ms: spent } = one.answer;
      row.append(element("td", label), element("td", percent(probability), "number"), element("td", exit, "exit-name"),
        element("td", spent.toFixed(1), "number"));
    }
    return [row];
  }));
}

function csv() {
  const safe = (text) => (/^[=+\-@\t\r]/.test(text) ? "'" + text : text); // no formula for a spreadsheet
  const quoted = (text) => '"' + safe(String(text)).replaceAll('"', '""') + '"';
  const rows = state.images.filter((one) => one.answer).map((one) => {
    const answer = one.answer;
    const head = quoted(one.file.name || "pasted");
    if (answer.error) return [head, '""', '""', '""', '""', quoted(answer.error)].join(",");
    return [head, quoted(answer.label), answer.probability, quoted(answer.exit), answer.ms, '""'].join(",");
  });
  return ["image,class,probability,exit,ms,error", ...rows].join("\r\n") + "\r\n";
}

$("download").onclick = () => {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  link.download = "classes.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};

$("explain").onclick = async () => {
  const one = state.images[state.current];
  const run = state.run;
  if (!one) return;
  if (!one.heat) {
    const form = new FormData();
    form.append("image", one.file, one.file.name || "pasted.png");
    form.append("model", model().name);
    form.append("effort", "full");
    form.append("explain", "cam");
    say("Computing the heat map ...");
    let heat;
    try {
      heat = (await call("v1/predict", { method: "POST", body: form })).answers[0].heat;
    } catch (error) {
      if (run === state.run) say(error.message, true);
      return;
    }
    if (run !== state.run) return; // other images, or another model
    one.heat = heat;
    say("");
    if (state.images[state.current] !== one) return;
  }
  $("heat").src = "data:image/png;base64," + one.heat.png;
  $("heat").alt = `Heat map: what speaks for ${one.heat.label}`;
  $("heat").style.scale = model().crop; // the network sees this share of the square
  $("heat").hidden = false;
  $("slider-label").hidden = false;
  fade();
};

function fade() { $("heat").style.opacity = $("slider").value / 100; }
$("slider").oninput = fade;
for (const id of ["files", "camera"]) {
  $(id).onchange = () => { add($(id).files); $(id).value = ""; };
}
const drop = $("drop");
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    if (name === "drop") add(event.dataTransfer.files);
  });
}
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) add(event.clipboardData.files);
});
$("options").onsubmit = (event) => event.preventDefault();
$("options").onchange = async (event) => {
  if (event.target.id === "token") {
    await loadModels();
    if (model() && state.images.some((one) => !one.answer)) classifyAll();
    return;
  }
  showCard();
  for (const one of state.images) { one.every = null; one.heat = null; }
  if (state.images.length) classifyAll();
};
loadModels();
