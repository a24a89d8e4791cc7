// A click on a column's head sorts its table by that column, a second click the other way round; empty cells come last.
for (const table of document.querySelectorAll("table")) {
  const heads = table.tHead ? [...[...table.tHead.rows].at(-1).cells] : [];
  heads.forEach((head, column) => {
    const sort = () => {
      const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.replace(/[\u202f\s]/g, "");
      const order = (first, second) => {
        const [a, b] = [key(first), key(second)];
        if (a === "" || b === "") return (a === "") - (b === "");
        return way * (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
      };
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
    };
    head.tabIndex = 0;
    head.title = "Sort by this column";
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      sort();
    });
  });
}
