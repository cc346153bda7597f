// SPDX-License-Identifier: GPL-2.0
// report_browser.mjs MODULES: do with pages in headless Chromium what each line of stdin asks
// for, an object {page, what, ...}, and answer each with a line, what was seen.
//
// Each is done in a window of its own, 1280 wide in the light scheme unless it says otherwise,
// and with what is seen come all errors, and requests for anything but the page.

import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [modules] = process.argv.slice(2);
const { chromium } = createRequire(`${resolve(modules)}/`)('playwright-core');

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** What is in the table of pins, and what the page says of it. */
function tableNow() {
  const table = document.getElementById('pins-table');
  const rows = [...table.tBodies[0].rows].filter((row) => !row.classList.contains('detail'));
  return {
    rows: rows.length,
    cells: rows.slice(0, 200).map((row) => [...row.cells].map((cell) => cell.innerText.trim())),
    status: document.getElementById('pins-status').textContent,
    error: document.getElementById('query-error').textContent,
    invalid: document.getElementById('query').getAttribute('aria-invalid'),
    query: document.getElementById('query').value,
    focus: document.activeElement.id,
  };
}

/** The name and state of what has the focus. */
function focused() {
  const node = document.activeElement;
  const section = node.closest('section');
  return {
    section: section ? section.id : '',
    tag: node.tagName,
    name: node.getAttribute('aria-label') || node.innerText || node.id,
    expanded: node.getAttribute('aria-expanded'),
    outline: getComputedStyle(node).outlineStyle,
  };
}

/** Text that stands out too little from what is behind it: its words, colours, and ratio. */
function lowContrast() {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const parse = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) =>
    [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const behind = (node) => {
    const layers = [];
    for (let up = node; up; up = up.parentElement) {
      layers.unshift(parse(getComputedStyle(up).backgroundColor));
    }
    return layers.reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((c) => {
      const part = c / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = { texts: 0, low: [] };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const node = text.parentElement;
    if (!text.data.trim() || !node.checkVisibility() || node.closest('script, style')) {
      continue;
    }
    const style = getComputedStyle(node);
    const back = behind(node);
    const front = over(parse(style.color), back);
    const [light, dark] = [luminance(front), luminance(back)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    found.texts += 1;
    if (ratio < 4.5) {
      found.low.push([text.data.trim().slice(0, 40), style.color, ratio]);
    }
  }
  return found;
}

/** Roles of which each must say what it is. */
const NAMED = new Set([
  ...['button', 'link', 'searchbox', 'textbox', 'spinbutton', 'combobox', 'radio', 'table'],
  ...['region', 'navigation', 'search', 'image', 'img', 'tree', 'treeitem', 'columnheader'],
  ...['rowheader', 'group', 'heading', 'form'],
]);

/** Chromium's own tree of what assistive programs are told. */
async function accessibility(page) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  const found = { unnamed: [], landmarks: [], headings: [], roles: {} };
  for (const node of nodes) {
    if (node.ignored || !node.role) {
      continue;
    }
    const role = node.role.value;
    const name = node.name ? node.name.value : '';
    found.roles[role] = (found.roles[role] || 0) + 1;
    // A <details> is a group, named by its summary.
    if (NAMED.has(role) && !name.trim() && role !== 'group') {
      found.unnamed.push(role);
    }
    if (['banner', 'main', 'navigation', 'search', 'contentinfo'].includes(role)) {
      found.landmarks.push(role);
    }
    if (role === 'heading') {
      const level = node.properties.find((property) => property.name === 'level');
      found.headings.push([level.value.value, name]);
    }
  }
  return found;
}

/** Press a key until the focus is where a test says, and note where it was meanwhile. */
async function tabUntil(page, test, most) {
  const passed = [];
  for (let i = 0; i < most; i += 1) {
    await page.keyboard.press('Tab');
    const now = await page.evaluate(focused);
    passed.push(now);
    if (await page.evaluate(test)) {
      return passed;
    }
  }
  throw new Error(`not reached in ${most} steps: ${JSON.stringify(passed.at(-1))}`);
}

async function search(page, query) {
  await page.fill('#query', query);
  const start = Date.now();
  await page.keyboard.press('Enter');
  const seen = await page.evaluate(tableNow);
  return { ...seen, ms: Date.now() - start };
}

const STEPS = {
  async load(page) {
    return page.evaluate(() => {
      const [timing] = performance.getEntriesByType('navigation');
      return {
        title: document.title,
        ms: Math.round(timing.domComplete),
        nodes: document.querySelectorAll('*').length,
        heap: performance.memory ? performance.memory.usedJSHeapSize : 0,
        verdict: document.getElementById('verdict').innerText,
        problems: [...document.querySelectorAll('#problems-list summary')].map((s) => s.innerText),
        ages: [...document.querySelectorAll('#ages-table tbody tr')].map((row) =>
          [...row.cells].slice(0, 4).map((cell) => cell.innerText),
        ),
        blocks: [...document.querySelectorAll('#memory-table tbody tr')].map((row) =>
          [...row.cells].map((cell) => cell.innerText.trim()),
        ),
        cells: [...document.querySelectorAll('.strip .cell')].map((cell) => cell.title),
        origins: [...document.querySelectorAll('#origins-table tbody tr')].map((row) =>
          [...row.cells].map((cell) => cell.innerText.trim()),
        ),
        events: [...document.querySelectorAll('#timeline-list summary')].map((s) => s.innerText),
        marks: [...document.querySelectorAll('.mark')].map((mark) =>
          Number(mark.style.getPropertyValue('--at')),
        ),
        width: document.documentElement.scrollWidth,
      };
    });
  },

  async search(page, { queries }) {
    const seen = [];
    for (const query of queries) {
      seen.push(await search(page, query));
    }
    return seen;
  },

  /** Typed, without Enter. */
  async type(page, { query }) {
    await page.focus('#query');
    await page.keyboard.type(query);
    await page.waitForTimeout(1000);
    return page.evaluate(tableNow);
  },

  async sort(page, { column, times }) {
    const heading = page.locator('#pins-table thead th').nth(column);
    const seen = [];
    for (let i = 0; i < times; i += 1) {
      await heading.locator('button').focus();
      const start = Date.now();
      await page.keyboard.press('Enter');
      const now = await page.evaluate(tableNow);
      seen.push({
        ms: Date.now() - start,
        sort: await heading.getAttribute('aria-sort'),
        sorted: await page.locator('th[aria-sort]').count(),
        values: now.cells.map((cells) => cells[column]),
        pfns: now.cells.map((cells) => cells[0]),
      });
    }
    return seen;
  },

  async pages(page, { press }) {
    const seen = [];
    for (const id of press) {
      await page.focus(`#${id}`);
      await page.keyboard.press('Enter');
      seen.push(await page.evaluate(tableNow));
    }
    return seen;
  },

  /** From the top of the page to the first pin, and its stack, by keyboard alone. */
  async expand(page) {
    const there = () =>
      document.activeElement.closest('#pins-table tbody') !== null &&
      document.activeElement.hasAttribute('aria-expanded');
    const passed = await tabUntil(page, there, 300);
    const stack = () =>
      [...document.querySelectorAll('#pins-table .detail .stack li')].map((li) => li.innerText);
    const before = await page.evaluate(stack);
    await page.keyboard.press('Enter');
    const open = { ...(await page.evaluate(focused)), stack: await page.evaluate(stack) };
    open.words = await page.locator('#pins-table .detail .facts dd').allInnerTexts();
    await page.keyboard.press('Space');
    const closed = { ...(await page.evaluate(focused)), stack: await page.evaluate(stack) };
    return { passed, before, open, closed };
  },

  async skip(page) {
    await page.keyboard.press('Tab');
    const first = await page.evaluate(focused);
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    return { first, next: await page.evaluate(() => document.activeElement.id) };
  },

  /** Walk through the graph of call paths with keys; where that leads. */
  async flame(page, { keys }) {
    await page.focus('#flame [tabindex="0"]');
    const seen = [await page.evaluate(focused)];
    for (const key of keys) {
      await page.keyboard.press(key);
      seen.push({
        ...(await page.evaluate(focused)),
        bars: await page.locator('#flame [role=treeitem]').count(),
        reached: await page.locator('#flame [tabindex="0"]').count(),
        panel: await page.locator('#flame-panel').innerText(),
      });
    }
    return seen;
  },

  /** What is shown when a button is pressed. */
  async press(page, { button }) {
    await page.locator(button).first().click();
    return page.evaluate(tableNow);
  },

  async measure(page, { by }) {
    await page.check(`[name=measure][value=${by}]`);
    return page.locator('#flame [role=treeitem]').first().getAttribute('aria-label');
  },

  async contrast(page) {
    await STEPS.open(page);
    await page.fill('#query', 'nonsense=1');
    await page.keyboard.press('Enter');
    return page.evaluate(lowContrast);
  },

  async accessibility(page) {
    const closed = await accessibility(page);
    await STEPS.open(page);
    const open = await accessibility(page);
    return { ...closed, unnamed: [...closed.unnamed, ...open.unnamed] };
  },

  /** Open all that opens. */
  async open(page) {
    return page.evaluate(async () => {
      const closed = document.querySelectorAll('button.disclose[aria-expanded=false]');
      closed.forEach((button) => button.click());
      const details = document.querySelectorAll('details');
      details.forEach((node) => {
        node.open = true;
      });
      await new Promise((done) => {
        setTimeout(done, 100);
      });
      return {
        opened: closed.length + details.length,
        elements: [...new Set([...document.querySelectorAll('*')].map((n) => n.localName))].sort(),
        scripts: document.scripts.length,
        listeners: [...document.querySelectorAll('*')].filter((node) =>
          [...node.attributes].some((attribute) => attribute.name.startsWith('on')),
        ).length,
        text: document.body.innerText,
        title: document.title,
      };
    });
  },

  /** Markup from text, which the page's policy is to refuse, as a script would try it. */
  async refuses(page) {
    return page.evaluate(() => {
      const refused = {};
      const attempts = {
        markup: () => {
          document.createElement('p').innerHTML = '<b>x</b>';
        },
        network: () => {
          const image = new Image();
          image.src = 'data:image/gif;base64,R0lGODlhAQABAAAAACw=';
          document.body.append(image);
          throw new Error('see the errors');
        },
        inline: () => {
          const script = document.createElement('script');
          script.append('window.ran = true');
          document.body.append(script);
          if (!window.ran) {
            throw new Error('did not run');
          }
        },
      };
      for (const [name, attempt] of Object.entries(attempts)) {
        try {
          attempt();
          refused[name] = false;
        } catch {
          refused[name] = true;
        }
      }
      return refused;
    });
  },

  async print(page) {
    await page.emulateMedia({ media: 'print' });
    const shown = await page.evaluate(() =>
      ['header nav', '#search', '.pager', '#problems', '#pins-table', '#flame'].filter((name) =>
        document.querySelector(name).checkVisibility(),
      ),
    );
    const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const contrast = await page.evaluate(lowContrast);
    const pdf = await page.pdf({ format: 'A4' });
    return {
      shown,
      back,
      contrast,
      pages: pdf.toString('latin1').split('/Type /Page\n').length - 1,
    };
  },
};

async function run(browser, step) {
  const address = pathToFileURL(resolve(step.page)).href;
  const context = await browser.newContext({
    viewport: { width: step.width || 1280, height: 900 },
    colorScheme: step.scheme || 'light',
  });
  const errors = [];
  const requests = [];
  const page = await context.newPage();
  page.setDefaultTimeout(60000);
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => errors.push(`${message.type()}: ${message.text()}`));
  page.on('dialog', (dialog) => errors.push(`dialog: ${dialog.message()}`));
  context.on('request', (request) => {
    if (request.url() !== address) {
      requests.push(request.url());
    }
  });
  await page.goto(address, { timeout: 120000 });
  const seen = await STEPS[step.what](page, step);
  await context.close();
  return { seen, errors, requests };
}

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
for await (const line of createInterface({ input: process.stdin })) {
  const step = JSON.parse(line);
  let result;
  try {
    result = await run(browser, step);
  } catch (error) {
    result = { seen: null, errors: [`${step.what}: ${error.message}`], requests: [] };
  }
  console.log(JSON.stringify(result));
}
await browser.close();
