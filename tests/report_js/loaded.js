// SPDX-License-Identifier: GPL-2.0

/** What the page shows as it is loaded. */
function loaded() {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const rows = (selector) =>
    all(`${selector} tbody tr`).map((row) => [...row.cells].map((cell) => cell.innerText.trim()));
  const [timing] = performance.getEntriesByType('navigation');
  return {
    title: document.title,
    ms: Math.round(timing.domComplete),
    nodes: all('*').length,
    verdict: document.getElementById('verdict').innerText,
    problems: all('#problems-list summary').map((summary) => summary.innerText),
    ages: rows('#ages-table').map((cells) => cells.slice(0, 4)),
    blocks: rows('#memory-table'),
    cells: all('.strip .cell').map((cell) => cell.title),
    origins: rows('#origins-table'),
    events: all('#timeline-list summary').map((summary) => summary.innerText),
    marks: all('.mark').map((mark) => Number(mark.style.getPropertyValue('--at'))),
    width: document.documentElement.scrollWidth,
  };
}
