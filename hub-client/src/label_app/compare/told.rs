//! What the page is told of extractors that were measured, seen from the one in use.

use serde::Serialize;

use crate::choose::{
    AnsweredAt, Decision, Favourite, HeldOut, MORE_LABELS, Verdict, decide, is_strange,
};
use crate::explore::domain::DomainFit;
use crate::head::ExtractorRelease;

/// What was measured of extractors, whichever of them is in use.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) measured: Vec<MeasuredExtractor>,
    /// Extractors that could not be measured.
    pub(super) failed: Vec<FailedView>,
    /// How many labels it was made on.
    pub(super) labels: usize,
}

/// What was measured of one.
#[derive(Debug)]
pub(super) struct MeasuredExtractor {
    pub(super) release: ExtractorRelease,
    pub(super) held_out: HeldOut,
    pub(super) answered: AnsweredAt,
    pub(super) domain: Option<DomainFit>,
    pub(super) milliseconds: f64,
    pub(super) size_bytes: u64,
    pub(super) licence: String,
}

/// What is told of one.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ComparedView {
    extractor: String,
    from: f64,
    to: f64,
    share: f64,
    /// The share of new images that gets an answer when nine answers of ten must be right.
    answered: f64,
    /// The share of these answers that was right; null when there are none.
    answered_right: Option<f64>,
    /// How the labelled images lie in its domain; null when its release does not tell of it.
    domain: Option<DomainView>,
    milliseconds: f64,
    megabytes: f64,
    licence: String,
    verdict: &'static str,
    words: String,
}

/// How many images are like those an extractor was made for.
#[derive(Clone, Copy, Debug, Serialize)]
struct DomainView {
    images: usize,
    unlike: usize,
    share_inside: f64,
    /// Whether more are unlike than chance explains.
    is_strange: bool,
}

/// One that could not be measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FailedView {
    pub(super) extractor: String,
    pub(super) reason: String,
}

impl Compared {
    /// How each stands beside the one in use, and what to do; none when that one was not measured. Who is in use
    /// stays unless another is clearly better.
    pub(super) fn seen_from(&self, used: &ExtractorRelease) -> Option<(Vec<ComparedView>, String)> {
        let used = self.measured.iter().position(|one| one.release == *used)?;
        let held_out: Vec<&HeldOut> = self.measured.iter().map(|one| &one.held_out).collect();
        // What one uses is no guess.
        let favourite = Favourite {
            place: used,
            has_reason: true,
        };
        let decision = decide(favourite, &held_out);
        let places = self.measured.iter().enumerate();
        let rows = places.map(|(place, one)| one.view(verdict(place, used, &decision)));
        let names = self.measured.iter().map(|one| one.release.to_string());
        let names: Vec<String> = names.collect();
        Some((
            rows.collect(),
            advice(&names, used, &decision, &self.failed),
        ))
    }
}

impl MeasuredExtractor {
    fn view(&self, (verdict, words): (&'static str, &str)) -> ComparedView {
        ComparedView {
            extractor: self.release.to_string(),
            from: legible(self.held_out.interval.low),
            to: legible(self.held_out.interval.high),
            share: self.held_out.accuracy,
            answered: self.answered.share,
            answered_right: self.answered.accuracy,
            domain: self.domain.as_ref().map(|fit| DomainView {
                images: fit.images,
                unlike: fit.unlike.len(),
                share_inside: fit.share_inside(),
                is_strange: is_strange(fit.images, fit.unlike.len()),
            }),
            milliseconds: self.milliseconds,
            megabytes: self.size_bytes as f64 / 1e6,
            licence: self.licence.clone(),
            verdict,
            words: words.to_owned(),
        }
    }
}

/// Without what is rounding: the interval of answers that are all right ends at 1.
fn legible(share: f64) -> f64 {
    (share * 1e9).round() / 1e9
}

/// How an extractor stands, for people who use another.
fn verdict(place: usize, used: usize, decision: &Decision) -> (&'static str, &'static str) {
    if place == used {
        return ("in use", "the one you see");
    }
    match (decision.verdicts[place], decision.verdicts[used]) {
        (Verdict::Take, Verdict::Worse) => (
            "clearly better",
            "its errors on your labels are smaller by more than chance explains",
        ),
        (Verdict::Take, _) => (
            "perhaps better",
            "its errors on your labels are smaller, though that may be chance",
        ),
        (Verdict::CannotTell, _) => ("cannot tell yet", "it may be the best of all"),
        (Verdict::Worse, _) => (
            "worse",
            "another one's errors on your labels are smaller by more than chance explains",
        ),
    }
}

/// What to do. Who could not be measured is named: of those nothing is known.
fn advice(names: &[String], used: usize, decision: &Decision, failed: &[FailedView]) -> String {
    let own = &names[used];
    if names.len() == 1 && failed.is_empty() {
        return format!("no other extractor than {own} is installed");
    }
    let mut parts = vec![if decision.leaves_favourite {
        format!("take {} instead of {own}", names[decision.take])
    } else {
        format!("stay with {own}")
    }];
    if !decision.is_settled {
        parts.push(format!(
            "label {MORE_LABELS} more to be able to tell the others apart"
        ));
    }
    parts.extend(
        failed
            .iter()
            .map(|one| format!("{} could not be measured", one.extractor)),
    );
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::sample::seen;

    fn told(names: &[&str], errors: &[&[f64]], failed: &[&str]) -> String {
        let seen: Vec<HeldOut> = errors.iter().map(|errors| seen(errors)).collect();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let failed: Vec<FailedView> = failed
            .iter()
            .map(|extractor| FailedView {
                extractor: (*extractor).to_owned(),
                reason: "it ended with 1".to_owned(),
            })
            .collect();
        let seen: Vec<&HeldOut> = seen.iter().collect();
        let favourite = Favourite {
            place: 0,
            has_reason: true,
        };
        advice(&names, 0, &decide(favourite, &seen), &failed)
    }

    #[test]
    fn who_could_not_be_measured_is_not_passed_over() {
        let (low, high) = ([0.1, 0.2].repeat(5), [0.8, 0.7].repeat(5));
        let broken = ["broken@1.0.0"];
        assert_eq!(
            told(&["own@1.0.0"], &[&low], &[]),
            "no other extractor than own@1.0.0 is installed"
        );
        assert_eq!(
            told(&["own@1.0.0"], &[&low], &broken),
            "stay with own@1.0.0; broken@1.0.0 could not be measured"
        );
        assert_eq!(
            told(&["own@1.0.0", "other@1.0.0"], &[&high, &low], &broken),
            "take other@1.0.0 instead of own@1.0.0; broken@1.0.0 could not be measured"
        );
    }
}
