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

/** Two rows of the table side by side. The first one is the row that stands higher in the published table. */
function startPair(section, table) {
  const { columns, pairs } = JSON.parse(document.getElementById("differences").textContent);
  const [first, second] = ["first", "second"].map((id) => document.getElementById(id));
  const body = section.querySelector("tbody");
  const order = Array.from(first.options, (option) => option.value);
  const rowOf = (name) => document.getElementById(name);
  const text = (row, column) => all("[data-c]", row).find((cell) => cell.dataset.c === column).textContent.trim();

  function cell(content, kind, head = false) {
    const made = document.createElement(head ? "th" : "td");
    made.className = kind;
    made.textContent = content;
    if (head) made.scope = "row";
    return made;
  }

  function draw() {
    const names = [first.value, second.value].sort((a, b) => order.indexOf(a) - order.indexOf(b));
    [first.value, second.value] = names;
    document.getElementById("head-first").textContent = names[0];
    document.getElementById("head-second").textContent = names[1];
    const [a, b] = names.map(rowOf);
    const entries = pairs[names.join("|")] ?? [];
    body.replaceChildren(
      ...columns.map((column, i) => {
        const [value, interval, verdict] = entries[i] ?? ["–", "", "no difference can be computed"];
        const line = document.createElement("tr");
        const title = all("thead th", table).find((head) => head.dataset.c === column).textContent.trim();
        line.dataset.c = column;
        line.append(cell(title, "", true), cell(text(a, column), "number"), cell(text(b, column), "number"));
        line.append(cell(value, "number"), cell(interval, "number"), cell(verdict, verdict === "not clear" ? "soft" : "clear"));
        return line;
      }),
    );
  }

  function change() {
    draw();
    remember({ pair: `${first.value},${second.value}` });
    tell(`${first.value} and ${second.value} side by side`);
  }

  for (const list of [first, second]) list.addEventListener("change", change);
  section.hidden = false;
  const asked = (address.get("pair") ?? "").split(",");
  [first.value, second.value] = asked.every((name) => order.includes(name)) && asked.length === 2 ? asked : order;
  draw();
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
const pair = document.getElementById("pair");
if (pair) startPair(pair, table);
const hits = document.getElementById("hits");
if (hits) startSearch(hits);
