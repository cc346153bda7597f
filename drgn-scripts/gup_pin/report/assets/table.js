// SPDX-License-Identifier: LGPL-2.1-or-later
// The table of all pins: searched, sorted, and shown page by page.

'use strict';

// What a column shows and is sorted by; name: its heading; first: its initial order.
const COLUMNS = [
  { name: 'pfn', key: (p) => p.pfn, number: true },
  {
    name: 'Pages',
    key: (p) => p.pages,
    number: true,
    first: -1,
    cell: (p, row) => count(p.pages[row]),
  },
  {
    name: 'Pins',
    key: (p) => p.pins,
    number: true,
    first: -1,
    cell: (p, row) => count(p.pins[row]),
  },
  {
    name: 'Age',
    key: (p) => p.age_ms,
    number: true,
    first: -1,
    cell: (p, row) => (Number.isNaN(p.age_ms[row]) ? 'unknown' : span(p.age_ms[row])),
  },
  { name: 'Kind', origin: pinClass, badge: true },
  { name: 'Task', origin: (o) => o.comm, cell: (p, row) => taskName(originOf(p, row)) },
  { name: 'From', origin: (o) => o.via },
  {
    name: 'Memory',
    file: (f) => f.map,
    cell: (p, row) => p.files[p.file[row]].map.replace(UNREAD, 'unknown'),
    wide: true,
  },
  {
    name: 'File',
    file: (f) => `${f.path} ${f.dev} ${String(f.ino).padStart(20, '0')}`,
    cell: (p, row) => p.fileName(p.file[row]),
    path: true,
  },
  {
    name: 'Match',
    key: (p) => p.match,
    cell: (p, row) => MATCHES[p.match[row]],
    wide: true,
  },
];

function originOf(pins, row) {
  return pins.origins[pins.origin[row]];
}

/** For each value, its place in the order of their texts: numbers sort faster. */
function ranks(texts) {
  const sorted = [...new Set(texts)].sort();
  const place = new Map(sorted.map((text, i) => [text, i]));
  return texts.map((text) => place.get(text));
}

/** A function from a row to a number by which a column sorts. */
function sortKey(column, pins) {
  if (column.origin) {
    const rank = ranks(pins.origins.map(column.origin));
    return (row) => rank[pins.origin[row]];
  }
  if (column.file) {
    const rank = ranks(pins.files.map(column.file));
    return (row) => rank[pins.file[row]];
  }
  const values = column.key(pins);
  return (row) => values[row];
}

function cellText(column, pins, row) {
  if (column.cell) {
    return column.cell(pins, row);
  }
  return column.origin
    ? column.origin(originOf(pins, row))
    : column.file(pins.files[pins.file[row]]);
}

const TASK_COLUMN = COLUMNS.findIndex((column) => column.name === 'Task');

/** The classes of a column's cells; wide: only shown if there is room. */
function classesOf(column) {
  const classes = ['number', 'wide', 'path'].filter((name) => column[name]);
  return classes.join(' ') || null;
}

/** The task that pinned, in short. */
function taskName(origin) {
  return `${origin.comm} (${origin.task.split('/')[0]})`;
}

class Table {
  constructor(data) {
    this.data = data;
    this.pins = data.pins;
    this.table = byId('pins-table');
    this.query = byId('query');
    // The oldest first: leaks are old.
    this.sorting = { column: COLUMNS.find((column) => column.name === 'Age'), way: -1 };
    this.scope = null;
    this.page = 0;
    this.rows = this.pins.all();
    this.head();
    this.drawEmpty();
    this.listen();
    this.search();
  }

  head() {
    const row = el('tr');
    for (const column of COLUMNS) {
      const button = el('button', { type: 'button', class: 'sort', text: column.name });
      button.append(el('span', { class: 'arrow', 'aria-hidden': 'true' }));
      button.addEventListener('click', () => this.sortBy(column));
      column.heading = el('th', { scope: 'col', class: classesOf(column) }, button);
      row.append(column.heading);
    }
    this.markSorted();
    this.table.tHead.append(row);
  }

  /** Without pins there is nothing to search. */
  drawEmpty() {
    const none = this.pins.length === 0;
    byId('pins-empty').hidden = !none;
    byId('pins-empty').textContent = emptyWords(this.data);
    const parts = byId('pins').querySelectorAll('form, #pins-status, .scroll, .pager');
    for (const part of parts) {
      part.hidden = none;
    }
  }

  listen() {
    let waiting = 0;
    this.query.addEventListener('input', () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.search(), 120);
    });
    byId('search').addEventListener('submit', (event) => {
      event.preventDefault();
      clearTimeout(waiting);
      this.search();
    });
    byId('clear').addEventListener('click', () => {
      this.scope = null;
      this.query.value = '';
      this.search();
      this.query.focus();
    });
    const moves = {
      'first-page': () => 0,
      'previous-page': () => this.page - 1,
      'next-page': () => this.page + 1,
      'last-page': () => this.pages() - 1,
    };
    for (const [id, to] of Object.entries(moves)) {
      byId(id).addEventListener('click', () => this.turnTo(to()));
    }
    byId('page-number').addEventListener('change', (event) =>
      this.turnTo(Number(event.target.value) - 1),
    );
    byId('page-size').addEventListener('change', () => this.turnTo(0));
  }

  /** Show the results of a query, and scroll to them. */
  show(query) {
    this.scope = null;
    this.query.value = query;
    this.go();
  }

  /** The same for a test that is not a query. */
  showScope(label, test) {
    this.scope = { label, test };
    this.query.value = '';
    this.go();
  }

  go() {
    this.search();
    byId('pins').scrollIntoView();
    byId('pins').focus({ preventScroll: true });
  }

  search() {
    const error = byId('query-error');
    try {
      const tests = parseQuery(this.pins, this.query.value);
      if (this.scope) {
        tests.push(this.scope.test);
      }
      this.rows = tests.length ? matching(this.pins, tests) : this.pins.all();
      error.textContent = '';
      this.query.removeAttribute('aria-invalid');
    } catch (problem) {
      if (!(problem instanceof BadWord)) {
        throw problem;
      }
      // The rows stay as they were, as for a filter that debugfs refuses.
      error.textContent = visible(problem.message);
      this.query.setAttribute('aria-invalid', 'true');
      return;
    }
    this.drawScope();
    this.sort();
    this.turnTo(0);
  }

  drawScope() {
    const line = byId('scope');
    line.hidden = !this.scope;
    line.replaceChildren();
    if (this.scope) {
      const all = el('button', { type: 'button', text: 'Show all again' });
      all.addEventListener('click', () => {
        this.scope = null;
        this.search();
        this.query.focus();
      });
      line.append(el('bdi', { text: `Shown is ${this.scope.label}.` }), ' ', all);
    }
  }

  sortBy(column) {
    const same = this.sorting.column === column;
    this.sorting = { column, way: same ? -this.sorting.way : column.first || 1 };
    this.markSorted();
    this.sort();
    this.turnTo(0);
  }

  markSorted() {
    const { column, way } = this.sorting;
    for (const other of COLUMNS) {
      other.heading.removeAttribute('aria-sort');
    }
    column.heading.setAttribute('aria-sort', way > 0 ? 'ascending' : 'descending');
  }

  sort() {
    const { column, way } = this.sorting;
    const key = sortKey(column, this.pins);
    // Values that could not be read come last in either order.
    const last = (value) => Number(Number.isNaN(value));
    this.rows.sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      return last(x) - last(y) || way * (x - y) || a - b;
    });
  }

  size() {
    return Number(byId('page-size').value);
  }

  pages() {
    return Math.max(1, Math.ceil(this.rows.length / this.size()));
  }

  turnTo(page) {
    const last = this.pages() - 1;
    this.page = Math.min(Math.max(0, Math.floor(page) || 0), last);
    const first = this.page * this.size();
    const shown = this.rows.subarray(first, first + this.size());
    this.table.tBodies[0].replaceChildren(...Array.from(shown, (row) => this.row(row)));
    byId('page-number').value = this.page + 1;
    byId('page-number').max = last + 1;
    byId('page-count').textContent = `of ${count(last + 1)}`;
    for (const [id, end] of [
      ['first-page', 0],
      ['previous-page', 0],
      ['next-page', last],
      ['last-page', last],
    ]) {
      // Not disabled, because that would lose the focus.
      byId(id).setAttribute('aria-disabled', String(this.page === end));
    }
    this.tell(first, shown.length);
  }

  tell(first, shown) {
    let pins = 0;
    for (const row of this.rows) {
      pins += this.pins.pins[row];
    }
    const found = `${plural(this.rows.length, 'run')} of ${count(this.pins.length)}, ${plural(pins, 'pin')}`;
    byId('pins-status').textContent = shown
      ? `${found}; shown are ${count(first + 1)} to ${count(first + shown)}.`
      : `${found}. Nothing matches the search.`;
  }

  row(row) {
    const { pins } = this;
    const tr = el('tr');
    for (const column of COLUMNS) {
      if (column === COLUMNS[0]) {
        const fill = () => this.detail(row);
        tr.append(
          el(
            'th',
            { scope: 'row', class: 'number' },
            rowDisclosure(hex(pins.pfn[row]), 'stack and all words', COLUMNS.length, fill),
          ),
        );
      } else {
        const shown = column.badge
          ? pinBadge(originOf(pins, row))
          : el('bdi', { text: cellText(column, pins, row) });
        tr.append(el('td', { class: classesOf(column) }, shown));
      }
    }
    if (pins.orphan[row]) {
      tr.cells[TASK_COLUMN].append(' ', el('span', { class: 'badge warning', text: GONE_WORDS[GONE[pins.orphan[row]]] }));
    }
    return tr;
  }

  detail(row) {
    return el(
      'div',
      { class: 'stacks' },
      el(
        'div',
        {},
        el('h3', { text: 'Pinned from:' }),
        stackList(originOf(this.pins, row).frames, 'Stack of the pin'),
      ),
      el('div', {}, el('h3', { text: 'All words:' }), facts(this.pins.words(row))),
    );
  }
}
