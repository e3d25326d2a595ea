//! The figures in sentences, for who does not read tables.

use super::{JudgedImage, PageFigures};
use crate::head::metrics::Interval;

/// What the columns of the table of classes mean.
pub(super) const OF_CLASSES: &str = "Found: of the images of the class, how many were taken for it \
    (recall). Right when named: of the images that were taken for it, how many are of it (precision). \
    In brackets where each lies, 9 times in 10, on many such images. Not ruled out: how often the \
    class of its images was among the plausible ones. Plausible from: the probability below which \
    the class is ruled out.";

/// The sentence that matters most.
pub(super) fn accuracy(figures: &PageFigures) -> String {
    let range = range(figures.accuracy_interval);
    let share = percent(figures.accuracy);
    let images = figures.images;
    if figures.how.is_empty() {
        let right = (figures.accuracy * images as f64).round();
        format!(
            "Right on {right} of {}: {share}. On many more images of the same kind it would be right \
             on {range} of them; a range like this holds the truth 9 times in 10.",
            counted(images, "image")
        )
    } else {
        format!(
            "Right on {share} of {} while they were held out. On new images of the same kind it is \
             likely right on {range} of them; a range like this holds the truth about 9 times in 10.",
            counted(images, "labelled image")
        )
    }
}

/// What else is to be known, in the order of its weight.
pub(super) fn further(
    figures: &PageFigures,
    classes: &[String],
    images: &[JudgedImage],
) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(answered) = &figures.answered {
        let without = "On the others it says that it is unsure.";
        sentences.push(match (answered.accuracy, answered.accuracy_interval) {
            (Some(_), _) if figures.plausible_from.is_none() => {
                "It answers on every image: too few were labelled to say when it should not."
                    .to_owned()
            }
            (Some(accuracy), Some(interval)) => format!(
                "It gives an answer on {} of the images, and {} of these answers are right ({}). {without}",
                percent(answered.share),
                percent(accuracy),
                range(interval)
            ),
            _ => format!("It gives no answer on any of the images. {without}"),
        });
    }
    let off = figures.reliability.calibration_error;
    sentences.push(format!(
        "Where it says 80\u{a0}%, it should be right 8 times in 10: its probabilities are off by {} on \
         average. With few images some of that is chance.",
        percent(off)
    ));
    if let Some((truth, taken, count)) = commonest(images) {
        sentences.push(format!(
            "Its commonest mistake: {} of “{}” taken for “{}”.",
            counted(count, "image"),
            classes[truth],
            classes[taken]
        ));
    }
    let unlike = images.iter().filter(|image| image.is_unlike).count();
    match unlike {
        0 => {}
        1 => sentences.push("1 image is unlike anything it was shown.".to_owned()),
        _ => sentences.push(format!("{unlike} images are unlike anything it was shown.")),
    }
    if !figures.how.is_empty() {
        sentences.push(format!("Measured on {}.", figures.how));
    }
    sentences
}

/// True class, what it was taken for, how often; of equally common ones the first.
fn commonest(images: &[JudgedImage]) -> Option<(usize, usize, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for image in images.iter().filter(|image| !image.is_right()) {
        *counts.entry((image.truth, image.likeliest)).or_insert(0) += 1;
    }
    let most = counts.values().copied().max()?;
    let first = counts.into_iter().find(|&(_, count)| count == most);
    first.map(|((truth, taken), count)| (truth, taken, count))
}

/// A number with its noun.
pub(super) fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// A share in percent: `93.1 %`, with a space that no line ends at.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", share * 100.0)
}

/// From where to where.
pub(super) fn range(interval: Interval) -> String {
    format!("{} to {}", percent(interval.low), percent(interval.high))
}

/// A share and its range in brackets.
pub(super) fn with_interval(share: Option<f64>, interval: Option<Interval>) -> String {
    match (share, interval) {
        (Some(share), Some(interval)) => {
            format!("{} ({})", percent(share), range(interval))
        }
        (Some(share), None) => percent(share),
        (None, _) => "–".to_owned(),
    }
}
