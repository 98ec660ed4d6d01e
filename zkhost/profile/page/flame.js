// The flame graph: callers above, callees below, width by cycles. One element per frame that is wide enough to see.

const ROW_PX = 20;
const THINNEST = 0.0006; // of the graph's width

function makeFlame(element, tip, options) {
  const state = { root: null, zoom: null, focus: null, query: "", crate: "" };
  const frames = new Map(); // node -> element

  const of = (node) => options.metric().of(node.total);

  // Where each frame goes. Ancestors of the zoomed frame fill the width, so that the way back stays in sight.
  function layout() {
    const rows = [];
    const path = pathTo(state.zoom);
    const pending = [{ node: state.root, left: 0, width: 1 }];
    while (pending.length) {
      const row = pending.pop();
      rows.push(row);
      const { node, left, width } = row;
      if (path.has(node) && node !== state.zoom) {
        for (const child of node.children.values()) if (path.has(child)) pending.push({ node: child, left: 0, width: 1 });
        continue;
      }
      const whole = of(node);
      let at = left;
      for (const child of sorted(node)) {
        const share = whole ? (of(child) / whole) * width : 0;
        if (share >= THINNEST) pending.push({ node: child, left: at, width: share });
        at += share;
      }
    }
    return rows;
  }

  const sorted = (node) => [...node.children.values()].sort((a, b) => of(b) - of(a));

  function pathTo(node) {
    const path = new Set();
    for (let up = node; up; up = up.parent) path.add(up);
    return path;
  }

  function draw() {
    const rows = of(state.root) ? layout() : [];
    const drawn = new Set(rows.map((row) => row.node));
    for (const [node, frame] of frames) if (!drawn.has(node)) { frame.remove(); frames.delete(node); }
    let deepest = 0;
    const path = pathTo(state.zoom);
    const room = element.clientWidth || 1000;
    for (const { node, left, width } of rows) {
      deepest = Math.max(deepest, node.depth);
      let frame = frames.get(node);
      if (!frame) {
        frame = document.createElement("div");
        frame.className = "frame";
        frame.setAttribute("role", "treeitem");
        frame.setAttribute("aria-level", node.depth + 1);
        frame.append(document.createElement("span"));
        frame.node = node;
        frames.set(node, frame);
        element.append(frame);
      }
      frame.style.top = node.depth * ROW_PX + "px";
      frame.style.left = left * 100 + "%";
      frame.style.width = width * 100 + "%";
      frame.style.setProperty("--fill", options.colour(node));
      frame.classList.toggle("above", path.has(node) && node !== state.zoom);
      frame.classList.toggle("inlined", node.inlined);
      frame.tabIndex = node === state.focus ? 0 : -1;
      const fits = Math.floor((width * room - 10) / 6.4);
      const names = shortNames(node.fn.name);
      frame.firstChild.textContent = fits < 3 ? "" : names.find((name) => name.length <= fits) || names.at(-1);
      frame.setAttribute("aria-label", `${node.fn.name}${node.inlined ? ", inlined" : ""}, ${count(of(node))} ${options.metric().says}, `
        + `${percent(of(node), of(state.root))} of all`);
    }
    element.style.height = (deepest + 1) * ROW_PX + "px";
    element.classList.toggle("empty", rows.length === 0);
    element.dataset.note = `No ${options.metric().says} under any function.`;
    mark();
  }

  function mark() {
    const query = state.query.toLowerCase();
    const hits = (node) => (query && node.fn.name.toLowerCase().includes(query)) || (state.crate && node.fn.crate === state.crate);
    const marking = Boolean(query || state.crate);
    element.classList.toggle("marking", marking);
    for (const [node, frame] of frames) frame.classList.toggle("hit", marking && node.depth > 0 && hits(node));
  }

  function setFocus(node, take) {
    if (!frames.has(node)) return;
    const old = frames.get(state.focus);
    if (old) old.tabIndex = -1;
    state.focus = node;
    const frame = frames.get(node);
    frame.tabIndex = 0;
    if (take) frame.focus();
  }

  function zoom(node, take = false) {
    state.zoom = node;
    if (!pathTo(state.focus).has(node)) state.focus = node;
    draw();
    setFocus(node, take);
    options.onZoom(node);
  }

  function step(node, by) {
    if (!node.parent) return null;
    const row = sorted(node.parent).filter((sibling) => frames.has(sibling));
    return row[row.indexOf(node) + by] || null;
  }

  element.addEventListener("keydown", (event) => {
    const node = state.focus || state.root;
    const next = {
      ArrowDown: () => sorted(node).find((child) => frames.has(child)),
      ArrowUp: () => node.parent,
      ArrowLeft: () => step(node, -1),
      ArrowRight: () => step(node, 1),
      Home: () => state.root,
    }[event.key];
    if (next) {
      const found = next();
      if (found) setFocus(found, true);
    } else if (event.key === "Enter" || event.key === " ") zoom(node, true);
    else if (event.key === "Escape" || event.key === "Backspace") zoom(event.key === "Escape" ? state.root : state.zoom.parent || state.root, true);
    else return;
    event.preventDefault();
  });
  element.addEventListener("click", (event) => {
    const frame = event.target.closest(".frame");
    if (frame) zoom(frame.node, true);
  });

  const show = (event) => {
    const frame = event.target.closest(".frame");
    if (!frame) return hide();
    tip.replaceChildren(...options.describe(frame.node));
    tip.hidden = false;
    const box = frame.getBoundingClientRect();
    const x = event.type === "focusin" ? box.left + 8 : event.clientX + 12;
    const y = event.type === "focusin" ? box.bottom + 4 : event.clientY + 16;
    tip.style.left = Math.max(8, Math.min(x, innerWidth - tip.offsetWidth - 12)) + "px";
    tip.style.top = (y + tip.offsetHeight > innerHeight - 8 ? box.top - tip.offsetHeight - 6 : y) + "px";
  };
  const hide = () => { tip.hidden = true; };
  element.addEventListener("mousemove", show);
  element.addEventListener("focusin", show);
  element.addEventListener("mouseleave", hide);
  element.addEventListener("focusout", hide);
  addEventListener("scroll", hide, { passive: true });
  addEventListener("resize", () => state.root && draw());

  return {
    show(root) {
      state.root = state.zoom = state.focus = root;
      element.replaceChildren();
      frames.clear();
      draw();
      options.onZoom(root);
    },
    redraw: draw,
    reset: () => zoom(state.root),
    search(query) { state.query = query; mark(); },
    highlightCrate(crate) { state.crate = crate; mark(); },
    zoomTo: (node) => zoom(node, false),
  };
}
