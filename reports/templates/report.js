"use strict";
// Sorting, filtering and the theme. Tables of class "sortable" get a button in each heading: a first press sorts numbers
// from high to low and text from A to Z, a second press turns the order. Rows without a value stay last in both orders,
// and rows stay in their group (a tbody with a row of class "group").
(() => {
  const status = document.getElementById("sort-status");
  const tables = Array.from(document.querySelectorAll("table.sortable"));
  const rowsOf = (body) => Array.from(body.rows).filter((row) => !row.classList.contains("group"));
  const plural = (count, name) => `${count} ${name}${count === 1 ? "" : "s"}`;

  const valueOf = (row, column, numeric) => {
    const cell = row.cells[column];
    const value = cell.dataset.value;
    if (!numeric) return (value ?? cell.textContent).trim();
    return value === undefined || value === "" ? null : Number(value);
  };

  const compare = (a, b, direction) => {
    if (a === null || b === null) return (a === null) - (b === null);
    const order = typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
    return direction === "ascending" ? order : -order;
  };

  const sort = (table, header) => {
    const column = header.cellIndex;
    const numeric = header.dataset.sort === "number";
    const first = numeric ? "descending" : "ascending";
    const second = numeric ? "ascending" : "descending";
    const direction = header.getAttribute("aria-sort") === first ? second : first;
    for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction);
    for (const body of table.tBodies) {
      const rows = rowsOf(body).map((row) => ({ row, value: valueOf(row, column, numeric) }));
      rows.sort((a, b) => compare(a.value, b.value, direction));
      body.append(...rows.map((entry) => entry.row));
    }
    status.textContent = `Sorted by ${header.dataset.name}, ${direction}.`;
  };

  const addSorting = (table) => {
    const headings = table.tHead.rows[table.tHead.rows.length - 1];
    for (const header of headings.cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => sort(table, header));
    }
  };

  // Filtering: a row is shown if it holds all words of its table's box and fits the choices for the whole page.
  const FEWEST = 4;
  const form = document.getElementById("narrow");
  const choices = Array.from(form.querySelectorAll("select"));
  const boxes = new Map();

  const fits = (element) =>
    choices.every((choice) => {
      const own = element.dataset[choice.dataset.narrow];
      return choice.value === "" || own === undefined || own === choice.value;
    });

  const filter = (table) => {
    const box = boxes.get(table);
    const words = box ? box.input.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
    let shown = 0;
    let total = 0;
    for (const body of table.tBodies) {
      let left = 0;
      for (const row of rowsOf(body)) {
        const text = words.length ? row.textContent.toLowerCase() : "";
        row.hidden = !(fits(row) && words.every((word) => text.includes(word)));
        left += !row.hidden;
        total += 1;
      }
      for (const row of body.querySelectorAll("tr.group")) row.hidden = left === 0;
      shown += left;
    }
    if (box) box.count.textContent = `${shown} of ${plural(total, "row")} shown`;
    return box ? box.count.textContent : "";
  };

  const addBox = (table) => {
    const total = Array.from(table.tBodies).reduce((sum, body) => sum + rowsOf(body).length, 0);
    if (total < FEWEST) return;
    const holder = document.createElement("div");
    holder.className = "table-filter";
    const label = document.createElement("label");
    const input = document.createElement("input");
    input.type = "search";
    input.autocomplete = "off";
    label.append("Filter rows", input);
    const count = document.createElement("span");
    const scroll = table.closest(".scroll");
    input.setAttribute("aria-describedby", scroll.getAttribute("aria-labelledby"));
    holder.append(label, count);
    scroll.before(holder);
    boxes.set(table, { input, count });
    input.addEventListener("input", () => {
      status.textContent = `${filter(table)}.`;
    });
  };

  const narrow = () => {
    const parts = document.querySelectorAll("section[data-dataset], div[data-dataset], li[data-dataset], details[data-dataset]");
    for (const part of parts) part.hidden = !fits(part);
    for (const table of tables) filter(table);
    const chosen = choices.filter((choice) => choice.value !== "").map((choice) => choice.value);
    const cells = Array.from(document.querySelectorAll("details[data-dataset]"));
    const shown = cells.filter((cell) => !cell.hidden).length;
    const state = `${shown} of ${plural(cells.length, "cell")} shown${chosen.length ? `: ${chosen.join(", ")}` : ""}`;
    document.getElementById("narrow-state").textContent = state;
    document.getElementById("narrow-reset").hidden = chosen.length === 0;
    return state;
  };

  const reset = () => {
    form.reset();
    for (const { input } of boxes.values()) input.value = "";
    narrow();
  };

  // A link into a closed <details>, or to a part that is filtered away, would lead nowhere visible.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.closest("[hidden]")) reset();
    const box = target.closest("details");
    if (box) {
      box.open = true;
      box.scrollIntoView();
    }
  };

  // The theme follows the system until somebody chooses; the choice is kept for as long as the page is open.
  const addTheme = () => {
    const button = document.getElementById("theme");
    const system = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
    const name = () => {
      button.textContent = isDark() ? "Light theme" : "Dark theme";
    };
    button.addEventListener("click", () => {
      document.documentElement.dataset.theme = isDark() ? "light" : "dark";
      name();
    });
    system.addEventListener("change", name);
    button.hidden = false;
    name();
  };

  for (const table of tables) {
    addSorting(table);
    addBox(table);
  }
  if (choices.length) {
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", () => {
      status.textContent = `${narrow()}.`;
    });
    document.getElementById("narrow-reset").addEventListener("click", (event) => {
      event.preventDefault();
      reset();
      choices[0].focus();
      status.textContent = `${document.getElementById("narrow-state").textContent}.`;
    });
  }
  narrow();
  addTheme();
  window.addEventListener("hashchange", reveal);
  // The address does not change when the same link is followed twice.
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) reveal();
  });
  reveal();

  // Paper cannot be clicked: print with everything open, then restore.
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = Array.from(document.querySelectorAll("details:not([open])"));
    for (const box of closed) box.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const box of closed) box.open = false;
  });
})();
