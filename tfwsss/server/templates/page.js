const at = id => document.getElementById(id);
const THUMB = [192, 144], STEP = 10;
let models = [], items = [], current = null, running = null, drawn = null;

function fail(message) {
  at("error").textContent = message;
  at("error").hidden = !message;
}

function made(tag, text, className) {
  const node = document.createElement(tag);
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

// === Models ===

async function start() {
  const all = await (await fetch("models")).json();
  models = all.filter(({signatures: {serving_default: d}}) => d && d.inputs.join() === "image_bytes"
                                                             && d.outputs.includes("mask_bytes"));
  for (const {name, version} of models) at("model").add(new Option(`${name}, version ${version}`, name));
  if (!models.length) fail("No model here takes image_bytes and gives mask_bytes.");
  choose();
}

function chosen() { return models[at("model").selectedIndex]; }

function choose() {
  const model = chosen(), names = model && model.signatures.with_tags ? model.labels.slice(1) : [];
  at("boxes").replaceChildren(...names.map(name => {
    const label = made("label", "", "row"), box = document.createElement("input");
    box.type = "checkbox";
    label.append(box, name);
    return label;
  }));
  at("tags").hidden = !names.length;
  if (model) at("interface").href = `annotations/label-studio?${new URLSearchParams({model: model.name})}`;
  at("interface").download = "interface.xml";
  for (const item of items) item.tags = names.map(() => false);
  again(items);
  if (current) show(current);
}

function boxes() { return [...at("boxes").querySelectorAll("input")]; }

// === Photographs ===

/** Adds files; their names without ending differ, since masks are named after them. */
function take(files) {
  const stems = new Set(items.map(item => item.stem));
  for (const file of files) {
    const [, stem, ending] = file.name.match(/^(.*?)(\.[^.]*)?$/s);
    let free = stem;
    for (let k = 2; stems.has(free); k++) free = `${stem} (${k})`;
    stems.add(free);
    const item = {file, stem: free, name: free + (ending || ""), tags: boxes().map(() => false), state: "waiting"};
    item.option = option(item);
    items.push(item);
    at("strip").append(item.option);
  }
  at("work").hidden = !items.length;
  if (!current && items.length) show(items[0]);
  tell();
  work();
}

function option(item) {
  const node = document.createElement("div"), canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = THUMB;
  node.setAttribute("role", "option");
  node.title = item.name;
  node.tabIndex = -1;
  node.append(canvas, made("span", item.name));
  node.addEventListener("click", () => show(item));
  return node;
}

function clear() {
  if (running) running.abort();
  items = [];
  current = running = drawn = null;
  at("strip").replaceChildren();
  at("work").hidden = true;
  fail("");
  tell();
  at("file").focus();
}

/** Fills a small canvas with the middle of a picture. */
function fill(canvas, picture, alpha) {
  const scale = Math.max(canvas.width / picture.width, canvas.height / picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  const brush = canvas.getContext("2d");
  brush.globalAlpha = alpha;
  brush.drawImage(picture, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
}

// === Asking ===

/** Lets photographs be asked about anew. */
function again(changed) {
  for (const item of changed) if (item.request) item.request.abort();
  for (const item of changed) Object.assign(item, {state: "waiting", reply: null, error: "", request: null});
  tell();
  work();
}

function coded(blob) {
  return new Promise((done, broken) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => broken(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** One photograph after the other, the one that is looked at first. */
async function work() {
  while (!running && chosen()) {
    const item = [current, ...items].find(one => one && one.state === "waiting");
    if (!item) return;
    const mine = running = item.request = new AbortController();
    item.state = "working";
    tell();
    if (item === current) at("stage").setAttribute("aria-busy", "true");
    try {
      await ask(item, mine.signal);
      if (!mine.signal.aborted) item.state = "done";
    } catch (error) {
      if (!mine.signal.aborted) Object.assign(item, {state: "failed", error: `${item.name}: ${error.message}`});
    }
    if (running === mine) running = null;
    if (mine.signal.aborted) continue;
    item.request = null;
    if (item === current) await show(item);
    tell();
  }
}

async function ask(item, signal) {
  const body = {inputs: {image_bytes: [{b64: await coded(item.file)}]}};
  if (item.tags.includes(true)) { body.signature_name = "with_tags"; body.inputs.tags = [item.tags.map(Number)]; }
  const begin = performance.now();
  const answer = await fetch(`v1/models/${encodeURIComponent(chosen().name)}:predict`,
                             {method: "POST", body: JSON.stringify(body), signal});
  const reply = await answer.json();
  if (!answer.ok) throw new Error(reply.error);
  const first = key => (reply.outputs[key] || [[]])[0];
  const png = Uint8Array.from(atob(first("mask_bytes").b64), letter => letter.charCodeAt(0));
  const mask = await readMask(png), canvas = item.option.firstChild;
  signal.throwIfAborted();
  item.reply = {png, ids: first("class_ids"), scores: first("class_scores"), classes: first("classes"),
                took: performance.now() - begin};
  canvas.getContext("2d").clearRect(0, 0, ...THUMB);
  await createImageBitmap(item.file).then(photo => fill(canvas, photo, 1), () => {});
  fill(canvas, mask.objects, 0.6);
}

// === Showing ===

async function show(item) {
  const before = current;
  current = item;
  for (const {option: node} of items) {
    node.setAttribute("aria-selected", node === item.option);
    node.tabIndex = node === item.option ? 0 : -1;
  }
  if (before && before !== item && before.option.contains(document.activeElement)) item.option.focus();
  item.option.scrollIntoView({block: "nearest", inline: "nearest"});
  boxes().forEach((box, k) => { box.checked = item.tags[k]; });
  const reply = item.reply;
  const [photo, mask] = await Promise.all([createImageBitmap(item.file).catch(() => null), reply && readMask(reply.png)]);
  if (current !== item || item.reply !== reply) return;
  drawn = {photo, mask};
  at("stage").setAttribute("aria-busy", item.state === "waiting" || item.state === "working");
  at("name").textContent = item.name;
  at("time").textContent = reply ? `${Math.round(reply.took)} ms` : item.state === "failed" ? "" : "the model works…";
  if (chosen()) fail(item.error);
  list(reply, mask);
  mix();
}

function mix() {
  if (!drawn) return;
  const {photo, mask} = drawn, view = at("view"), brush = view.getContext("2d");
  const size = mask ? mask.objects : photo || {width: 3, height: 2};
  [view.width, view.height] = [size.width, size.height];
  at("percent").textContent = `${at("opacity").value} %`;
  if (photo) brush.drawImage(photo, 0, 0, view.width, view.height);
  brush.globalAlpha = at("opacity").value / 100;
  if (mask && at("shown").checked) brush.drawImage(mask.objects, 0, 0);
}

function list(reply, mask) {
  const rows = reply ? reply.ids.map((id, k) => [id, reply.classes[k] ?? id, reply.scores[k]?.toFixed(3) ?? ""]) : [];
  if (mask && mask.share(255)) rows.push([255, "undecided", ""]);
  at("classes").replaceChildren(...rows.map(([id, name, score]) => {
    const row = document.createElement("tr"), swatch = made("span", "", "swatch"), first = made("td", name);
    swatch.style.background = `rgb(${mask.colour(id)})`;
    first.prepend(swatch);
    row.append(first, made("td", score, "number"), made("td", `${(100 * mask.share(id)).toFixed(1)} %`, "number"));
    return row;
  }));
  if (reply && !rows.length) at("classes").insertRow().append(made("td", "none"));
  const parts = rows.map(([id, name]) => `${name} ${(100 * mask.share(id)).toFixed(1)} %`);
  at("view").setAttribute("aria-label", `${current.name}: ${parts.join(", ") || (reply ? "no class" : "no mask yet")}`);
}

function tell() {
  const done = items.filter(item => item.state === "done"), failed = items.filter(item => item.state === "failed");
  for (const {option: node, state, name} of items) {
    node.dataset.state = state;
    node.setAttribute("aria-label", `${name}, ${state}`);
    node.lastChild.textContent = state === "failed" ? `⚠ ${name}` : name;
  }
  at("status").textContent = !items.length ? "" : `${done.length} of ${items.length} done`
                                                  + (failed.length ? `, ${failed.length} failed` : "");
  at("saving").disabled = !done.length;
  at("of").hidden = at("same").hidden = items.length < 2;
  at("count").textContent = `all ${done.length} photographs that are done`;
}

function step(places) {
  const place = items.indexOf(current) + places;
  if (items[place]) show(items[place]);
}

// === What the user does ===

function tagged(changed) {
  const tags = boxes().map(box => box.checked);
  const others = changed.filter(item => String(item.tags) !== String(tags));
  for (const item of others) item.tags = [...tags];
  again(others);
  if (others.includes(current)) show(current);
}

function faded(change) {
  at("opacity").value = Number(at("opacity").value) + change;
  at("shown").checked = true;
  mix();
}

function toggled() {
  at("shown").checked = !at("shown").checked;
  mix();
}

const KEYS = {ArrowLeft: () => step(-1), ArrowRight: () => step(1), " ": toggled, "+": () => faded(STEP),
              "=": () => faded(STEP), "-": () => faded(-STEP)};

document.addEventListener("keydown", event => {
  const inside = event.target.closest("button, a, summary, select, input:not([type=range])");
  const own = event.key === " " ? inside : event.key.startsWith("Arrow") && event.target.closest("select, [type=range]");
  if (!current || !KEYS[event.key] || own || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  KEYS[event.key]();
});
at("model").addEventListener("change", choose);
at("boxes").addEventListener("change", () => tagged([current]));
at("same").addEventListener("click", () => tagged(items));
at("opacity").addEventListener("input", mix);
at("shown").addEventListener("change", mix);
at("before").addEventListener("click", () => step(-1));
at("after").addEventListener("click", () => step(1));
at("clear").addEventListener("click", clear);
for (const button of at("saving").querySelectorAll("button"))
  button.addEventListener("click", () => save(button.dataset.form).catch(error => fail(error.message)));
at("file").addEventListener("change", () => { take(at("file").files); at("file").value = ""; });
for (const name of ["dragover", "dragleave", "drop"])
  document.addEventListener(name, event => {
    event.preventDefault();
    at("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") take(event.dataTransfer.files);
  });
document.addEventListener("paste", event => take(event.clipboardData.files));
start().catch(error => fail(`The list of models cannot be read: ${error.message}`));
