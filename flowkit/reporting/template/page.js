(() => {
  const root = document.documentElement;
  const on = (id, act) => document.getElementById(id)?.addEventListener("click", act);
  on("theme", () => {
    const dark = root.classList.toggle("dark");
    try { localStorage.setItem("flowkit-theme", dark ? "dark" : "light"); } catch { /* no storage: the choice lasts as long as the page */ }
  });
  on("code", (event) => {
    event.currentTarget.setAttribute("aria-pressed", document.body.classList.toggle("show-code"));
  });
  if (!navigator.clipboard) {
    Object.defineProperty(navigator, "clipboard", { value: { writeText(text) {
      const held = document.body.appendChild(Object.assign(document.createElement("textarea"), { value: text }));
      held.select();
      document.execCommand("copy");
      held.remove();
      return Promise.resolve();
    } } });
  }
  const unfold = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folded = target && target.closest("details");
    if (folded) { folded.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", unfold);
  unfold();
  const filter = document.getElementById("filter");
  if (filter) {
    const lines = [...document.querySelectorAll("#findings tr[data-severity]")];
    filter.hidden = false;
    filter.addEventListener("submit", (event) => event.preventDefault());
    filter.addEventListener("input", () => {
      const { host, ...wanted } = Object.fromEntries(new FormData(filter));
      const shown = lines.filter((line) => {
        const named = `${line.textContent} ${line.dataset.words}`.toLowerCase().includes(host.trim().toLowerCase());
        line.hidden = !named || Object.entries(wanted).some(([name, value]) => value && line.dataset[name] !== value);
        return !line.hidden;
      });
      shown.forEach((line) => { const fold = line.closest("details"); if (fold) fold.open = true; });
      filter.querySelector("output").textContent = `${shown.length} of ${lines.length}`;
    });
  }
})();
