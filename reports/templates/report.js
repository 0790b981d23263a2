"use strict";
// Tables of class "sortable" get a button in each heading. A first press sorts numbers from high to low and text from
// A to Z, a second press turns the order. Rows without a value stay last in both orders.
(() => {
  const status = document.getElementById("sort-status");

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
    const rows = Array.from(table.tBodies[0].rows, (row) => ({ row, value: valueOf(row, column, numeric) }));
    rows.sort((a, b) => compare(a.value, b.value, direction));
    table.tBodies[0].append(...rows.map((entry) => entry.row));
    status.textContent = `Sorted by ${header.dataset.name}, ${direction}.`;
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    for (const header of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => sort(table, header));
    }
  }

  // A link into a closed <details> would lead nowhere visible.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const box = target && target.closest("details");
    if (box) {
      box.open = true;
      box.scrollIntoView();
    }
  };
  window.addEventListener("hashchange", reveal);
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
