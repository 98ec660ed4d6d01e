// The segment timeline: each segment as wide as what it is proved at (2^po2 cycles), filled by what the cycles are for.

const KINDS = [
  { key: "user", label: "User" },
  { key: "paging", label: "Paging" },
  { key: "reserved", label: "Reserved and padding" },
];

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const costs = ([index, po2, user, paging]) => ({ index, po2, total: 2 ** po2, user, paging, reserved: 2 ** po2 - user - paging });

function timeline(run, label, widest) {
  const segments = run.segments.map(costs);
  const all = segments.reduce((sum, segment) => sum + segment.total, 0);
  const line = element("div", "timeline");
  line.style.width = Math.max(4, (100 * all) / widest) + "%";
  line.setAttribute("role", "list");
  line.setAttribute("aria-label", label);
  for (const segment of segments) {
    const block = element("div", "segment");
    block.setAttribute("role", "listitem");
    block.style.flexGrow = segment.total;
    const says = [`Segment ${segment.index}: 2^${segment.po2} = ${count(segment.total)} cycles`,
      ...KINDS.map(({ key, label }) => `${label}: ${count(segment[key])} (${percent(segment[key], segment.total)})`)];
    block.setAttribute("aria-label", says.join(", "));
    block.title = says.join("\n");
    const stack = element("div", "stack");
    for (const { key } of [...KINDS].reverse()) {
      const part = element("div", key);
      part.style.height = (100 * segment[key]) / segment.total + "%";
      stack.append(part);
    }
    block.append(stack);
    if (segments.length <= 40) {
      const power = element("span", "po2", "2");
      power.append(element("sup", "", segment.po2));
      block.append(power);
    }
    line.append(block);
  }
  return line;
}

function segmentTable(run) {
  const details = element("details");
  details.append(element("summary", "", "As a table"));
  const table = element("table");
  const head = table.createTHead().insertRow();
  for (const name of ["Segment", "Proved at", "User", "Paging", "Reserved and padding", "In use"]) {
    const cell = element("th", name === "Segment" ? "" : "figure", name);
    cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  for (const segment of run.segments.map(costs)) {
    const row = body.insertRow();
    row.append(element("td", "", segment.index), element("td", "figure", `2^${segment.po2} = ${count(segment.total)}`));
    for (const { key } of KINDS) row.append(element("td", "figure", count(segment[key])));
    row.append(element("td", "figure", percent(segment.user + segment.paging, segment.total)));
  }
  details.append(table);
  return details;
}

function showSegments(where, data) {
  const runs = [["This run", data.profile.run], ...(data.base ? [["Base", data.base.run]] : [])].filter(([, run]) => run.segments.length);
  if (!runs.length) {
    where.append(element("p", "note", "A pprof file alone does not say how the run was split into segments."));
    return;
  }
  const size = (run) => run.segments.reduce((sum, [, po2]) => sum + 2 ** po2, 0);
  const widest = Math.max(...runs.map(([, run]) => size(run)));
  for (const [label, run] of runs) {
    if (runs.length > 1) where.append(element("h3", "", label));
    where.append(timeline(run, `Segments of ${label.toLowerCase()}`, widest));
  }
  const legend = element("div", "legend");
  for (const { key, label } of KINDS) {
    const item = element("span", "", label);
    item.prepend(element("i", key));
    legend.append(item);
  }
  where.append(legend, segmentTable(data.profile.run));
}
