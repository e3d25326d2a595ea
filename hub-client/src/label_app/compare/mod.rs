//! Would another extractor do better? Those that are installed, measured on the labels there are, by the rule
//! of `hub choose`.

mod told;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use ndarray::{Array2, Axis};
use serde::Serialize;

use self::told::{Compared, ComparedView, FailedView, MeasuredExtractor};
use super::LabelError;
use super::progress::Problem;
use super::session::Session;
use super::setup::SessionExtractor;
use super::teaching::TrainingSet;
use crate::causes::with_causes;
use crate::choose::{MOST_IMAGES, Measured, measure, spread};
use crate::explore::domain::{Domain, DomainFit};
use crate::features::FeatureCache;
use crate::head::{ExtractorRelease, Transform};

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
    /// What images it was made for, when its release tells.
    pub domain: Option<Arc<Domain>>,
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
    #[serde(skip)]
    compared: Option<Arc<Compared>>,
}

impl Comparison {
    /// The same seen from another extractor in use; nothing when that one was not measured.
    pub(super) fn seen_from(&self, used: &ExtractorRelease) -> Self {
        let compared = self.compared.clone();
        compared
            .and_then(|compared| Self::of(compared, used))
            .unwrap_or_default()
    }

    fn of(compared: Arc<Compared>, used: &ExtractorRelease) -> Option<Self> {
        let (rows, advice) = compared.seen_from(used)?;
        Some(Self {
            rows,
            failed: compared.failed.clone(),
            labels: compared.labels,
            advice: Some(advice),
            compared: Some(compared),
            ..Self::default()
        })
    }
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
    // 4. the rule
    let fits = candidates.iter().map(|one| one.domain_fit(&common));
    let fits = fits.collect::<Result<Vec<_>, _>>()?;
    let measured = candidates.into_iter().zip(measured).zip(fits);
    let compared = Compared {
        measured: measured
            .map(|((candidate, measured), fit)| candidate.measured(measured, fit))
            .collect(),
        failed,
        labels: targets.len(),
    };
    Comparison::of(Arc::new(compared), release).ok_or_else(|| LabelError::Rivals {
        reason: format!("{release} is installed no more"),
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
        let features = self.rows(places);
        let kind = self.rival.extractor.transform();
        Transform::fit(kind, features.view()).apply(features.view())
    }

    /// The features of some of the images, as it gives them.
    fn rows(&self, places: &[usize]) -> Array2<f32> {
        let dimension = self.rival.extractor.origin.dimension;
        let mut features = Array2::zeros((places.len(), dimension));
        for (mut row, &place) in features.axis_iter_mut(Axis(0)).zip(places) {
            let found = self.features[place].as_deref().unwrap_or_default();
            row.iter_mut().zip(found).for_each(|(to, &from)| *to = from);
        }
        features
    }

    /// How some of the images lie in its domain; none when its release does not tell of it.
    fn domain_fit(&self, places: &[usize]) -> Result<Option<DomainFit>, LabelError> {
        let Some(domain) = &self.rival.domain else {
            return Ok(None);
        };
        Ok(Some(domain.fit(self.rows(places).view())?))
    }

    fn measured(self, measured: Measured, domain: Option<DomainFit>) -> MeasuredExtractor {
        MeasuredExtractor {
            release: self.rival.extractor.release,
            held_out: measured.held_out,
            answered: measured.answered,
            domain,
            milliseconds: self.milliseconds,
            size_bytes: self.rival.size_bytes,
            licence: self.rival.licence,
        }
    }
}

fn millis_since(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1000.0
}
