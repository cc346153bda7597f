// SPDX-License-Identifier: LGPL-2.1-or-later
// The pins, column by column as stored in the page, and values derived from them.

'use strict';

// Functions that every pin goes through: their callers distinguish pins.
const PLUMBING =
  /^(_*pin_user_|_*memfd_pin_|folio_add_pin|_*gup_(longterm|fast)|_*get_user_pages|internal_get_user|try_grab|iov_iter_extract|_*bio_iov_iter|extract_iter|entry_SYSCALL)/;

// How certain it is that a record is of live pins, by number.
const MATCHES = ['exact', 'alike', 'inferred'];

// What has ended of an orphan, by number, and in words.
const GONE = ['', 'owner', 'task', 'both', 'unknown'];
const GONE_WORDS = {
  owner: 'owner ended',
  task: 'task ended',
  both: 'owner and task ended',
  unknown: 'has ended',
};

// Shown for a word that could not be read, as in a line of debugfs.
const UNREAD = '?';

/** The data of the page. pins: see Pins; the rest is a gup-pin/2 document. */
function readData() {
  const raw = JSON.parse(byId('data').textContent);
  raw.pins = new Pins(raw.columns, raw.stacks || {});
  return raw;
}

/** Converts columns to objects, one for each row. */
function objectsOf(columns, length) {
  const keys = Object.keys(columns);
  return Array.from({ length }, (_, i) =>
    Object.fromEntries(keys.map((key) => [key, columns[key][i]])),
  );
}

/** The function of a stack, innermost first, that distinguishes it from others. */
function viaOf(functions) {
  return functions.find((name) => !PLUMBING.test(name)) || functions[0] || '?';
}

/** A pin's origin: its function names, and the one that distinguishes it from others. */
function sitesOf(columns, stacks) {
  const paths = new Map();
  return objectsOf(columns, columns.stack.length).map((site) => {
    if (!paths.has(site.stack)) {
      const frames = stacks[site.stack] || [];
      const functions = frames.map(functionOf);
      paths.set(site.stack, { frames, functions, via: viaOf(functions) });
    }
    return { ...site, ...paths.get(site.stack) };
  });
}

/** The task and place of a pin: one of many, so it is made without copying. */
class Origin {
  constructor(task, site) {
    this.owner = task.owner;
    this.task = task.task;
    this.comm = task.comm;
    this.mode = site.mode;
    this.term = site.term;
    this.api = site.api;
    this.stack = site.stack;
    this.frames = site.frames;
    this.functions = site.functions;
    this.via = site.via;
  }
}

/**
 * Runs of pins. A row is a number; origin and file are numbers, too, of values that many
 * rows share.
 */
class Pins {
  constructor(columns, stacks) {
    const tasks = objectsOf(columns.tasks, columns.tasks.task.length);
    const sites = sitesOf(columns.sites, stacks);
    const { origins } = columns;
    this.origins = origins.task.map((task, i) => new Origin(tasks[task], sites[origins.site[i]]));
    this.files = objectsOf(columns.files, columns.files.map.length).map((file) =>
      Object.fromEntries(Object.entries(file).map(([key, value]) => [key, value ?? UNREAD])),
    );
    this.length = columns.pfn.length;
    this.sorted = null;
    // null is a number that could not be read, and must not become 0.
    for (const name of ['pfn', 'pages', 'pins', 'age_ms', 'order']) {
      this[name] = Float64Array.from(columns[name], (value) => value ?? NaN);
    }
    for (const name of ['origin', 'file']) {
      this[name] = Uint32Array.from(columns[name]);
    }
    for (const name of ['match', 'orphan']) {
      this[name] = Uint8Array.from(columns[name]);
    }
    this.addr = columns.addr;
    this.index = columns.index;
  }

  /** The memory of a row: its path, or else its kind and inode. */
  fileName(number) {
    const file = this.files[number];
    if (file.path && file.path !== UNREAD) {
      return file.path;
    }
    if (file.ino === UNREAD) {
      return 'unknown';
    }
    return file.ino === '0' ? '' : `dev ${file.dev} ino ${file.ino}`;
  }

  /** Pages of a row: at least one, if their number could not be read. */
  leastPages(row) {
    return Number.isNaN(this.pages[row]) ? 1 : this.pages[row];
  }

  /** The words of a row as in debugfs, in order. */
  words(row) {
    const origin = this.origins[this.origin[row]];
    const file = this.files[this.file[row]];
    const words = [
      ['pfn', hex(this.pfn[row])],
      ['pages', this.pages[row]],
      ['order', this.order[row]],
      ['pins', this.pins[row]],
      ['mode', origin.mode],
      ['term', origin.term],
      ['api', origin.api],
      ['owner', origin.owner],
      ['task', origin.task],
      ['comm', origin.comm],
      ['age_ms', this.age_ms[row]],
      ['addr', this.addr[row] && `0x${this.addr[row]}`],
      ['map', file.map],
      ['dev', file.dev],
      ['ino', file.ino],
      ['index', this.index[row] && `0x${this.index[row]}`],
      ['stack', origin.stack],
      ['match', MATCHES[this.match[row]]],
      ['path', file.path],
    ];
    return words.map(([key, value]) => [key, isUnknown(value) ? UNREAD : value]);
  }

  /** All rows, in their original order. */
  all() {
    const rows = new Uint32Array(this.length);
    for (let row = 0; row < this.length; row += 1) {
      rows[row] = row;
    }
    return rows;
  }

  /** Rows in the order of their pfns. */
  byPfn() {
    if (!this.sorted) {
      const { pfn } = this;
      this.sorted = this.all().sort((a, b) => pfn[a] - pfn[b] || a - b);
    }
    return this.sorted;
  }
}
