//! Would another extractor do better? Those that are installed, measured on the labels there are, by the rule
//! of `hub choose`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use ndarray::{Array2, Axis};
use serde::Serialize;

use super::LabelError;
use super::session::{Problem, Session, SessionExtractor};
use super::teaching::TrainingSet;
use crate::causes::with_causes;
use crate::choose::{
    Decision, Favourite, MORE_LABELS, MOST_IMAGES, Measured, Verdict, decide, measure, spread,
};
use crate::features::FeatureCache;
use crate::head::Transform;

/// Images whose time is taken.
const TIMED: usize = 16;

/// An installed extractor that may be compared.
#[derive(Clone, Debug)]
pub struct Rival {
    /// What runs it, and under which name.
    pub extractor: SessionExtractor,
    /// Bytes of all its files.
    pub size_bytes: u64,
    /// Licence of its weights.
    pub licence: String,
}

/// `GET /api/compare`
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Comparison {
    pub(super) running: bool,
    rows: Vec<ComparedView>,
    /// Extractors that could not be measured.
    failed: Vec<FailedView>,
    /// How many labels it was made on.
    labels: usize,
    /// What to do, in a sentence.
    advice: Option<String>,
    problem: Option<Problem>,
}

#[derive(Clone, Debug, Serialize)]
struct ComparedView {
    extractor: String,
    from: f64,
    to: f64,
    share: f64,
    milliseconds: f64,
    megabytes: f64,
    licence: String,
    verdict: &'static str,
    words: String,
}

#[derive(Clone, Debug, Serialize)]
struct FailedView {
    extractor: String,
    reason: String,
}

/// Starts a comparison unless one is under way.
pub(super) fn start(session: &Arc<Session>) {
    {
        let mut comparison = session.comparison();
        if comparison.running {
            return;
        }
        comparison.running = true;
        comparison.problem = None;
    }
    session.changed();
    let session = session.clone();
    std::thread::spawn(move || {
        let ending = Ending(&session);
        let compared = compare(ending.0);
        *session.comparison() = compared.unwrap_or_else(|error| Comparison {
            problem: Some(Problem::of(&error)),
            ..Comparison::default()
        });
    });
}

/// Ends a comparison whatever happens to its thread.
struct Ending<'a>(&'a Session);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let mut comparison = self.0.comparison();
        if comparison.running {
            comparison.running = false;
            comparison.problem = Some(Problem::of(&LabelError::Rivals {
                reason: "the comparison ended before its time".to_owned(),
            }));
        }
        drop(comparison);
        self.0.changed();
    }
}

/// An extractor and its features of the labelled images.
struct Candidate {
    rival: Rival,
    features: Vec<Option<Vec<f32>>>,
    milliseconds: f64,
}

fn compare(session: &Session) -> Result<Comparison, LabelError> {
    // 1. the labels there are
    let labels = session.labels();
    let (images, targets, classes) = {
        let rows = session.rows();
        let set = TrainingSet::new(&labels, &rows);
        let kept = spread(&set.targets, MOST_IMAGES);
        let images: Vec<usize> = kept.iter().map(|&place| set.labelled[place]).collect();
        let targets: Vec<usize> = kept.iter().map(|&place| set.targets[place]).collect();
        (images, targets, set.classes.len())
    };
    // 2. features of each extractor
    let rivals = (session.setup.rivals)().map_err(|reason| LabelError::Rivals { reason })?;
    let release = &session.setup.extractor.release;
    let (mut candidates, mut failed) = (Vec::new(), Vec::new());
    for rival in rivals {
        let extractor = rival.extractor.release.clone();
        match Candidate::embed(session, rival, &images) {
            Ok(candidate) => candidates.push(candidate),
            // Without the one in use there is nothing to compare with.
            Err(error) if extractor == *release => return Err(error),
            Err(error) => failed.push(FailedView {
                extractor: extractor.to_string(),
                reason: with_causes(&error),
            }),
        }
    }
    // 3. measured on the images that all of them could use
    let common: Vec<usize> = (0..images.len())
        .filter(|&place| candidates.iter().all(|one| one.features[place].is_some()))
        .collect();
    let targets: Vec<usize> = common.iter().map(|&place| targets[place]).collect();
    let measured = candidates
        .iter()
        .map(|one| measure(one.prepared(&common).view(), &targets, classes, 0))
        .collect::<Result<Vec<_>, _>>()?;
    // 4. the rule; who is in use stays unless another is clearly better
    let is_used = |one: &Candidate| one.rival.extractor.release == *release;
    let used = candidates
        .iter()
        .position(is_used)
        .ok_or_else(|| LabelError::Rivals {
            reason: format!("{release} is installed no more"),
        })?;
    let held_out: Vec<_> = measured.iter().map(|one| &one.held_out).collect();
    let favourite = Favourite {
        place: used,
        has_reason: true,
    };
    let decision = decide(favourite, &held_out);
    let names: Vec<String> = candidates
        .iter()
        .map(|one| one.rival.extractor.release.to_string())
        .collect();
    Ok(Comparison {
        running: false,
        labels: targets.len(),
        advice: Some(advice(&names, used, &decision, &failed)),
        rows: candidates
            .iter()
            .zip(&measured)
            .enumerate()
            .map(|(place, (candidate, measured))| candidate.view(measured, place, used, &decision))
            .collect(),
        failed,
        problem: None,
    })
}

impl Candidate {
    fn embed(session: &Session, rival: Rival, images: &[usize]) -> Result<Self, LabelError> {
        let setup = &session.setup;
        let path = |&image: &usize| setup.images.images[image].path.clone();
        let paths: Vec<PathBuf> = images.iter().map(path).collect();
        let files = &rival.extractor.files;
        let few = &paths[..paths.len().min(TIMED)];
        let shape = setup
            .worker
            .embed(files, few, None, |_, _| Ok::<(), LabelError>(()))?;
        let milliseconds = millis_since(shape.started) / few.len().max(1) as f64;
        let origin = &rival.extractor.origin;
        let cache = FeatureCache::open(&setup.cache.join("features"), origin)?;
        let mut features = vec![None; paths.len()];
        setup
            .worker
            .embed(files, &paths, Some(&cache), |place, row| {
                if let Ok(row) = row {
                    if !row.is_cached {
                        cache.insert(&row.sha256, &row.features)?;
                    }
                    features[place] = Some(row.features);
                }
                Ok::<(), LabelError>(())
            })?;
        cache.flush()?;
        Ok(Self {
            rival,
            features,
            milliseconds,
        })
    }

    /// The features of some of the images, as heads see them.
    fn prepared(&self, places: &[usize]) -> Array2<f32> {
        let extractor = &self.rival.extractor;
        let mut features = Array2::zeros((places.len(), extractor.origin.dimension));
        for (mut row, &place) in features.axis_iter_mut(Axis(0)).zip(places) {
            let found = self.features[place].as_deref().unwrap_or_default();
            row.iter_mut().zip(found).for_each(|(to, &from)| *to = from);
        }
        Transform::fit(extractor.transform(), features.view()).apply(features.view())
    }

    fn view(
        &self,
        measured: &Measured,
        place: usize,
        used: usize,
        decision: &Decision,
    ) -> ComparedView {
        let (verdict, words) = verdict(place, used, decision);
        let held_out = &measured.held_out;
        ComparedView {
            extractor: self.rival.extractor.release.to_string(),
            from: held_out.interval.low,
            to: held_out.interval.high,
            share: held_out.accuracy,
            milliseconds: self.milliseconds,
            megabytes: self.rival.size_bytes as f64 / 1e6,
            licence: self.rival.licence.clone(),
            verdict,
            words: words.to_owned(),
        }
    }
}

fn millis_since(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1000.0
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
    use crate::choose::HeldOut;
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
