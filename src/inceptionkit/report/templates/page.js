"use strict";
// The page is whole without this: it adds copy buttons, sorting by column, hints where a table
// scrolls, a slider for heat maps, and opens what a link leads to.
for (const block of document.querySelectorAll(".command")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    const line = block.querySelector("code");
    try {
      await navigator.clipboard.writeText(line.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(line);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  block.append(button);
}
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "ascending";
      const key = (row) => {
        const cell = row.cells[column];
        return "value" in cell.dataset ? parseFloat(cell.dataset.value) : cell.textContent.trim();
      };
      const order = (a, b) => {
        const x = key(a), y = key(b);
        if (typeof x === "string") return x.localeCompare(y, undefined, { numeric: true });
        return Number.isNaN(x) - Number.isNaN(y) || x - y;
      };
      const rows = [...table.tBodies[0].rows].sort(order);
      if (!down) rows.reverse();
      table.tBodies[0].append(...rows);
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "ascending" : "descending");
    });
  });
}
for (const box of document.querySelectorAll(".scroll")) {
  const hint = document.createElement("p");
  hint.className = "more-hint";
  hint.setAttribute("aria-hidden", "true");
  const look = () => {
    const wide = box.scrollWidth > box.clientWidth + 1, tall = box.scrollHeight > box.clientHeight + 1;
    box.classList.toggle("more", wide || tall);
    hint.textContent = wide ? "scroll sideways for more \u2192" : tall ? "scroll down for more \u2193" : "";
    hint.hidden = !(wide || tall);
    if (wide || tall) box.tabIndex = 0;
  };
  box.before(hint);
  new ResizeObserver(look).observe(box);
  look();
}
document.querySelectorAll(".strength").forEach((place, number) => {
  const label = document.createElement("label"), slider = document.createElement("input");
  label.textContent = "heat map";
  label.htmlFor = slider.id = `strength-${number}`;
  Object.assign(slider, { type: "range", min: "0", max: "100", value: "70" });
  slider.addEventListener("input", () => {
    document.documentElement.style.setProperty("--heat", slider.value / 100);
    for (const other of document.querySelectorAll(".strength input")) other.value = slider.value;
  });
  place.append(label, slider);
});
const unfold = () => {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const folded = target && target.querySelector(":scope > details");
  if (folded) folded.open = true;
};
addEventListener("hashchange", unfold);
unfold();
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
