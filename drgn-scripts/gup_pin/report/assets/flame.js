// SPDX-License-Identifier: LGPL-2.1-or-later
// Pins by call path: an icicle graph, outermost function on top, and a table of origins.

'use strict';

// Narrower parts are left out: they are too small to see or click.
const LEAST_SHARE = 0.004;
const ORIGINS_SHOWN = 15;

/** The pins of a stack, over all its tasks. */
function sumByStack(pins) {
  const sums = new Map();
  const ofOrigin = pins.origins.map((origin) => {
    const key = [origin.stack, origin.mode, origin.term, origin.api].join(' ');
    if (!sums.has(key)) {
      sums.set(key, { origin, pins: 0, pages: 0, runs: 0, oldest: NaN, comms: new Map() });
    }
    return sums.get(key);
  });
  for (let row = 0; row < pins.length; row += 1) {
    const sum = ofOrigin[pins.origin[row]];
    const { comm } = pins.origins[pins.origin[row]];
    sum.pins += pins.pins[row];
    sum.pages += pins.leastPages(row);
    sum.atLeast ||= Number.isNaN(pins.pages[row]);
    sum.runs += 1;
    sum.oldest = largest([sum.oldest, pins.age_ms[row]]);
    sum.comms.set(comm, (sum.comms.get(comm) || 0) + pins.pins[row]);
  }
  return [...sums.values()].filter((sum) => sum.runs);
}

/** The tree of call paths with the pins taken through each. */
function makeTree(sums, measure) {
  const nodeOf = (name, parent) => ({
    name,
    parent,
    total: 0,
    children: new Map(),
    stacks: new Set(),
    kinds: new Map(),
  });
  const root = nodeOf('all pins', null);
  for (const sum of sums) {
    const weight = sum[measure];
    const kind = pinClass(sum.origin);
    const add = (node) => {
      node.total += weight;
      node.stacks.add(sum.origin.stack);
      node.kinds.set(kind, (node.kinds.get(kind) || 0) + weight);
    };
    let node = root;
    add(node);
    const path = sum.origin.functions.length ? sum.origin.functions : ['(no stack)'];
    for (let i = path.length - 1; i >= 0; i -= 1) {
      let child = node.children.get(path[i]);
      if (!child) {
        child = nodeOf(path[i], node);
        node.children.set(path[i], child);
      }
      add(child);
      node = child;
    }
  }
  return root;
}

/** The kind of the most pins through a function, as a class: "write-long" and the like. */
function kindOf(node) {
  return [...node.kinds].sort((a, b) => b[1] - a[1])[0]?.[0] || '';
}

function childrenOf(node) {
  return [...node.children.values()].sort(
    (a, b) => b.total - a.total || (a.name < b.name ? -1 : 1),
  );
}

class Flame {
  constructor(box, panel, onPick) {
    this.box = box;
    this.panel = panel;
    this.onPick = onPick;
    this.unit = 'pins';
    box.addEventListener('keydown', (event) => this.key(event));
    box.addEventListener('click', (event) => {
      const bar = event.target.closest('[role=treeitem]');
      if (bar) {
        this.zoom(this.nodes.get(bar), true);
      }
    });
  }

  show(root, unit) {
    this.root = root;
    this.unit = unit;
    this.panel.hidden = true;
    this.draw(root);
  }

  /** Lay out the tree below a node, and those above it over its whole width. */
  draw(top) {
    this.top = top;
    this.nodes = new Map();
    this.bars = new Map();
    const above = [];
    for (let node = top.parent; node; node = node.parent) {
      above.unshift(node);
    }
    const bars = above.map((node, level) => this.bar(node, 0, 1, level, 1, 1));
    let deepest = above.length;
    const place = (node, left, width, level, turn, turns) => {
      deepest = Math.max(deepest, level);
      bars.push(this.bar(node, left, width, level, turn, turns));
      const children = childrenOf(node).filter(
        (child) => top.total && child.total / top.total >= LEAST_SHARE,
      );
      let start = left;
      children.forEach((child, i) => {
        const share = child.total / top.total;
        place(child, start, share, level + 1, i + 1, children.length);
        start += share;
      });
    };
    place(top, 0, 1, above.length, 1, 1);
    this.box.replaceChildren(...bars);
    this.box.style.setProperty('--levels', deepest + 1);
    this.enter(top, false);
  }

  bar(node, left, width, level, turn, turns) {
    const share = percent(this.root.total ? node.total / this.root.total : 0);
    const kinds = [...node.kinds.keys()].map((kind) => kind.replace('-', ' ')).join(' and ');
    const label = `${node.name}: ${plural(node.total, this.unit.slice(0, -1))}, ${share}, ${kinds}`;
    const above = node !== this.top && this.isAbove(node);
    const bar = el(
      'div',
      {
        role: 'treeitem',
        class: `${kindOf(node)}${above ? ' above' : ''}`,
        tabindex: '-1',
        title: label,
        'aria-label': label,
        'aria-level': level + 1,
        'aria-posinset': turn,
        'aria-setsize': turns,
        'aria-expanded': node.children.size ? 'true' : null,
        'aria-selected': node === this.top ? 'true' : 'false',
      },
      el('bdi', { text: node.name }),
    );
    bar.style.setProperty('--left', left);
    bar.style.setProperty('--width', width);
    bar.style.setProperty('--level', level);
    this.nodes.set(bar, node);
    this.bars.set(node, bar);
    return bar;
  }

  isAbove(node) {
    for (let up = this.top.parent; up; up = up.parent) {
      if (up === node) {
        return true;
      }
    }
    return false;
  }

  /** The only bar in the tab order. */
  enter(node, focus) {
    for (const bar of this.bars.values()) {
      bar.tabIndex = -1;
    }
    const bar = this.bars.get(node) || this.bars.get(this.top);
    bar.tabIndex = 0;
    if (focus) {
      bar.focus();
    }
  }

  zoom(node, focus) {
    this.draw(node);
    this.enter(node, focus);
    this.describe(node);
  }

  /** The description and the actions of a node. */
  describe(node) {
    this.panel.hidden = node === this.root;
    if (node === this.root) {
      return;
    }
    this.panel.replaceChildren(
      el(
        'p',
        {},
        el('bdi', { class: 'title', text: node.name }),
        `: ${plural(node.total, this.unit.slice(0, -1))}, ${percent(node.total / this.root.total)} of all, through ${plural(node.stacks.size, 'stack')}.`,
      ),
      el('button', {
        type: 'button',
        text: 'Show these pins in the table',
        on: { click: () => this.onPick(node) },
      }),
      ' ',
      el('button', {
        type: 'button',
        text: 'Back to all pins',
        on: { click: () => this.zoom(this.root, true) },
      }),
    );
  }

  /** Arrow keys follow the tree as displayed: down is to a function's callees. */
  key(event) {
    const node = this.nodes.get(event.target);
    if (!node || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const siblings = node.parent
      ? childrenOf(node.parent).filter((sibling) => this.bars.has(sibling))
      : [node];
    const place = siblings.indexOf(node);
    const moves = {
      ArrowDown: () => childrenOf(node).find((child) => this.bars.has(child)),
      ArrowUp: () => node.parent,
      ArrowRight: () => siblings[place + 1],
      ArrowLeft: () => siblings[place - 1],
      Home: () => this.root,
    };
    if (event.key === 'Enter' || event.key === ' ') {
      this.zoom(node, true);
    } else if (event.key === 'Escape') {
      this.zoom(this.root, true);
    } else if (moves[event.key]) {
      const next = moves[event.key]();
      if (next) {
        this.enter(next, true);
      }
    } else {
      return;
    }
    event.preventDefault();
  }
}

/** The names with the most, and how many others there are. */
function mostOf(amounts, most = 2) {
  const names = [...amounts].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  const rest = names.length - most;
  return names.slice(0, most).join(', ') + (rest > 0 ? ` and ${plural(rest, 'other')}` : '');
}

const ORIGIN_HEADINGS = [
  'From',
  '#Pins',
  '#Pages',
  '#Runs',
  '#Oldest',
  'Kind',
  'By',
  'Function',
];

function originRow(sum, show) {
  const { origin } = sum;
  const label = origin.via;
  const fill = () =>
    el(
      'div',
      {},
      stackList(origin.frames, 'Stack of the pin'),
      el('button', {
        type: 'button',
        text: 'Show these pins in the table',
        on: { click: () => show(`stack=${origin.stack}`) },
      }),
    );
  return el(
    'tr',
    {},
    el('th', { scope: 'row' }, rowDisclosure(label, 'stack', ORIGIN_HEADINGS.length, fill)),
    el('td', { class: 'number', text: count(sum.pins) }),
    el('td', { class: 'number', text: `${sum.atLeast ? '≥ ' : ''}${count(sum.pages)}` }),
    el('td', { class: 'number', text: count(sum.runs) }),
    el('td', { class: 'number', text: span(sum.oldest) }),
    el('td', {}, pinBadge(origin)),
    el('td', {}, el('bdi', { text: mostOf(sum.comms) })),
    el('td', {}, el('code', { text: origin.api })),
  );
}

function drawOrigins(data, show, showScope) {
  const sums = sumByStack(data.pins);
  if (sums.length === 0) {
    byId('origins-empty').textContent = emptyWords(data);
    byId('origins-empty').hidden = false;
    const parts = byId('origins').querySelectorAll('.choice, .legend, #flame-help, #flame, .scroll');
    for (const part of parts) {
      part.hidden = true;
    }
    return;
  }
  const flame = new Flame(byId('flame'), byId('flame-panel'), (node) => {
    const fits = data.pins.origins.map((origin) => node.stacks.has(origin.stack));
    showScope(`only what was pinned through ${node.name}`, (row) => fits[data.pins.origin[row]]);
  });
  const table = byId('origins-table');
  table.tHead.append(headings(ORIGIN_HEADINGS));
  const draw = (measure) => {
    sums.sort((a, b) => b[measure] - a[measure]);
    flame.show(makeTree(sums, measure), measure);
    table.tBodies[0].replaceChildren();
    byId('origins-more').replaceChildren();
    const row = (s) => originRow(s, show);
    appendSome(table.tBodies[0], sums, ORIGINS_SHOWN, row, 'button', (more) =>
      byId('origins-more').append(more),
    );
  };
  for (const radio of document.getElementsByName('measure')) {
    radio.addEventListener('change', () => draw(radio.value));
  }
  draw('pins');
}
