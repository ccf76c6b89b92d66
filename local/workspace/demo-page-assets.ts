/** The page's own style sheet: system fonts, light and dark, no request to anywhere. */
export const STYLE = `
:root { --ground:#f6f7f9; --card:#fff; --ink:#1a1f2b; --soft:#5a6375; --line:#e1e4ea; --accent:#2f5bd8; --tint:#e8eefc;
  --low-ground:#fff5dc; --low-ink:#6b4700; --low-line:#e9b949; --out-ground:#fdeaea; --out-ink:#8a1c1c; --out-line:#e07171; }
@media (prefers-color-scheme: dark) { :root { --ground:#12151c; --card:#1a1f29; --ink:#e7eaf1; --soft:#a0a9bb; --line:#2c3341; --accent:#8fb0ff;
  --tint:#25304a; --low-ground:#332a12; --low-ink:#f5d78e; --low-line:#8a6b1f; --out-ground:#3a1d20; --out-ink:#ffb4b4; --out-line:#93434a; } }
* { box-sizing:border-box; }
body { margin:0; background:var(--ground); color:var(--ink); font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif; }
header.top, main, footer { max-width:1120px; margin:0 auto; padding:0 24px; }
header.top { padding-top:36px; }
h1 { margin:0; font-size:26px; letter-spacing:-.01em; }
header.top p { margin:6px 0 0; max-width:68ch; color:var(--soft); }
.sum { margin:22px 0 16px; color:var(--soft); }
.sum strong { color:var(--ink); }
.columns { display:grid; grid-template-columns:minmax(0,1fr) 300px; gap:20px; align-items:start; }
@media (max-width:860px) { .columns { grid-template-columns:minmax(0,1fr); } }
.card { background:var(--card); border:1px solid var(--line); border-radius:12px; margin-bottom:20px; overflow:hidden; }
.head { display:flex; align-items:baseline; gap:10px; padding:16px 20px 12px; flex-wrap:wrap; }
h2 { margin:0; font-size:17px; overflow-wrap:anywhere; }
.count { margin-left:auto; color:var(--soft); font-size:13px; }
code { font:12.5px/1.4 ui-monospace,SFMono-Regular,Menlo,monospace; color:var(--soft); overflow-wrap:anywhere; }
opentrain-budget-notice:defined { margin:0 20px 14px; }
.notice { margin:0 20px 14px; padding:10px 14px; border:1px solid; border-radius:8px; }
.notice p { margin:2px 0 0; overflow-wrap:anywhere; }
.notice a { color:inherit; font-weight:600; }
.notice.low { background:var(--low-ground); color:var(--low-ink); border-color:var(--low-line); }
.notice.depleted { background:var(--out-ground); color:var(--out-ink); border-color:var(--out-line); }
.none { margin:0; padding:2px 20px 20px; color:var(--soft); }
.scroll { overflow-x:auto; }
table { width:100%; border-collapse:collapse; }
th, td { padding:10px 20px; text-align:left; border-top:1px solid var(--line); vertical-align:middle; white-space:nowrap; }
td + td, thead th + th { padding-left:0; }
tbody th + td { padding-left:0; }
thead th { font-size:12px; font-weight:600; color:var(--soft); padding-top:8px; padding-bottom:8px; }
tbody th { font-weight:600; }
th:nth-child(1) { width:24%; } thead th:nth-child(2) { width:38%; } thead th:nth-child(3) { width:16%; }
.avatar { display:inline-grid; place-items:center; width:30px; height:30px; margin-right:10px; border-radius:50%; background:var(--tint); color:var(--accent); font-size:12px; }
.byhand { color:var(--soft); font-style:italic; }
form { display:flex; align-items:center; gap:6px; margin:0; }
input, button { font:inherit; font-size:13px; padding:2px 8px; color:inherit; background:var(--ground); border:1px solid var(--line); border-radius:6px; }
input { width:62px; }
button { cursor:pointer; color:var(--accent); }
time { font-variant-numeric:tabular-nums; color:var(--soft); }
aside ol { list-style:none; margin:0; padding:0 20px 14px; }
aside li { display:flex; gap:12px; padding:6px 0; font-size:14px; }
aside li span { overflow-wrap:anywhere; min-width:0; }
.empty { text-align:center; padding:56px 24px 64px; background:var(--card); border:1px dashed var(--line); border-radius:12px; }
.empty svg { fill:none; stroke:var(--accent); stroke-width:2.5; opacity:.75; }
.empty h2 { margin:14px 0 4px; font-size:19px; }
.empty p { margin:0 auto; max-width:52ch; color:var(--soft); }
footer { padding-bottom:32px; color:var(--soft); font-size:13px; }
a { color:var(--accent); }
`;

/** Every two seconds changes what differs and nothing else: focus, scrolling and the notices' live regions stay. */
export const REFRESH_SCRIPT = `
function update(shown, fresh) {
  if (shown.isEqualNode(fresh)) return;
  if (!shown.cloneNode().isEqualNode(fresh.cloneNode()) || !shown.hasChildNodes()) return shown.replaceWith(fresh);
  const [old, wanted] = [[...shown.childNodes], [...fresh.childNodes]];
  wanted.forEach((node, at) => old[at] ? update(old[at], node) : shown.append(node));
  old.slice(wanted.length).forEach((node) => node.remove());
}
setInterval(async () => {
  if (document.hidden) return;
  try {
    const answer = await fetch('/');
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('main');
    if (fresh) update(document.querySelector('main'), fresh);
  } catch { /* The workspace is restarting: the next try shows it. */ }
}, 2000);
`;
