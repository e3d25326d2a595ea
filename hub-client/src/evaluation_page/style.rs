//! How the page looks.

/// Beside the rules that all pages have. Colours are mixed from what the reader's scheme gives.
pub(super) const RULES: &str = r"
.lead { font-size: 1.15rem; max-width: 45rem }
p { max-width: 45rem }
.warning { border-left: .3rem solid #b45309; padding: .1rem 0 .1rem .75rem }
dl { margin: 1rem 0 } dl div { display: flex; flex-wrap: wrap; gap: 0 .75rem; margin: .15rem 0 }
dt { min-width: 13rem; font-weight: 600 } dd { margin: 0; overflow-wrap: anywhere }
.wide { overflow-x: auto; margin: .5rem 0 }
table { border-collapse: collapse } caption { text-align: left; padding: .25rem 0 }
th, td { padding: .3rem .6rem; border: 1px solid #8886; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
th { text-align: left; font-weight: 600; white-space: normal; max-width: 14rem; overflow-wrap: break-word }
td a { display: block; color: inherit }
.hit1 { background: #2e7d3222 } .hit2 { background: #2e7d3244 } .hit3 { background: #2e7d3266 }
.miss1 { background: #c6282822 } .miss2 { background: #c6282844 } .miss3 { background: #c6282866 }
.cell { display: none; margin: 1rem 0; padding: .75rem; border: 1px solid #8886; border-radius: .4rem }
.cell:target { display: block; scroll-margin: 1rem }
.cell h3 { margin: 0 0 .25rem; font-size: 1rem }
.curve { max-width: 26rem; background: none } .curve text { fill: currentColor; font: 4px system-ui, sans-serif }
.curve .axis { stroke: currentColor; stroke-width: .4; fill: none }
.curve .honest { stroke: currentColor; stroke-width: .4; stroke-dasharray: 2 2; opacity: .7 }
.curve .range { stroke: #3b82c4; stroke-width: .8 } .curve .point { fill: #3b82c4 }
.mistakes { display: block } .mistakes > li { display: flex; flex-wrap: wrap; gap: .75rem; width: auto; margin: 0 0 1rem }
.mistakes figure { margin: 0; width: min(10rem, 45%) } .mistakes figcaption { font-size: .8rem }
.mistakes .near { width: 4.5rem } .mistakes div.text { flex: 1 1 12rem }
footer { margin-top: 2rem; border-top: 1px solid #8886; font-size: .85rem }
@media print {
  body { margin: 0; max-width: none } li, tr, figure { break-inside: avoid } h2 { break-after: avoid }
  .cell.mistake { display: block } .back { display: none } .wide { overflow: visible }
}
";
