//! Whether probabilities come true: the reliability curve.

use super::{PageFigures, words};
use crate::contact_sheet::Page;
use crate::files::FileError;
use crate::head::metrics::{ReliabilityBin, wilson};

/// Largest radius of a point, in hundredths of the side.
const RADIUS: f64 = 3.0;

/// The curve, and the same in numbers.
pub(super) fn write(figures: &PageFigures, page: &mut Page<'_>) -> Result<(), FileError> {
    let bins: Vec<&ReliabilityBin> = figures
        .reliability
        .bins
        .iter()
        .filter(|bin| bin.predictions > 0)
        .collect();
    if bins.is_empty() {
        return Ok(());
    }
    page.put(format_args!(
        "<h2 id=\"probabilities\">Do probabilities come true?</h2>\n"
    ))?;
    page.paragraph(
        "Points on the dashed line do: of the images that were given 80 %, 80 in 100 are right. Above \
         it the head is too modest, below it too sure. Bars show where the share right lies, 9 times in \
         10; larger points stand for more images.",
    )?;
    page.put(format_args!(
        "<svg class=\"curve\" viewBox=\"-22 -4 128 120\" role=\"img\" aria-label=\"Share right by probability; \
         the table below has the numbers\">\n\
         <path class=\"axis\" d=\"M0 0V100H100\"/>\n<path class=\"honest\" d=\"M0 100L100 0\"/>\n"
    ))?;
    for share in [0, 50, 100] {
        page.put(format_args!(
            "<text x=\"{share}\" y=\"106\" text-anchor=\"middle\">{share} %</text>\
             <text x=\"-2\" y=\"{}\" text-anchor=\"end\">{share} %</text>\n",
            101 - share
        ))?;
    }
    page.put(format_args!(
        "<text x=\"50\" y=\"113\" text-anchor=\"middle\">probability</text>\
         <text transform=\"translate(-18 50) rotate(-90)\" text-anchor=\"middle\">share right</text>\n"
    ))?;
    let most = bins.iter().map(|bin| bin.predictions).max().unwrap_or(1);
    for bin in &bins {
        let range = wilson(bin.accuracy, images(bin, figures.repeats));
        let (x, y) = (bin.probability * 100.0, 100.0 - bin.accuracy * 100.0);
        let (low, high) = (100.0 - range.low * 100.0, 100.0 - range.high * 100.0);
        let radius = RADIUS * (bin.predictions as f64 / most as f64).sqrt().max(0.3);
        page.put(format_args!(
            "<path class=\"range\" d=\"M{x:.1} {low:.1}V{high:.1}\"/>\
             <circle class=\"point\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\"><title>{}</title></circle>\n",
            title(bin, figures.repeats)
        ))?;
    }
    page.put(format_args!(
        "</svg>\n<details><summary>The same in numbers</summary>\n<table>\n<thead><tr>\
         <th scope=\"col\">probability</th><th scope=\"col\">images</th><th scope=\"col\">right</th></tr></thead>\n<tbody>\n"
    ))?;
    for bin in &bins {
        let (probability, right) = (
            words::percent(bin.probability),
            words::percent(bin.accuracy),
        );
        let count = images(bin, figures.repeats);
        page.put(format_args!(
            "<tr><td>{probability}</td><td>{count}</td><td>{right}</td></tr>\n"
        ))?;
    }
    page.put(format_args!("</tbody>\n</table>\n</details>\n"))
}

/// Each image was predicted as often as there were repeats.
fn images(bin: &ReliabilityBin, repeats: usize) -> usize {
    bin.predictions.div_ceil(repeats.max(1))
}

fn title(bin: &ReliabilityBin, repeats: usize) -> String {
    format!(
        "{} at {} on average, {} right",
        words::counted(images(bin, repeats), "image"),
        words::percent(bin.probability),
        words::percent(bin.accuracy)
    )
}
