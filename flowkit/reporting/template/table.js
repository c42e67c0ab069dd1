(() => {
  const me = document.currentScript, near = me && me.parentElement;
  const key = (cell) => { const v = cell.dataset.v ?? cell.textContent; return cell.dataset.v && isFinite(v) ? Number(v) : v; };
  const sort = (table, at, th) => {
    const down = th.getAttribute("aria-sort") === "ascending", body = table.tBodies[0];
    table.querySelectorAll("th").forEach((each) => each.removeAttribute("aria-sort"));
    th.setAttribute("aria-sort", down ? "descending" : "ascending");
    [...body.rows].sort((x, y) => {
      const a = key(x.cells[at]), b = key(y.cells[at]);
      if (a === "" || b === "") return (a === "") - (b === "");
      return (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b))) * (down ? -1 : 1);
    }).forEach((row) => body.append(row));
  };
  const csv = (table) => [...table.rows].map((row) => [...row.cells].flatMap((cell) => {
    const more = cell.querySelectorAll("dd");
    const texts = more.length ? [...cell.querySelectorAll("dt")].map((dt) => `${dt.textContent}: ${dt.nextSibling.textContent}`) : [cell.dataset.v ?? cell.textContent];
    return texts.map((t) => `"${(/^[=+\-@\t\r]/.test(t) && !isFinite(t) ? "'" + t : t).replaceAll('"', '""')}"`);
  }).join(",")).join("\r\n");
  const make = (tag, set) => Object.assign(document.createElement(tag), set);
  (near || document).querySelectorAll(".fk-table:not([data-live])").forEach((box) => {
    const table = box.querySelector("table");
    box.dataset.live = "";
    [...table.tHead.rows[0].cells].forEach((th, at) => {
      if ("more" in th.dataset) return;
      const button = make("button", { type: "button", onclick: () => sort(table, at, th) });
      button.append(...th.childNodes);
      th.append(button);
    });
    const tools = make("div", { className: "fk-tools" });
    const search = make("input", { type: "search", placeholder: "search", oninput: () => {
      for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(search.value.toLowerCase());
    } });
    search.setAttribute("aria-label", "search this table");
    const save = make("button", { type: "button", textContent: "CSV", onclick: () => {
      const link = make("a", { download: "table.csv", href: URL.createObjectURL(new Blob([csv(table)], { type: "text/csv" })) });
      link.click();
      URL.revokeObjectURL(link.href);
    } });
    tools.append(...(table.tBodies[0].rows.length > 10 ? [search, save] : [save]));
    box.querySelector(".fk-scroll").before(tools);
  });
})();
