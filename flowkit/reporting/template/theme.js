(() => {
  const os = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  try { chosen = localStorage.getItem("flowkit-theme"); } catch { /* no storage: follow the system */ }
  const paint = () => document.documentElement.classList.toggle("dark", chosen ? chosen === "dark" : os.matches);
  os.addEventListener("change", paint);
  paint();
})();
