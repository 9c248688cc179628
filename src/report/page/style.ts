/** How a report looks: one column on a phone, charts side by side where there is room. */
import { chartStyle } from '../charts/theme.js';

export const pageStyle = (): string => `${chartStyle()}
*{box-sizing:border-box}
body{margin:0;background:var(--c-paper);color:var(--c-ink);font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
body>*{max-width:1320px;margin-inline:auto;padding-inline:clamp(16px,3vw,32px)}
header{padding-top:clamp(20px,4vw,44px)}
h1{margin:0 0 8px;font-size:clamp(24px,4vw,34px);line-height:1.2;letter-spacing:-.015em;overflow-wrap:anywhere}
h2{margin:40px 0 12px;font-size:20px;letter-spacing:-.01em}
p{margin:0 0 10px;max-width:75ch}
header p{font-size:17px;color:var(--c-muted)}
.note{color:var(--c-muted);font-size:14px}
.scroll+.note{margin-top:8px}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,348px),1fr));gap:16px;align-items:start}
figure{margin:0;padding:12px;border:1px solid var(--c-rule);border-radius:10px;max-width:600px}
svg{display:block;width:100%;height:auto;font-family:inherit;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto;background:linear-gradient(to left,var(--c-paper) 12px,transparent) right/48px calc(100% + 4px) no-repeat local,linear-gradient(to left,color-mix(in srgb,var(--c-muted) 45%,transparent),transparent) right/12px 100% no-repeat scroll}
table{border-collapse:collapse;font-size:15px;font-variant-numeric:tabular-nums}
th,td{padding:6px 14px 6px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--c-rule)}
thead th{color:var(--c-muted);font-weight:500;font-size:14px;vertical-align:bottom}
thead th.long{min-width:11em}
tbody th{font-weight:600;min-width:8.5em}
.scroll tr>:first-child{position:sticky;left:0;z-index:1;background:var(--c-paper)}
td{overflow-wrap:anywhere;min-width:4em;max-width:34em}
.short{white-space:nowrap}
.share{position:relative;min-width:8.5em;white-space:nowrap}
.share>span:last-child{position:relative;padding-left:8px}
.bar{position:absolute;left:0;width:calc(var(--share)*(100% - 14px));top:5px;bottom:5px;background:var(--c-0);opacity:.2;border-radius:3px}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,348px),1fr));gap:16px;align-items:start}
article{border:1px solid var(--c-rule);border-radius:10px;overflow:hidden}
.prompt{padding:12px 16px;background:var(--c-panel);overflow:auto;max-height:14em;font-size:15px}
.prompt p{margin:0;white-space:pre-line;overflow-wrap:anywhere}
.prompt .asked{font-weight:600}
.prompt p+p{margin-top:6px}
dl{margin:0;padding:8px 16px 14px}
dt{margin-top:8px;color:var(--c-muted);font-size:13px}
dd{margin:0;white-space:pre-line;overflow-wrap:anywhere}
dd.reference{font-weight:600}
.score{margin-left:8px;padding:1px 7px;border-radius:99px;background:var(--c-panel);color:var(--c-muted);font-size:12.5px;white-space:nowrap}
em{color:var(--c-muted)}
pre{overflow-x:auto;margin:0;font-size:13px;line-height:1.45}
summary{cursor:pointer;margin-bottom:10px}
.long>summary{list-style:none;margin:0}
.long>summary::-webkit-details-marker{display:none}
.long[open]>summary .begin{display:none}
.more{color:var(--c-muted);text-decoration:underline}
.long[open]>summary .more::after{content:' (click to fold)'}
footer{margin-top:48px;padding-block:16px 32px;color:var(--c-muted);font-size:14px}
:focus-visible{outline:2px solid var(--c-0);outline-offset:2px}
@media print{figure,article{break-inside:avoid}}
`;
