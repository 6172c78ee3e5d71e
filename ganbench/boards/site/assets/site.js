// Sorting, filtering and choosing columns of a board's table, and the search page. All of it is kept in the address.
"use strict";

const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
const address = new URLSearchParams(location.search);

/** Write the state into the address, without a new entry in the history. */
function remember(changes) {
  for (const [key, value] of Object.entries(changes)) value ? address.set(key, value) : address.delete(key);
  const query = address.toString();
  history.replaceState(null, "", (query ? `?${query}` : location.pathname) + location.hash);
}

function tell(text) {
  document.getElementById("said").textContent = text;
}

function startTable(table) {
  const heads = all("thead th", table);
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const filter = document.getElementById("filter");
  const order = document.getElementById("order");
  const boxes = all("#choose input");
  const cellOf = (row, column) => all("[data-c]", row).find((cell) => cell.dataset.c === column);
  const headOf = (column) => heads.find((head) => head.dataset.c === column);
  const bestFirst = (column) => (headOf(column).dataset.better === "higher" ? -1 : 1);

  function compare(column, direction) {
    return (a, b) => {
      const [x, y] = [a, b].map((row) => cellOf(row, column).dataset.v);
      if (x === "" || y === "") return (x === "") - (y === ""); // rows without a value are the last
      return direction * (column === "row" ? x.localeCompare(y) : Number(x) - Number(y));
    };
  }

  function sort(column, direction) {
    body.append(...rows.sort(compare(column, direction)));
    const word = direction > 0 ? "ascending" : "descending";
    for (const head of heads) head.removeAttribute("aria-sort");
    headOf(column).setAttribute("aria-sort", word);
    order.value = column;
    remember({ sort: column === "rank" && direction > 0 ? "" : (direction < 0 ? "-" : "") + column });
    tell(`sorted by ${headOf(column).textContent.trim()}, ${word}`);
  }

  function show() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    remember({ q: filter.value });
    tell(`${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`);
  }

  function choose() {
    for (const box of boxes) for (const cell of all("[data-c]", table)) if (cell.dataset.c === box.value) cell.hidden = !box.checked;
    const changed = boxes.some((box) => box.checked !== box.defaultChecked);
    remember({ cols: changed ? boxes.filter((box) => box.checked).map((box) => box.value).join(",") : "" });
  }

  /** A link to a cell shows the column of this cell. */
  function follow() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const box = target && boxes.find((box) => box.value === target.dataset.c);
    if (!box || box.checked) return;
    box.checked = true;
    choose();
    target.scrollIntoView({ block: "center" });
  }

  for (const head of heads.filter((head) => !("still" in head.dataset))) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    order.add(new Option(button.textContent.trim(), head.dataset.c));
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      sort(head.dataset.c, now ? (now === "ascending" ? -1 : 1) : bestFirst(head.dataset.c));
    });
  }
  order.addEventListener("change", () => sort(order.value, bestFirst(order.value)));
  filter.addEventListener("input", show);
  for (const box of boxes) box.addEventListener("change", choose);
  addEventListener("hashchange", follow);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.getElementById("choose").open = false;
  });

  document.querySelector(".tools").hidden = false;
  const columns = address.get("cols");
  if (columns) {
    const wanted = columns.split(",");
    for (const box of boxes) box.checked = wanted.includes(box.value);
    choose();
  }
  if (address.get("q")) {
    filter.value = address.get("q");
    show();
  }
  const [, minus, column] = /^(-?)(.*)$/.exec(address.get("sort") ?? "");
  if (column && headOf(column)) sort(column, minus ? -1 : 1);
  follow();
}

function startSearch(list) {
  const field = document.getElementById("find");
  const hits = Array.from(list.children);
  function show() {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const hit of hits) hit.hidden = !words.every((word) => hit.textContent.toLowerCase().includes(word));
    remember({ q: field.value });
    const count = hits.filter((hit) => !hit.hidden).length;
    tell(words.length ? `${count} of ${hits.length} pages` : `All ${hits.length} pages.`);
  }
  field.value = address.get("q") ?? "";
  field.addEventListener("input", show);
  show();
}

const table = document.querySelector("table.board");
if (table) startTable(table);
const hits = document.getElementById("hits");
if (hits) startSearch(hits);
