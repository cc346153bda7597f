// SPDX-License-Identifier: GPL-2.0

/** What is in the table of pins, and what the page says of it. */
function tableNow() {
  const table = document.getElementById('pins-table');
  const rows = [...table.tBodies[0].rows].filter((row) => !row.classList.contains('detail'));
  return {
    cells: rows.slice(0, 200).map((row) => [...row.cells].map((cell) => cell.innerText.trim())),
    status: document.getElementById('pins-status').textContent,
    error: document.getElementById('query-error').textContent,
    invalid: document.getElementById('query').getAttribute('aria-invalid'),
    query: document.getElementById('query').value,
    focus: document.activeElement.id,
  };
}
