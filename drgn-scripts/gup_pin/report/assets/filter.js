// SPDX-License-Identifier: LGPL-2.1-or-later
// The words of a search, and what they mean.

'use strict';

class BadWord extends Error {}

/** A number as debugfs accepts it: decimal, or hexadecimal with 0x. */
function number(text) {
  if (!/^(0x[0-9a-f]+|[0-9]+)$/i.test(text)) {
    throw new BadWord(`“${text}” is not a number`);
  }
  return Number(text);
}

function choice(text, ...values) {
  if (!values.includes(text)) {
    throw new BadWord(`“${text}” is none of ${values.join(', ')}`);
  }
  return text;
}

/** A test of rows by a property of their origins. */
function byOrigin(pins, test) {
  const fits = pins.origins.map(test);
  return (row) => fits[pins.origin[row]];
}

/** A test of rows by a property of their files. */
function byFile(pins, test) {
  const fits = pins.files.map(test);
  return (row) => fits[pins.file[row]];
}

/** For each key, a function from the pins and the word's value to a test of rows. */
const WORDS = {
  owner: (pins, text) => {
    const owner = number(text);
    return byOrigin(pins, (origin) => origin.owner === owner);
  },
  task: (pins, text) =>
    text.includes('/')
      ? byOrigin(pins, (origin) => origin.task === text)
      : byOrigin(pins, (origin) => origin.task.split('/').includes(String(number(text)))),
  comm: (pins, text) => byOrigin(pins, (origin) => origin.comm === text),
  mode: (pins, text) => {
    choice(text, 'r', 'w');
    return byOrigin(pins, (origin) => origin.mode === text);
  },
  term: (pins, text) => {
    choice(text, 'short', 'long');
    return byOrigin(pins, (origin) => origin.term === text);
  },
  api: (pins, text) => byOrigin(pins, (origin) => origin.api === text),
  stack: (pins, text) => {
    const handle = number(text);
    return byOrigin(pins, (origin) => Number(origin.stack) === handle);
  },
  func: (pins, text) =>
    byOrigin(pins, (origin) => origin.functions.some((name) => name.split(' ')[0] === text)),
  map: (pins, text) => byFile(pins, (file) => file.map === text),
  path: (pins, text) => byFile(pins, (file) => file.path === text),
  dev: (pins, text) => byFile(pins, (file) => file.dev === text),
  ino: (pins, text) => {
    const ino = BigInt(number(text) && text);
    return byFile(pins, (file) => file.ino !== UNREAD && BigInt(file.ino) === ino);
  },
  match: (pins, text) => {
    const match = MATCHES.indexOf(choice(text, ...MATCHES));
    return (row) => pins.match[row] === match;
  },
  orphan: (pins, text) => {
    const orphan = choice(text, 'yes', 'no') === 'yes';
    return (row) => pins.orphan[row] > 0 === orphan;
  },
  gone: (pins, text) => {
    const gone = GONE.indexOf(choice(text, ...GONE.slice(1)));
    return (row) => pins.orphan[row] === gone;
  },
  pfn: (pins, text) => {
    const [first, last] = text.split('-').map(number);
    const end = last === undefined ? first : last;
    return (row) => pins.pfn[row] <= end && pins.pfn[row] + pins.leastPages(row) > first;
  },
  min_age_ms: (pins, text) => {
    const age = number(text);
    return (row) => pins.age_ms[row] >= age;
  },
  max_age_ms: (pins, text) => {
    const age = number(text);
    return (row) => pins.age_ms[row] <= age;
  },
};

/** A test for rows that contain a text anywhere. */
function anywhere(pins, text) {
  const wanted = text.toLowerCase();
  const has = (...values) => values.some((value) => value.toLowerCase().includes(wanted));
  const origin = byOrigin(pins, (o) => has(o.comm, o.api, o.task, o.stack, ...o.functions));
  const file = byFile(pins, (f) => has(f.map, f.path));
  return (row) => origin(row) || file(row) || hex(pins.pfn[row]) === wanted;
}

/** The tests of a query; raises BadWord. */
function parseQuery(pins, query) {
  return query
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => {
      const [, key, value] = word.match(/^([a-z_]+)=(.*)$/) || [];
      if (key === undefined) {
        return anywhere(pins, word);
      }
      if (!Object.prototype.hasOwnProperty.call(WORDS, key)) {
        throw new BadWord(`no word “${key}=”; there are ${Object.keys(WORDS).join('=, ')}=`);
      }
      return WORDS[key](pins, value);
    });
}

/** The rows that pass all tests. */
function matching(pins, tests) {
  const rows = new Uint32Array(pins.length);
  let found = 0;
  for (let row = 0; row < pins.length; row += 1) {
    if (tests.every((test) => test(row))) {
      rows[found] = row;
      found += 1;
    }
  }
  return rows.slice(0, found);
}
