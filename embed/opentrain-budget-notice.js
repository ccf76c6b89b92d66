// @ts-check
/**
 * `<opentrain-budget-notice>` warns in your own pages when a project's funds on OpenTrain run low or are used up. It
 * depends on nothing and needs no build step: see README.md beside this file.
 *
 * @typedef {'OK' | 'LOW' | 'DEPLETED'} BudgetState
 *
 * @typedef {object} ProjectBudget What the connector answers for a project. Only `state` is needed to show a notice.
 * @property {string} connectionId
 * @property {string} projectId
 * @property {BudgetState} state The worst of the contracts.
 * @property {string | null} text One or two plain sentences, ready to show.
 * @property {string | null} url Where to top up; http and https only.
 * @property {readonly ContractBudget[]} contracts
 * @property {string | null} updatedAt ISO 8601, UTC.
 *
 * @typedef {object} ContractBudget
 * @property {string} contractId
 * @property {string | null} title
 * @property {BudgetState} state
 * @property {string | null} paymentType
 * @property {number | null} consumedFraction 1 is all of the funds, more is possible.
 * @property {number | null} fundedVolume In `unit`, as are the two below.
 * @property {number | null} consumedVolume
 * @property {number | null} remainingVolume
 * @property {'hours' | 'labels' | null} unit
 */

/** The words, in English; `{…}` is filled in. Override some or all with the `labels` property or attribute. */
const LABELS = {
  lowTitle: 'Funding is running low',
  lowText: '{share} of the funded work is used.',
  depletedTitle: 'Funded work is exhausted until re-funded',
  depletedText: '',
  contract: 'Contract {id}',
  hours: '{used} of {funded} hours',
  labels: '{used} of {funded} labels',
  more: 'and {count} more',
  topUp: 'Top up on OpenTrain',
  newTab: '(opens in a new tab)',
};

const CONTRACTS_SHOWN = 5;
/** Seconds. The connector hears of usage once an hour, so that asking more often tells little. */
const REFRESH = { byDefault: 300, least: 30, most: 86_400, mostAfterFailures: 3600, timeout: 30 };

const STYLE = `
:host { display: block }
.box { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .625em; padding: .75em 1em; font-size: .9375em;
  line-height: 1.5; overflow-wrap: anywhere; border: 1px solid var(--line); border-inline-start-width: 4px;
  border-radius: var(--opentrain-notice-radius, 8px); color: var(--ink); background: var(--ground) }
.low { --ink: var(--opentrain-low-color, light-dark(#6b4700, #f5d78e));
  --ground: var(--opentrain-low-background, light-dark(#fff5dc, #332a12));
  --line: var(--opentrain-low-border, light-dark(#e9b949, #8a6b1f)) }
.depleted { --ink: var(--opentrain-depleted-color, light-dark(#8a1c1c, #ffb4b4));
  --ground: var(--opentrain-depleted-background, light-dark(#fdeaea, #3a1d20));
  --line: var(--opentrain-depleted-border, light-dark(#e07171, #93434a)) }
svg { inline-size: 1.25em; block-size: 1.5em; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round;
  stroke-linejoin: round }
.row { display: flex; flex-wrap: wrap; align-items: start; gap: .625em 1.25em }
.main { flex: 1 1 16em; min-inline-size: 0 }
strong, p, li > div { display: block; margin: 0 }
ul { list-style: none; margin: 0; padding: 0 }
li { margin-block-start: .375em; font-size: .9375em }
li > div { display: flex; flex-wrap: wrap; justify-content: space-between; column-gap: 1em }
.numbers { font-variant-numeric: tabular-nums }
progress { display: block; appearance: none; inline-size: 100%; block-size: 6px; margin-block: 3px; border: 0;
  border-radius: 3px; overflow: hidden; color: inherit; background: color-mix(in srgb, currentColor 18%, transparent) }
progress::-webkit-progress-bar { background: none }
progress::-webkit-progress-value { background: currentColor }
progress::-moz-progress-bar { background: currentColor }
a { padding: .1875em .75em; border: 1px solid; border-radius: 6px; color: inherit; font-weight: 600; text-decoration: none }
a:hover { text-decoration: underline }
a:focus-visible { outline: 2px solid; outline-offset: 2px }
.unseen { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
@media (forced-colors: active) { progress { forced-color-adjust: none; color: CanvasText; background: GrayText } }
`;
/** Without a notice the live regions stay in the page, but out of its flow: no height, no gap in a flex box or a grid. */
const NOTHING = ':host { position: absolute } .box { all: unset } svg { display: none }';

/** Each notice has its own shape too, so that colour is not all that tells them apart. */
const ICONS = {
  LOW: 'M12 4 2.5 20h19zM12 10v4M12 17v.01',
  DEPLETED: 'M8.3 3h7.4L21 8.3v7.4L15.7 21H8.3L3 15.7V8.3zM8 12h8',
};

/** On a server there are no elements: there the module only must not fail. */
const Base = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (class {});

/** @fires budget-state-change `detail: { state, previousState }`, bubbles out of shadow roots too */
export class OpenTrainBudgetNotice extends Base {
  static observedAttributes = ['src', 'refresh', 'labels'];

  /** @type {unknown} */ #budget = null;
  /** @type {unknown} */ #labels = {};
  /** @type {BudgetState} */ #state = 'OK';
  #shown = '';
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  /** @type {AbortController | undefined} */ #request;
  #observer = new MutationObserver(() => this.#readChild());
  /** Both live regions are there from the start: a region that comes with its text is not announced everywhere. */
  #regions = { LOW: element('div', { role: 'status' }), DEPLETED: element('div', { role: 'alert' }) };
  #icon = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  #contracts = element('ul', { part: 'contracts', role: 'list' });
  #link = element('a', { part: 'link', target: '_blank', rel: 'noopener noreferrer' });
  #main = element('div', { class: 'main' }, this.#regions.LOW, this.#regions.DEPLETED);
  #row = element('div', { class: 'row' }, this.#main);
  #box = element('div', {}, this.#row);

  constructor() {
    super();
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    for (const [name, value] of Object.entries({ part: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true' }))
      svg.setAttribute(name, value);
    svg.append(this.#icon);
    this.#box.prepend(svg);
    this.attachShadow({ mode: 'open' }).append(this.#box);
    this.#render();
  }

  /** What to show; null, OK and whatever makes no sense show nothing. The last one given wins, wherever it came from. */
  get budget() {
    return /** @type {ProjectBudget | null} */ (this.#budget);
  }
  set budget(/** @type {(Pick<ProjectBudget, 'state'> & Partial<ProjectBudget>) | null} */ budget) {
    this.#budget = budget;
    this.#render();
  }

  /** The words in use; setting some leaves the others in English. @returns {typeof LABELS} */
  get labels() {
    const given = Object.entries(record(this.#labels)).filter(([, text]) => typeof text === 'string');
    return { ...LABELS, ...Object.fromEntries(given) };
  }
  set labels(/** @type {Partial<typeof LABELS>} */ labels) {
    this.#labels = labels;
    this.#render();
  }

  connectedCallback() {
    for (const name of /** @type {const} */ (['budget', 'labels'])) {
      // Set before this module had loaded: on the plain element, where it hides the accessor.
      const early = Object.getOwnPropertyDescriptor(this, name);
      if (early && delete this[name]) this[name] = early.value;
    }
    this.#readChild();
    this.#observer.observe(this, { childList: true, characterData: true, subtree: true });
    this.#restart();
  }

  disconnectedCallback() {
    this.#observer.disconnect();
    this.#stop();
  }

  attributeChangedCallback(
    /** @type {string} */ name,
    /** @type {string | null} */ _,
    /** @type {string | null} */ value,
  ) {
    if (name === 'labels') this.labels = parse(value) ?? {};
    else if (this.isConnected) this.#restart();
  }

  #readChild() {
    const json = this.querySelector('script[type="application/json"]');
    if (json) this.budget = parse(json.textContent);
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#request = undefined;
  }

  #restart() {
    this.#stop();
    this.#failures = 0;
    if (this.getAttribute('src')) this.#load();
  }

  /** Asks, keeps what is shown on a failure, and asks again later: after failures in a row ever more seldom. */
  async #load() {
    const request = new AbortController();
    this.#request = request;
    this.#timer = setTimeout(() => request.abort(), REFRESH.timeout * 1000);
    try {
      const headers = { accept: 'application/json' };
      const answer = await fetch(this.getAttribute('src') ?? '', { headers, signal: request.signal });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      const budget = answer.status === 204 ? null : await answer.json();
      if (request !== this.#request) return;
      this.#failures = 0;
      this.budget = budget;
    } catch {
      if (request !== this.#request) return;
      this.#failures += 1;
    }
    clearTimeout(this.#timer);
    const asked = Number(this.getAttribute('refresh')) || REFRESH.byDefault;
    const refresh = Math.min(Math.max(asked, REFRESH.least), REFRESH.most);
    const patience = Math.min(refresh * 2 ** this.#failures, Math.max(refresh, REFRESH.mostAfterFailures));
    this.#timer = setTimeout(() => this.#load(), patience * 1000);
  }

  #render() {
    const labels = this.labels;
    const view = viewOf(this.#budget, labels, localeOf(this));
    const shown = JSON.stringify([view, labels]);
    if (shown === this.#shown) return;
    this.#shown = shown;

    const state = view?.state ?? 'OK';
    const kind = state.toLowerCase();
    /** @type {ShadowRoot} */ (this.shadowRoot).adoptedStyleSheets = view
      ? [sheet(STYLE)]
      : [sheet(STYLE), sheet(NOTHING)];
    this.#box.className = view ? `box ${kind}` : '';
    this.#box.setAttribute('part', view ? `notice ${kind}` : '');
    this.#icon.setAttribute('d', view ? ICONS[view.state] : '');
    this.#announce(this.#regions.LOW, view?.state === 'LOW' ? view : null);
    this.#announce(this.#regions.DEPLETED, view?.state === 'DEPLETED' ? view : null);
    place(this.#main, this.#contracts, view !== null && view.rows.length > 0);
    this.#contracts.replaceChildren(...(view?.rows ?? []).map(rowElement));
    place(this.#row, this.#link, Boolean(view?.href));
    this.#link.setAttribute('href', view?.href ?? '');
    this.#link.replaceChildren(labels.topUp, element('span', { class: 'unseen' }, ` ${labels.newTab}`));

    if (state === this.#state) return;
    const detail = { state, previousState: this.#state };
    this.#state = state;
    this.dispatchEvent(new CustomEvent('budget-state-change', { detail, bubbles: true, composed: true }));
  }

  /** Leaves a region alone whose words are the same, so that nothing is read out twice. */
  #announce(/** @type {HTMLElement} */ region, /** @type {View | null} */ view) {
    const title = view && element('strong', { part: 'title' }, element('bdi', {}, view.title));
    const text = view?.text ? element('p', { part: 'text' }, element('bdi', {}, view.text)) : null;
    const next = [title, text].filter((part) => part !== null);
    const isSame =
      next.length === region.children.length && next.every((part, at) => part.isEqualNode(region.children[at] ?? null));
    if (!isSame) region.replaceChildren(...next);
  }
}

/**
 * @typedef {{ state: 'LOW' | 'DEPLETED', title: string, text: string, href: string, rows: Row[] }} View
 * @typedef {{ title: string, numbers: string, used: number | null }} Row `used`: 0 to 1
 */

/** @returns {View | null} the words to show; null for OK, for nothing, and for data that makes no sense */
function viewOf(
  /** @type {unknown} */ budget,
  /** @type {typeof LABELS} */ labels,
  /** @type {string | undefined} */ locale,
) {
  const { state, text, url, contracts } = record(budget);
  if (state !== 'LOW' && state !== 'DEPLETED') return null;
  const all = (Array.isArray(contracts) ? contracts : []).map(record).sort(worstFirst);
  const worst = share(all[0]?.consumedFraction, locale);
  const title = state === 'LOW' ? labels.lowTitle : labels.depletedTitle;
  const ours = state === 'DEPLETED' ? labels.depletedText : worst && fill(labels.lowText, { share: worst });
  const rows = all.slice(0, CONTRACTS_SHOWN).map((contract) => rowOf(contract, labels, locale));
  const count = String(all.length - rows.length);
  if (all.length > rows.length) rows.push({ title: fill(labels.more, { count }), numbers: '', used: null });
  return { state, title: fill(title, {}), text: words(text) || ours, href: webAddress(url), rows };
}

/** @returns {Row} */
function rowOf(
  /** @type {Record<string, unknown>} */ contract,
  /** @type {typeof LABELS} */ labels,
  /** @type {string | undefined} */ locale,
) {
  const { contractId, title, consumedFraction, consumedVolume, fundedVolume, unit } = contract;
  const [used, funded] = [consumedVolume, fundedVolume].map((volume) =>
    format(volume, locale, { maximumFractionDigits: 1 }),
  );
  const template = unit === 'hours' || unit === 'labels' ? labels[unit] : '';
  const volumes = used && funded && fill(template, { used, funded });
  return {
    title: words(title) || fill(labels.contract, { id: words(contractId) }),
    numbers: [volumes, share(consumedFraction, locale)].filter(Boolean).join(' · '),
    used: isAmount(consumedFraction) ? Math.min(consumedFraction, 1) : null,
  };
}

function rowElement(/** @type {Row} */ { title, numbers, used }) {
  const line = element('div', {}, element('bdi', { part: 'contract-title' }, title));
  if (numbers) line.append(element('bdi', { class: 'numbers', part: 'numbers' }, numbers));
  const bar = used === null ? '' : element('progress', { part: 'bar', 'aria-label': title, value: String(used) });
  return element('li', { part: 'contract' }, line, bar);
}

const SEVERITY = ['OK', 'LOW', 'DEPLETED'];

function worstFirst(/** @type {Record<string, unknown>} */ a, /** @type {Record<string, unknown>} */ b) {
  const bySeverity = SEVERITY.indexOf(String(b.state)) - SEVERITY.indexOf(String(a.state));
  return bySeverity || (Number(b.consumedFraction) || 0) - (Number(a.consumedFraction) || 0);
}

/** Rounded down: 99.6 % used is not yet all of it. The tiny addition undoes 0.29 * 100 = 28.999999999999996. */
function share(/** @type {unknown} */ fraction, /** @type {string | undefined} */ locale) {
  return isAmount(fraction) ? format(Math.floor(fraction * 100 + 1e-9) / 100, locale, { style: 'percent' }) : '';
}

function format(
  /** @type {unknown} */ amount,
  /** @type {string | undefined} */ locale,
  /** @type {Intl.NumberFormatOptions} */ options,
) {
  return isAmount(amount) ? new Intl.NumberFormat(locale, options).format(amount) : '';
}

/** @returns {amount is number} */
function isAmount(/** @type {unknown} */ amount) {
  return Number.isFinite(amount) && Number(amount) >= 0;
}

function fill(/** @type {unknown} */ template, /** @type {Record<string, string>} */ values) {
  return words(template).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

function words(/** @type {unknown} */ text) {
  return typeof text === 'string' ? text.trim() : '';
}

/** @returns {Record<string, unknown>} */
function record(/** @type {unknown} */ data) {
  return typeof data === 'object' && data !== null ? { ...data } : {};
}

/** @returns the address, or nothing for a script and everything else that is not the web's */
function webAddress(/** @type {unknown} */ url) {
  const parsed = URL.canParse(words(url)) ? new URL(words(url)) : null;
  return parsed && /^https?:$/.test(parsed.protocol) ? parsed.href : '';
}

/** @returns {any} */
function parse(/** @type {string | null} */ json) {
  try {
    return JSON.parse(json ?? 'null');
  } catch {
    return null;
  }
}

/** Numbers are written as in the language around; undefined, the reader's own, where that is no language's name. */
function localeOf(/** @type {HTMLElement} */ host) {
  const lang = /** @type {HTMLElement | null} */ (host.closest('[lang]'))?.lang;
  try {
    return Intl.getCanonicalLocales(lang || [])[0];
  } catch {
    return undefined;
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, string>} attributes
 * @param {(Node | string)[]} children Text stays text.
 */
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

function place(/** @type {Element} */ parent, /** @type {Element} */ child, /** @type {boolean} */ isShown) {
  if (!isShown) child.remove();
  else if (child.parentNode !== parent) parent.append(child);
}

/** @type {Map<string, CSSStyleSheet>} */
const sheets = new Map();

/** Constructed, because a strict Content-Security-Policy allows no `<style>` and no `style` attribute. */
function sheet(/** @type {string} */ text) {
  const made = sheets.get(text) ?? new CSSStyleSheet();
  if (!sheets.has(text)) made.replaceSync(text);
  sheets.set(text, made);
  return made;
}

globalThis.customElements?.get('opentrain-budget-notice') ??
  globalThis.customElements?.define('opentrain-budget-notice', OpenTrainBudgetNotice);
