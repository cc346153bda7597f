// SPDX-License-Identifier: LGPL-2.1-or-later
// Makes elements and words for people. Data only ever becomes text, never markup.

'use strict';

const BYTES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
const NUMBERS = new Intl.NumberFormat('en');

// Control characters, and those that change the direction of text.
const INVISIBLE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Text with all characters visible. */
function visible(text) {
  return String(text).replace(
    INVISIBLE,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The element of the template with that id. */
function byId(id) {
  return document.getElementById(id);
}

/**
 * A new element. attributes: class, text, on (listeners by event), data- and
 * aria- ones, true for those without a value; null and false are left out.
 */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) {
      continue;
    }
    if (name === 'text') {
      node.textContent = visible(value);
    } else if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) {
        node.addEventListener(event, listener);
      }
    } else {
      node.setAttribute(name, value === true ? '' : visible(value));
    }
  }
  for (const child of children) {
    if (child !== null && child !== undefined) {
      node.append(typeof child === 'object' ? child : visible(child));
    }
  }
  return node;
}

/** Whether something could not be read. */
function isUnknown(value) {
  return value === null || value === undefined || Number.isNaN(value);
}

/** 12,345; unreadable values are "unknown", never 0. */
function count(number) {
  return isUnknown(number) ? 'unknown' : NUMBERS.format(number);
}

/** The largest of some numbers, without unreadable ones. */
function largest(numbers) {
  let most = NaN;
  for (const number of numbers) {
    if (!isUnknown(number) && !(most >= number)) {
      most = number;
    }
  }
  return most;
}

/** The smallest of some numbers, likewise. */
function smallest(numbers) {
  return -largest([...numbers].map((number) => (isUnknown(number) ? NaN : -number)));
}

/**
 * Appends the entries of the first items to a parent, and the others when a
 * button is pressed, which place() inserts. Then the element that focus
 * selects in the first of these is focused.
 */
function appendSome(parent, items, most, entry, focus, place) {
  parent.append(...items.slice(0, most).map(entry));
  const rest = items.slice(most);
  if (!rest.length) {
    return;
  }
  const more = el('button', {
    type: 'button',
    text: `Show ${count(rest.length)} more`,
    on: {
      click: () => {
        const entries = rest.map(entry);
        parent.append(...entries);
        more.remove();
        entries[0].querySelector(focus).focus();
      },
    },
  });
  place(more);
}

/** 1 pin, 2 pins */
function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** A number of bytes, with a suitable unit. */
function bytes(number) {
  let unit = 0;
  while (number >= 1024 && unit < BYTES.length - 1) {
    number /= 1024;
    unit += 1;
  }
  return `${number >= 100 || Number.isInteger(number) ? Math.round(number) : number.toFixed(1)} ${BYTES[unit]}`;
}

/** A time span in ms, in at most two units. */
function span(ms) {
  if (isUnknown(ms)) {
    return 'an unknown time';
  }
  if (ms < 1000) {
    return `${Math.round(ms)} ms`;
  }
  const seconds = ms / 1000;
  if (seconds < 60) {
    return `${seconds < 10 && !Number.isInteger(seconds) ? seconds.toFixed(1) : Math.round(seconds)} s`;
  }
  const units = [
    ['d', 86400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ];
  const first = units.findIndex(([, size]) => seconds >= size);
  const [name, size] = units[first];
  const whole = Math.floor(seconds / size);
  const parts = [`${count(whole)} ${name}`];
  if (first + 1 < units.length) {
    const [smaller, part] = units[first + 1];
    const rest = Math.floor((seconds - whole * size) / part);
    if (rest) {
      parts.push(`${rest} ${smaller}`);
    }
  }
  return parts.join(' ');
}

/** 25 %, 0.3 %, < 0.1 % */
function percent(share) {
  const value = share * 100;
  if (value > 0 && value < 0.1) {
    return '< 0.1 %';
  }
  return `${value >= 10 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} %`;
}

function hex(number) {
  return `0x${number.toString(16)}`;
}

/** A frame's function, with its module but without the offset. */
function functionOf(frame) {
  return frame.replace(/\+0x[0-9a-f]+(\/0x[0-9a-f]+)?/, '');
}

/** The class of a pin's colours, by its mode and term. */
function pinClass({ mode, term }) {
  return `${mode === 'w' ? 'write' : 'read'}-${term}`;
}

/** The mode and term of a pin, in its colours. */
function pinBadge(words) {
  const kind = pinClass(words);
  return el('span', { class: `kind ${kind}`, text: kind.replace('-', ' ') });
}

/** The reason why there are no pins to show. */
function emptyWords(data) {
  const { enabled } = data.tracking || {};
  if (!data.complete) {
    return 'No pins are shown: not everything could be read.';
  }
  return enabled === false
    ? 'No pins are on record: tracking is off.'
    : 'No pins are on record: nothing was pinned at that time.';
}

/** A stack as a list, innermost frame first. */
function stackList(frames, label) {
  if (!frames || frames.length === 0) {
    return el('p', { class: 'muted', text: 'This stack could not be read, or was not kept.' });
  }
  const list = el('ol', { class: 'stack', 'aria-label': label });
  for (const frame of frames) {
    const name = functionOf(frame);
    const place = frame.startsWith(name) ? frame.slice(name.length) : '';
    list.append(
      place
        ? el('li', {}, el('bdi', { text: name }), el('span', { class: 'muted', text: place }))
        : el('li', {}, el('bdi', { text: frame })),
    );
  }
  return list;
}

/** A list of terms and definitions, from pairs; those without a value are left out. */
function facts(pairs) {
  const list = el('dl', { class: 'facts' });
  for (const [term, value] of pairs) {
    if (value !== null && value !== undefined && value !== '') {
      list.append(
        el(
          'div',
          {},
          el('dt', { text: term }),
          el('dd', {}, typeof value === 'object' ? value : el('bdi', { text: value })),
        ),
      );
    }
  }
  return list;
}

/** A row of column headings; a leading # marks numbers. */
function headings(names) {
  return el(
    'tr',
    {},
    ...names.map((name) =>
      name.startsWith('#')
        ? el('th', { scope: 'col', class: 'number', text: name.slice(1) })
        : el('th', { scope: 'col', text: name }),
    ),
  );
}

/** A button that shows and hides the following element, which is created on first use. */
function disclosure(label, describe, onToggle) {
  const button = el('button', {
    type: 'button',
    class: 'disclose',
    'aria-expanded': 'false',
    'aria-label': describe ? `${label}, ${describe}` : null,
  });
  button.append(el('span', { class: 'twist', 'aria-hidden': 'true' }), el('bdi', { text: label }));
  button.addEventListener('click', () => {
    const open = button.getAttribute('aria-expanded') !== 'true';
    button.setAttribute('aria-expanded', String(open));
    onToggle(open, button);
  });
  return button;
}

/** A disclosure in a table: it shows a row of its own below. */
function rowDisclosure(label, describe, columns, fill) {
  let detail = null;
  return disclosure(label, describe, (open, button) => {
    if (!open) {
      detail.remove();
      return;
    }
    detail = el('tr', { class: 'detail' }, el('td', { colspan: columns }, fill()));
    button.closest('tr').after(detail);
  });
}
