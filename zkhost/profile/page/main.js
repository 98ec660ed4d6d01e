// Wires the views together. What is shown (metric, direction, search, theme) is in the address after #, so a link keeps it.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const run = data.profile.run;
const compared = Boolean(data.base);

const DEFAULTS = { metric: "user", view: "down", inlined: "show", start: "hide", search: "", theme: "" };
const settings = { ...DEFAULTS, ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))) };

const NONE = new Set();
const above = startUp(topDown(data, { fold: false, skip: NONE }));
let down, rows;
function aggregate() {
  down = topDown(data, { fold: settings.inlined === "fold", skip: NONE });
  rows = byFunction(down);
}
aggregate();
const metric = () => METRICS[settings.metric] || METRICS.user;
const whole = () => metric().of(down.total);

function keep(changes) {
  Object.assign(settings, changes);
  const kept = Object.entries(settings).filter(([key, value]) => value !== DEFAULTS[key]);
  try { history.replaceState(null, "", "#" + new URLSearchParams(kept)); } catch { /* a page without an address keeps nothing */ }
}

// Colours: the guest's own crate stands out, the standard library and the runtime stay quiet, every other crate has its own hue.
const QUIET = { core: 0, alloc: 1, std: 2, runtime: 3, compiler_builtins: 4, zkvm: 5 };
const byCost = byCrate(rows, (cost) => cost[0] + cost[1]).map(([name]) => name);
const guestCrate = (() => {
  const main = [...rows.values()].filter(({ fn }) => /(^|::)main$/.test(fn.name) && !(fn.crate in QUIET));
  return main.length ? main[0].fn.crate : byCost.find((name) => !(name in QUIET) && !name.startsWith("risc0"));
})();
const HUES = [188, 255, 320, 95, 222, 150, 285, 60, 350, 205];
const others = [...new Set([...byCost, ...[...rows.values()].map(({ fn }) => fn.crate)])].filter((name) => !(name in QUIET) && name !== guestCrate);
function crateColour(name) {
  if (name === guestCrate) return "oklch(var(--l) var(--c) 55)";
  if (name in QUIET) return `oklch(calc(var(--l) - ${QUIET[name] * 0.012}) 0.03 ${240 + QUIET[name] * 12})`;
  return `oklch(var(--l) calc(var(--c) * 0.8) ${HUES[others.indexOf(name) % HUES.length]})`;
}
let largestChange = 1;
function frameColour(node) {
  if (!compared) return node.parent ? crateColour(node.fn.crate) : "var(--root)";
  const change = metric().of(node.total) - metric().of(node.wasTotal);
  const strength = Math.sqrt(Math.abs(change) / largestChange);
  return change ? `oklch(var(--l) calc(var(--c) * ${strength.toFixed(3)}) ${change > 0 ? 27 : 250})` : "oklch(var(--l) 0.005 250)";
}

function describe(node) {
  const lines = [element("strong", "", node.fn.name)];
  if (node.inlined) lines.push(element("span", "where", "inlined into " + node.parent.fn.name));
  if (node.fn.file) lines.push(element("span", "where", node.fn.file.split("/").slice(-4).join("/") + (node.fn.line ? ":" + node.fn.line : "")));
  const facts = element("dl");
  const fact = (name, value) => facts.append(element("dt", "", name), element("dd", "", value));
  const of = metric().of;
  fact("Total", `${count(of(node.total))}  (${percent(of(node.total), whole())})`);
  fact("Self", `${count(of(node.own))}  (${percent(of(node.own), whole())})`);
  if (settings.metric !== "paging") fact("Paging", count(node.total[1]));
  if (compared) fact("Change", signed(of(node.total) - of(node.wasTotal)));
  lines.push(facts);
  return lines;
}

// Tiles and the bar below them.
function tiles() {
  const was = compared ? data.base.run : null;
  const padded = was?.segments.length ? was : null; // without segments nothing is known of the base's padding
  const facts = [
    ["Proved", run.total, padded?.total, "All segments, each padded to a power of two", ""],
    ["User", run.user, was?.user, "Instructions of the guest", "user"],
    ["Paging", run.paging, was?.paging, "Memory pages brought in and written out", "paging"],
    ["Reserved and padding", run.reserved, padded?.reserved, "The machine's own cycles and padding", "reserved"],
  ];
  for (const [label, value, before, title, key] of run.segments.length ? facts : facts.slice(1, 3)) {
    const tile = element("div", "tile");
    tile.title = title;
    const name = element("span", "label", label);
    if (key) name.prepend(element("i", key));
    tile.append(name, element("span", "value", count(value)));
    const notes = [];
    if (key) notes.push(element("span", "of", percent(value, run.total) + (run.segments.length ? " of proved" : " of the cycles seen")));
    if (!key) notes.push(element("span", "of", run.segments.length ? `${count(run.segments.length)} segment${run.segments.length > 1 ? "s" : ""}` : "cycles"));
    if (before !== undefined) {
      const change = value - before;
      notes.unshift(element("span", change > 0 ? "worse" : change < 0 ? "better" : "same",
        change ? `${signed(change)} (${change > 0 ? "+" : "\u2212"}${percent(Math.abs(change), before)})` : "unchanged"));
    }
    tile.append(...notes);
    $("tiles").append(tile);
  }
  for (const { key, label } of KINDS) {
    const part = element("div", key);
    part.style.width = (100 * run[key]) / (run.total || 1) + "%";
    part.title = `${label}: ${count(run[key])} (${percent(run[key], run.total)})`;
    $("share").append(part);
  }
}

let chosenName = "";
function detail(row) {
  chosenName = row.fn.name;
  const of = metric().of;
  const sides = { callers: new Map(), callees: new Map() };
  const note = (side, fn, cost) => {
    const entry = side.get(fn.name) || { fn, cost: 0 };
    entry.cost += cost;
    side.set(fn.name, entry);
  };
  for (const node of row.nodes) {
    if (node.parent.parent) note(sides.callers, node.parent.fn, of(node.total));
    for (const child of node.children.values()) note(sides.callees, child.fn, of(child.total));
  }
  const list = (title, side, empty) => {
    const entries = [...side.values()].filter(({ cost }) => cost > 0).sort((a, b) => b.cost - a.cost).slice(0, 12);
    const made = element("ul");
    for (const { fn, cost } of entries) {
      const button = element("button");
      button.type = "button";
      button.title = fn.name;
      button.style.setProperty("--share", Math.min(100, (100 * cost) / (of(row.total) || 1)) + "%");
      button.append(element("span", "", shortNames(fn.name)[1]), element("small", "", count(cost)));
      button.addEventListener("click", () => { table.select(fn.name); detail(rows.get(fn.name)); });
      const item = element("li");
      item.append(button);
      made.append(item);
    }
    return [element("h4", "", title), entries.length ? made : element("p", "note", empty)];
  };
  const hot = row.fn.lines.filter(({ cost }) => of(cost) > 0).sort((a, b) => of(b.cost) - of(a.cost)).slice(0, 8);
  const lines = element("ol", "lines");
  for (const { line, cost } of hot) {
    const item = element("li", "", `line ${line}`);
    item.style.setProperty("--share", Math.min(100, (100 * of(cost)) / (of(row.own) || 1)) + "%");
    item.append(element("small", "", count(of(cost))));
    lines.append(item);
  }
  const find = element("button", "find", "Show in the flame graph");
  find.type = "button";
  find.addEventListener("click", () => {
    $("search").value = row.fn.name;
    search(row.fn.name);
    $("flame").scrollIntoView({ block: "center" });
  });
  $("detail").replaceChildren(...describe(row), find,
    ...(hot.length > 1 ? [element("h4", "", `Self by line of ${row.fn.file.split("/").at(-1)}`), lines] : []), ...list("Called by", sides.callers, "The start of the program."), ...list("Calls", sides.callees, "Nothing."));
}

const flame = makeFlame($("flame"), $("tip"), {
  metric, describe, colour: frameColour,
  onZoom(node) {
    $("reset").disabled = !node.parent;
    const row = node.parent && rows.get(node.fn.name);
    if (row) { table.select(node.fn.name); detail(row); }
  },
});
const table = makeTable($("functions"), $("more"), {
  metric, whole, crateColour, compared, onChoose: detail,
  onDraw: (shown, all) => { $("functions-note").textContent = shown === all ? `${count(all)} functions` : `${count(shown)} of ${count(all)} functions`; },
});

function search(query) {
  keep({ search: query });
  flame.search(query);
  table.search(query);
  // A match inside a match is counted with it, not twice.
  let sum = 0;
  const pending = query ? [...down.children.values()] : [];
  while (pending.length) {
    const node = pending.pop();
    if (node.fn.name.toLowerCase().includes(query.toLowerCase())) sum += metric().of(node.total);
    else pending.push(...node.children.values());
  }
  $("matched").textContent = query ? `${percent(sum, whole())} in matches` : "";
}

function crates() {
  const sums = byCrate(rows, metric().of).filter(([, cycles]) => cycles > 0.0005 * whole());
  $("crates").replaceChildren(...sums.slice(0, 14).map(([name, cycles]) => {
    const chip = element("button", "chip", name);
    chip.type = "button";
    chip.style.setProperty("--fill", crateColour(name));
    chip.setAttribute("aria-pressed", "false");
    chip.title = `${count(cycles)} ${metric().says} in functions of ${name}`;
    chip.append(element("small", "", percent(cycles, whole())));
    chip.addEventListener("click", () => {
      const on = chip.getAttribute("aria-pressed") !== "true";
      for (const other of $("crates").children) other.setAttribute("aria-pressed", "false");
      chip.setAttribute("aria-pressed", on);
      flame.highlightCrate(on ? name : "");
      table.onlyCrate(on ? name : "");
    });
    return chip;
  }));
}

function show() {
  largestChange = Math.max(1, ...[...rows.values()].map((row) => Math.abs(metric().of(row.total) - metric().of(row.wasTotal))));
  const hidden = settings.start === "hide" ? above : NONE;
  const drawn = hidden.size ? topDown(data, { fold: settings.inlined === "fold", skip: hidden }) : down;
  flame.show(settings.view === "up" ? bottomUp(down) : drawn);
  $("start").hidden = !above.size || settings.view === "up";
  $("start").textContent = `${settings.start === "hide" ? "Show" : "Hide"} the ${above.size} calls above main`;
  table.show(rows);
  crates();
  search(settings.search);
  const heaviest = [...rows.values()].sort((a, b) => metric().of(b.own) - metric().of(a.own))[0];
  const chosen = rows.get(chosenName) || heaviest;
  if (chosen) { detail(chosen); table.select(chosen.fn.name); }
}

function choice(where, key, labels) {
  for (const [value, label] of Object.entries(labels)) {
    const button = element("button", "", label);
    button.type = "button";
    button.setAttribute("aria-pressed", settings[key] === value);
    button.addEventListener("click", () => {
      for (const other of where.children) other.setAttribute("aria-pressed", other === button);
      keep({ [key]: value });
      if (key === "inlined") aggregate();
      show();
    });
    where.append(button);
  }
}

function theme(wanted) {
  const dark = wanted ? wanted === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  $("theme").textContent = dark ? "\u2600 Light" : "\u263e Dark";
}

$("program").textContent = run.program;
$("subtitle").textContent = [run.image_id && `image ID ${run.image_id}`, compared && `compared with ${data.base_name}`].filter(Boolean).join("  \u00b7  ") || "cycle profile";
$("flame-hint").textContent = (compared ? "Red costs more than in the base, blue less. " : "")
  + "Click or Enter zooms, Escape goes back; arrow keys walk the calls.";
$("segments-note").textContent = run.segments.length ? "each as wide as it is proved at" : "";
$("theme").addEventListener("click", () => {
  keep({ theme: document.documentElement.dataset.theme === "dark" ? "light" : "dark" });
  theme(settings.theme);
});
$("reset").addEventListener("click", flame.reset);
$("search").value = settings.search;
$("search").addEventListener("input", (event) => search(event.target.value));
$("search").addEventListener("keydown", (event) => { if (event.key === "Escape") { event.target.value = ""; search(""); } });
addEventListener("keydown", (event) => {
  if (event.key !== "/" || /^(INPUT|TEXTAREA)$/.test(event.target.tagName)) return;
  event.preventDefault();
  $("search").focus();
});

theme(settings.theme);
document.body.classList.toggle("compared", compared);
tiles();
choice($("metric"), "metric", Object.fromEntries(Object.entries(METRICS).map(([key, { label }]) => [key, label])));
choice($("view"), "view", { down: "Top down", up: "Bottom up" });
choice($("inlined"), "inlined", { show: "Inlined shown", fold: "Folded" });
$("inlined").hidden = !data.profile.tree.inlined.some(Boolean);
$("start").addEventListener("click", () => { keep({ start: settings.start === "hide" ? "show" : "hide" }); show(); });
showSegments($("segments"), data);
show();
const outside = Math.max(0, run.user + run.paging - down.total[0] - down.total[1]);
if (outside > 0.001 * (run.user + run.paging)) $("flame-hint").textContent += ` ${count(outside)} cycles of the run (${percent(outside, run.user + run.paging)}) are under no function.`;
document.documentElement.dataset.ready = "";
