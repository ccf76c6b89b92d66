import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { html, raw } from 'hono/html';
import { REFRESH_SCRIPT, STYLE } from './demo-page-assets.ts';
import type { Account, Change, DemoPlatform, Notice, Project } from './demo-platform.ts';

/** The component that a platform puts into its own pages, served from here as it is. */
export const NOTICE_MODULE_PATH = '/opentrain-budget-notice.js';
export const NOTICE_MODULE = readFileSync(new URL(`../../embed${NOTICE_MODULE_PATH}`, import.meta.url), 'utf8');

/** Where the page's forms say how many hours somebody worked. */
export const WORK_PATH = '/work';
/** A day has no more. */
export const HOURS_AT_MOST = 24;

/** Allows this page's own style and scripts and nothing else, so that a hostile display name stays text. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${sha256(STYLE)}'`,
  `script-src 'sha256-${sha256(REFRESH_SCRIPT)}' 'sha256-${sha256(NOTICE_MODULE)}'`,
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The demo workspace for people: who is in which project, and what they are told about the funds. */
export function renderPage(platform: DemoPlatform) {
  const projects = [...platform.projects.values()];
  const seats = projects.reduce((sum, { members }) => sum + members.size, 0);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Demo workspace</title>
<style>${raw(STYLE)}</style>
<script type="module" src="${NOTICE_MODULE_PATH}" integrity="sha256-${sha256(NOTICE_MODULE)}"></script>
</head>
<body>
<header class="top">
  <div>
    <h1>Demo workspace</h1>
    <p>An annotation platform to try the connector on. Trainers join when their OpenTrain contract starts and leave when it ends.</p>
  </div>
</header>
<main>
  <p class="sum"><strong>${projects.length}</strong> ${projects.length === 1 ? 'project' : 'projects'}
    <span aria-hidden="true">·</span> <strong>${seats}</strong> ${seats === 1 ? 'seat' : 'seats'} taken</p>
  ${projects.length === 0 ? emptyState() : html`<div class="columns"><div>${projects.map((project) => card(project, platform))}</div>${history(platform.changes)}</div>`}
</main>
<footer><p>Up to date within two seconds. The same as data: <a href="/state">/state</a></p></footer>
<script>${raw(REFRESH_SCRIPT)}</script>
</body>
</html>`;
}

function emptyState() {
  return html`<section class="empty">
  <svg viewBox="0 0 160 96" width="160" height="96" aria-hidden="true">
    <rect x="14" y="20" width="132" height="66" rx="8"/><path d="M14 38h132"/><circle cx="44" cy="62" r="10"/><path d="M66 57h58M66 68h36"/>
  </svg>
  <h2>No projects yet</h2>
  <p>A project appears here the first time the connector touches it. Link a project to an OpenTrain job and hire somebody: a few seconds later they are in.</p>
</section>`;
}

function card(project: Project, platform: DemoPlatform) {
  const members = platform.membersOf(project);
  return html`<section class="card">
  <div class="head"><h2>${project.name}</h2>${project.name === project.projectId ? '' : html`<code>${project.projectId}</code>`}
    <span class="count">${members.length === 1 ? '1 member' : `${members.length} members`}</span></div>
  ${banner(project.notice)}
  ${members.length === 0 ? html`<p class="none">Nobody is in this project at the moment.</p>` : table(project, members)}
</section>`;
}

/** Always there, also with nothing to say: a live region is only read out reliably when it was there before its text. */
function banner(notice: Notice | undefined) {
  return html`<opentrain-budget-notice>${notice === undefined ? '' : withoutScript(notice)}<script type="application/json">${raw(json(noticeData(notice)))}</script></opentrain-budget-notice>`;
}

/** What the component replaces; seen where no script runs. */
function withoutScript({ state, text, url }: Notice) {
  return html`<div class="notice ${state === 'LOW' ? 'low' : 'depleted'}">
  <strong>${state === 'LOW' ? 'Funds are low' : 'Funds are used up'}</strong>
  <p>${text}${isWebAddress(url) ? html` <a href="${url}" rel="noreferrer">Top up</a>` : ''}</p>
</div>`;
}

function noticeData(notice: Notice | undefined) {
  return notice === undefined ? null : { ...notice, url: isWebAddress(notice.url) ? notice.url : null };
}

/** JSON that cannot end the script element around it. */
function json(data: unknown): string {
  return JSON.stringify(data).replaceAll('<', '\\u003c');
}

function table(project: Project, members: readonly Account[]) {
  return html`<div class="scroll" role="region" tabindex="0" aria-label="Members of ${project.name}"><table>
  <thead><tr><th scope="col">Trainer</th><th scope="col">Work Email, OpenTrain id</th><th scope="col">Joined, UTC</th><th scope="col">Work</th></tr></thead>
  <tbody>${members.map(
    (member) => html`<tr>
    <th scope="row"><span class="avatar" aria-hidden="true">${initials(member.displayName)}</span>${member.displayName}</th>
    <td>${member.workEmail}<br>${member.opentrainUserId === undefined ? html`<span class="byhand">added by hand</span>` : html`<code>${member.opentrainUserId}</code>`}</td>
    <td>${time(project.members.get(member) ?? 0)}</td>
    <td>${workForm(project, member)}</td></tr>`,
  )}</tbody>
</table></div>`;
}

/** Lets a visitor play the trainer. What they write down counts at once, however short the contract is running. */
function workForm({ projectId }: Project, { memberId, opentrainUserId, displayName }: Account) {
  if (opentrainUserId === undefined) return '';
  return html`<form method="post" action="${WORK_PATH}">
    <input type="hidden" name="project" value="${projectId}"><input type="hidden" name="member" value="${memberId}">
    <input type="number" name="hours" value="1" min="0.25" max="${HOURS_AT_MOST}" step="0.25" required aria-label="Hours that ${displayName} works">
    h <button>Work</button></form>`;
}

function history(changes: readonly Change[]) {
  if (changes.length === 0) return '';
  return html`<aside class="card"><div class="head"><h2>What happened</h2></div>
  <ol>${changes.map(({ at, text }) => html`<li>${time(at)}<span>${text}</span></li>`)}</ol></aside>`;
}

function time(at: number) {
  const iso = new Date(at).toISOString();
  return html`<time datetime="${iso}" title="${iso}">${iso.slice(11, 19)}</time>`;
}

function initials(name: string): string {
  return name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => [...word][0] ?? '')
    .join('')
    .toUpperCase();
}

/** A link that a stranger gave may be a script. */
function isWebAddress(url: string | undefined): boolean {
  return url !== undefined && URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
