// The profile as the views use it: a call tree of costs, and the same costs by function. A cost is [user, paging] cycles.

const METRICS = {
  user: { label: "User", of: (cost) => cost[0], says: "user cycles" },
  paging: { label: "Paging", of: (cost) => cost[1], says: "paging cycles" },
  all: { label: "Both", of: (cost) => cost[0] + cost[1], says: "user and paging cycles" },
};

const add = (into, cost) => { into[0] += cost[0]; into[1] += cost[1]; };

function newNode(fn, parent, inlined = false) {
  // `own` and `total` are of this run; `wasOwn` and `wasTotal` of the base, where two runs are compared.
  return {
    fn, parent, inlined, depth: parent ? parent.depth + 1 : 0, children: new Map(),
    own: [0, 0], total: [0, 0], wasOwn: [0, 0], wasTotal: [0, 0],
  };
}

function childOf(node, fn, inlined) {
  let child = node.children.get(fn.name);
  if (!child) node.children.set(fn.name, (child = newNode(fn, node, inlined)));
  child.inlined &&= inlined;
  return child;
}

function* walk(root) {
  const pending = [root];
  while (pending.length) {
    const node = pending.pop();
    yield node;
    pending.push(...[...node.children.values()].reverse());
  }
}

function sumTotals(root) {
  for (const node of [...walk(root)].reverse()) {
    add(node.total, node.own);
    add(node.wasTotal, node.wasOwn);
    if (node.parent) { add(node.parent.total, node.total); add(node.parent.wasTotal, node.wasTotal); }
  }
  return root;
}

// Puts the saved tree of one run into `root`, as the base's costs where `base` is true. With `fold`, inlined functions
// count for the function they are in; functions named in `skip` for the program itself, where they are at its start.
function addRun(root, saved, base, { fold, skip }) {
  const { parent, function: index, inlined, user, page_in, page_out } = saved.tree;
  const functions = saved.functions.map(([name, crate, file, line, lines]) => ({
    name, crate, file, line, lines: lines.map(([number, own, ...paging]) => ({ line: number, cost: [own, paging[0] + paging[1]] })),
  }));
  const nodes = [root];
  for (let i = 0; i < parent.length; i++) {
    if (i > 0) {
      const above = nodes[parent[i]], fn = functions[index[i]];
      const left = (fold && inlined[i] && above !== root) || (above === root && skip.has(fn.name));
      nodes[i] = left ? above : childOf(above, fn, Boolean(inlined[i]));
    }
    add(base ? nodes[i].wasOwn : nodes[i].own, [user[i], page_in[i] + page_out[i]]);
  }
}

function topDown(data, options) {
  const root = newNode({ name: data.profile.run.program, crate: "", file: "", line: 0, lines: [] }, null);
  addRun(root, data.profile, false, options);
  if (data.base) addRun(root, data.base, true, options);
  return sumTotals(root);
}

// The functions that call one another from the program's start down to the guest's main: the same in every guest.
function startUp(tree) {
  const chain = [];
  let main = 0;
  for (let node = tree; ;) {
    const next = [...node.children.values()].find((child) => METRICS.user.of(child.total) > 0.9 * METRICS.user.of(tree.total));
    if (!next) break;
    chain.push(next.fn.name);
    if (/(^|::)main$/.test(next.fn.name)) main = chain.length;
    node = next;
  }
  return new Set(chain.slice(0, Math.max(0, main - 1)));
}

// The same costs with every function at the top and its callers below, as many levels as anyone reads.
const CALLER_LEVELS = 64;
function bottomUp(tree) {
  const root = newNode(tree.fn, null);
  for (const node of walk(tree)) {
    if (!node.own[0] && !node.own[1] && !node.wasOwn[0] && !node.wasOwn[1]) continue;
    let at = root;
    for (let up = node; up.parent && at.depth < CALLER_LEVELS; up = up.parent) at = childOf(at, up.fn, up.inlined);
    add(at.own, node.own);
    add(at.wasOwn, node.wasOwn);
  }
  return sumTotals(root);
}

// Costs by function name; a function that calls itself counts once, at its outermost call.
function byFunction(tree) {
  const rows = new Map();
  const open = new Set(); // names on the path to where the walk is
  const pending = [...tree.children.values()].map((node) => ({ node, leave: false }));
  while (pending.length) {
    const { node, leave } = pending.pop();
    const name = node.fn.name;
    if (leave) { open.delete(name); continue; }
    let row = rows.get(name);
    if (!row) rows.set(name, (row = { ...newNode(node.fn, null), nodes: [] }));
    add(row.own, node.own);
    add(row.wasOwn, node.wasOwn);
    if (!open.has(name)) {
      row.nodes.push(node);
      add(row.total, node.total);
      add(row.wasTotal, node.wasTotal);
      open.add(name);
      pending.push({ node, leave: true });
    }
    for (const child of node.children.values()) pending.push({ node: child, leave: false });
  }
  return rows;
}

function byCrate(rows, of) {
  const sums = new Map();
  for (const row of rows.values()) sums.set(row.fn.crate, (sums.get(row.fn.crate) || 0) + of(row.own));
  return [...sums].filter(([, cycles]) => cycles > 0).sort((a, b) => b[1] - a[1]);
}

const count = (n) => Math.round(n).toLocaleString("en-US");
const signed = (n) => (n > 0 ? "+" : n < 0 ? "\u2212" : "\u00b1") + count(Math.abs(n));
const percent = (part, whole, digits = 1) => (whole ? ((100 * part) / whole).toFixed(digits) + " %" : "\u2013");

// What to show where the room is small: `<alloc::vec::Vec<T,A> as core::ops::Drop>::drop`, then
// `<Vec<T,A> as Drop>::drop`, then `drop`. A closure keeps the function it is in.
function shortNames(name) {
  const parts = [];
  let depth = 0, start = 0;
  for (let i = 0; i < name.length; i++) {
    if ("<([{".includes(name[i])) depth++;
    else if (">)]}".includes(name[i]) && name[i - 1] !== "-") depth--;
    else if (depth === 0 && name.startsWith("::", i)) { parts.push(name.slice(start, i)); start = i + 2; i++; }
  }
  parts.push(name.slice(start));
  // `read::<u32>`: the type belongs to the function before it.
  for (let i = parts.length - 1; i > 0; i--) if (parts[i].startsWith("<")) parts.splice(i - 1, 2, parts[i - 1] + "::" + parts[i]);
  const last = parts.at(-1).startsWith("{") ? parts.slice(-2) : parts.slice(-1);
  const bare = (part) => part.replace(/\b(?:[A-Za-z_]\w*::)+(?=[A-Za-z_])/g, "");
  const short = last.map(bare).join("::");
  return [name, parts.slice(-2).map(bare).join("::"), short, short.replace(/::<.*/, "")];
}
