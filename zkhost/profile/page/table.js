// The table of functions: sortable, filtered by the search, with what it was in the base where two runs are compared.

const FIRST_ROWS = 50;

function makeTable(table, more, options) {
  const compared = options.compared;
  const state = { rows: [], key: compared ? "change" : "own", down: true, query: "", crate: "", all: false, chosen: "" };
  const m = () => options.metric().of;
  const name = { key: "name", label: "Function", of: (row) => row.fn.name };
  const own = { key: "own", label: "Self", title: "Cycles in the function itself", of: (row) => m()(row.own), bar: true };
  const total = { key: "total", label: "Total", title: "With everything it calls", of: (row) => m()(row.total), bar: true };
  const columns = compared ? [
    name, own,
    { key: "base", label: "Self in base", of: (row) => m()(row.wasOwn) },
    { key: "change", label: "Change of self", of: (row) => m()(row.own) - m()(row.wasOwn), change: true },
    { key: "changeTotal", label: "Change of total", title: "With everything it calls", of: (row) => m()(row.total) - m()(row.wasTotal), change: true },
  ] : [
    name, { key: "crate", label: "Crate", of: (row) => row.fn.crate }, own, total,
    { key: "paging", label: "Paging", title: "Paging cycles of pages the function itself touched first", of: (row) => row.own[1] },
  ];

  function draw() {
    const whole = options.whole();
    const column = columns.find(({ key }) => key === state.key);
    const query = state.query.toLowerCase();
    const value = column.change ? (row) => Math.abs(column.of(row)) : column.of;
    const rows = state.rows
      .filter(({ fn }) => (!query || fn.name.toLowerCase().includes(query)) && (!state.crate || fn.crate === state.crate))
      .sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        const order = typeof x === "string" ? x.localeCompare(y) : y - x;
        return (state.down ? order : -order) || m()(b.total) - m()(a.total) || a.fn.name.localeCompare(b.fn.name);
      });
    const shown = state.all ? rows : rows.slice(0, FIRST_ROWS);

    const head = document.createElement("tr");
    for (const { key, label, title } of columns) {
      const cell = document.createElement("th");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      if (title) button.title = title;
      button.addEventListener("click", () => {
        state.down = state.key === key ? !state.down : true;
        state.key = key;
        draw();
        table.querySelector(`th[data-key=${key}] button`).focus();
      });
      cell.dataset.key = key;
      cell.scope = "col";
      // Names sort from A; figures from the largest.
      const falling = state.down !== (key === "name" || key === "crate");
      if (state.key === key) cell.setAttribute("aria-sort", falling ? "descending" : "ascending");
      if (key !== "name" && key !== "crate") cell.className = "figure";
      cell.append(button);
      head.append(cell);
    }

    const body = shown.map((row) => {
      const line = document.createElement("tr");
      line.tabIndex = 0;
      line.setAttribute("aria-selected", row.fn.name === state.chosen);
      for (const { key, of, bar, change } of columns) {
        const cell = document.createElement("td");
        const found = of(row);
        if (key === "name" || key === "crate") {
          cell.textContent = found;
          cell.className = key;
          if (key === "name") cell.title = found;
          if (key === "crate" || compared) cell.style.setProperty("--fill", options.crateColour(row.fn.crate));
        } else {
          cell.className = "figure" + (change && found ? (found > 0 ? " worse" : " better") : "");
          cell.textContent = change ? (found ? signed(found) : "0") : count(found);
          if (bar && whole) {
            const share = document.createElement("small");
            share.textContent = percent(found, whole);
            cell.style.setProperty("--share", Math.min(100, (100 * found) / whole) + "%");
            cell.classList.add("bar-cell");
            cell.append(share);
          }
        }
        line.append(cell);
      }
      const choose = () => { select(row.fn.name); options.onChoose(row); };
      line.addEventListener("click", choose);
      line.addEventListener("keydown", (event) => {
        const beside = { ArrowDown: line.nextSibling, ArrowUp: line.previousSibling }[event.key];
        if (beside) beside.focus();
        else if (event.key === "Enter" || event.key === " ") choose();
        else return;
        event.preventDefault();
      });
      return line;
    });

    const thead = document.createElement("thead");
    thead.append(head);
    const tbody = document.createElement("tbody");
    tbody.append(...body);
    table.replaceChildren(thead, tbody);
    more.hidden = shown.length === rows.length;
    more.textContent = `Show all ${count(rows.length)} functions`;
    options.onDraw(rows.length, state.rows.length);
  }

  function select(name) {
    state.chosen = name;
    const at = columns.findIndex(({ key }) => key === "name");
    for (const line of table.tBodies[0].rows) line.setAttribute("aria-selected", line.cells[at].textContent === name);
  }

  more.addEventListener("click", () => { state.all = true; draw(); });

  return {
    show(rows) { state.rows = [...rows.values()]; draw(); },
    redraw: draw,
    search(query) { state.query = query; draw(); },
    onlyCrate(crate) { state.crate = crate; draw(); },
    select,
  };
}
