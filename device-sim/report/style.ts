/** Of the HTML report; light and dark as the reader's system has it. */
export const STYLE = `
:root { --back: #fbfaf8; --card: #fff; --ink: #23262b; --dim: #6c727c; --rule: #e5e2dc; --good: #1c7c4a; --bad: #b3261e;
  --a: #2a6fb0; --b: #7a5ea8; --c: #d0762b; --d: #5b8a72; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --back: #16181c; --card: #1f2227; --ink: #e8e6e1; --dim: #9aa1ac;
  --rule: #32363d; --good: #57c48a; --bad: #ef7b72; --a: #6fb1ea; --b: #b39ddb; --c: #eda15f; --d: #8fc7aa; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 24px 16px 48px; }
header { border-left: 6px solid var(--good); padding: 2px 0 2px 16px; }
header.bad { border-color: var(--bad); }
h1 { margin: 0; font-size: 28px; line-height: 1.2; }
h1 small { font-size: 16px; font-weight: 500; color: var(--good); margin-left: 8px; }
header.bad small { color: var(--bad); }
header p { margin: 4px 0 0; color: var(--dim); }
h2 { font-size: 17px; margin: 0 0 10px; }
section, .facts { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 16px; margin: 16px 0 0; }
.facts { display: flex; flex-wrap: wrap; gap: 8px 28px; }
.facts div { min-width: 70px; }
dt { color: var(--dim); font-size: 12px; }
dd { margin: 0; font-size: 17px; font-weight: 600; font-variant-numeric: tabular-nums; }
.broken { border-color: var(--bad); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
td, th { text-align: left; padding: 5px 10px 5px 0; border-top: 1px solid var(--rule); vertical-align: top; }
tbody tr:first-child td { border-top: 0; }
th { color: var(--dim); font-weight: 500; font-size: 13px; }
td.sign { width: 26px; font-weight: 700; }
tr.good .sign { color: var(--good); }
tr.bad .sign, tr.bad li { color: var(--bad); }
td ul { margin: 2px 0 0; padding-left: 18px; font-size: 13px; overflow-wrap: anywhere; }
pre { background: var(--back); border: 1px solid var(--rule); border-radius: 6px; padding: 8px 10px; margin: 4px 0; overflow-x: auto; font-size: 13px; }
p { margin: 10px 0 0; color: var(--dim); }
code { font-size: 13px; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr)); gap: 14px 20px; }
figure { margin: 0; }
figcaption { font-weight: 600; font-size: 13px; }
figcaption small { color: var(--dim); font-weight: 400; }
svg { display: block; width: 100%; height: auto; }
.grid { stroke: var(--rule); }
.tick { fill: var(--dim); font-size: 11px; }
.mark { stroke: var(--bad); stroke-opacity: .28; stroke-dasharray: 3 3; }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
.line.a { stroke: var(--a); } .line.b { stroke: var(--b); }
.bars.a { fill: var(--a); } .bars.c { fill: var(--c); } .bars.d { fill: var(--d); }
.dots.c { fill: var(--c); fill-opacity: .55; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 5px; margin: 0 4px 0 10px; }
.legend { margin: 0 0 6px; font-size: 13px; } .legend i.a { background: var(--a); } .legend i.c { background: var(--c); }
details { margin-top: 8px; } summary { cursor: pointer; color: var(--dim); }
footer { color: var(--dim); font-size: 13px; margin-top: 16px; }
`
