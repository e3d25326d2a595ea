//! What to label next, kept up with the labels, and a list that does not jump about while it is worked on.

use std::collections::BTreeSet;

use registry_schema::digest::Digest;

use super::LabelError;
use super::loading::ENOUGH;
use super::progress::Work;
use super::rows::Rows;
use super::session::Session;
use super::teaching::Lesson;
use super::thumbnails;
use crate::dataset::LabelState;
use crate::explore::SplitMix64;
use crate::explore::suggest::{Reason, Situation, Suggestion, suggest, typical_until};
use crate::head::Transform;

/// Images that are suggested at a time.
pub(super) const COUNT: usize = 24;

/// Typical images are looked for anew when no more of those suggested are left.
const FEW: usize = COUNT / 2;

/// Images without a label among which typical ones are looked for.
const TYPICAL_AMONG: usize = 1_000;

/// The most doubtful images among which different ones are looked for.
const DOUBTFUL_AMONG: usize = 400;

/// Seed of the groups and of what is drawn.
const SEED: u64 = 0;

/// An image that should be labelled.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Suggested {
    pub(super) image: usize,
    pub(super) reason: Reason,
    /// The classes that the reason speaks of.
    pub(super) classes: Vec<String>,
    /// `about ` when the size of a group was found on some of the images.
    about: &'static str,
}

impl Suggested {
    pub(super) fn is_random(&self) -> bool {
        self.reason == Reason::Random
    }

    /// The reason as a word for programs.
    pub(super) fn kind(&self) -> &'static str {
        match self.reason {
            Reason::Typical { .. } | Reason::NextTypical { .. } => "typical",
            Reason::Torn { .. } => "uncertain",
            Reason::Random => "random",
        }
    }

    /// The reason for people.
    pub(super) fn words(&self) -> String {
        // Isolated, a name that is read from the right leaves the words around it in order.
        let class = |index: usize| {
            let name = self.classes.get(index).map_or("", String::as_str);
            format!("\u{2068}{name}\u{2069}")
        };
        match self.reason {
            Reason::Typical { group: 1 } => "like no other picture, and without a label".to_owned(),
            Reason::Typical { group } => {
                format!(
                    "centre of a group of {}{group} pictures without a label",
                    self.about
                )
            }
            Reason::NextTypical { group } => {
                format!(
                    "near the centre of a group of {}{group} pictures, some with a label",
                    self.about
                )
            }
            Reason::Torn { first, second } => format!(
                "torn between {} ({:.0} in 100) and {} ({:.0} in 100)",
                class(first.0),
                100.0 * first.1,
                class(second.0),
                100.0 * second.1
            ),
            Reason::Random => "random check".to_owned(),
        }
    }
}

/// Suggests whenever it is asked to, until the session stops.
pub(super) fn propose(session: &Session) {
    let mut proposer = Proposer::default();
    session.suggesting.run(
        || session.is_stopping(),
        || {
            let changes = session.steps().learnt();
            let proposed = proposer.propose(session);
            session.tell(Work::Suggesting, proposed.as_ref().err());
            let proposed = proposed.ok().flatten();
            // They are looked at next.
            let images = proposed.iter().flatten().map(|one| one.image);
            thumbnails::prepare(session, images);
            session.put_suggestions(proposed, changes);
        },
    );
}

/// What is remembered from one list to the next.
#[derive(Default)]
struct Proposer {
    /// Images that were drawn and have no label yet: whoever passes one over is asked again.
    draws: Vec<usize>,
    drawn_so_far: u64,
    /// Images with features when typical ones were looked for.
    ready: usize,
}

impl Proposer {
    /// A new list; none when the one there is still good.
    fn propose(&mut self, session: &Session) -> Result<Option<Vec<Suggested>>, LabelError> {
        let (labels, lesson) = (session.labels(), session.lesson());
        let (known, ready, is_complete) = {
            let rows = session.rows();
            let known = Known::new(&labels, &rows);
            (known, rows.ready(), rows.is_complete())
        };
        if ready < ENOUGH.min(session.total()) && !is_complete {
            return Ok(None);
        }
        let has_grown = ready >= 2 * self.ready || (is_complete && self.ready < ready);
        self.draws
            .retain(|image| known.free.binary_search(image).is_ok());
        let doubtful =
            lesson.filter(|_| known.labelled.len() >= typical_until(known.classes.len()));
        if doubtful.is_none() && !has_grown && is_still_good(session, &known) {
            return Ok(None);
        }
        self.ready = ready;
        let among = match &doubtful {
            Some(lesson) => most_doubtful(lesson, &known.free),
            None => evenly_spaced(&known.free, TYPICAL_AMONG),
        };
        let suggestions = suggest_among(&known, &among, doubtful.as_deref(), session)?;
        Ok(Some(self.with_draws(suggestions, &known)))
    }

    /// Draws from all images without a label in the place of what was drawn from some of them.
    fn with_draws(&mut self, suggestions: Vec<Suggested>, known: &Known) -> Vec<Suggested> {
        let planned = suggestions.iter().filter(|one| !one.is_random());
        let mut taken: BTreeSet<usize> = planned.map(|one| one.image).collect();
        let mut waiting = self.draws.clone().into_iter();
        let mut list = Vec::with_capacity(suggestions.len());
        for mut one in suggestions {
            if one.is_random() {
                let next = waiting.find(|image| !taken.contains(image));
                let Some(image) = next.or_else(|| self.draw(known, &taken)) else {
                    continue;
                };
                one.image = image;
                taken.insert(image);
            }
            list.push(one);
        }
        list
    }

    fn draw(&mut self, known: &Known, taken: &BTreeSet<usize>) -> Option<usize> {
        let free: Vec<usize> = known
            .free
            .iter()
            .copied()
            .filter(|one| !taken.contains(one))
            .collect();
        if free.is_empty() {
            return None;
        }
        self.drawn_so_far += 1;
        let seed = SEED ^ (known.labelled.len() as u64).rotate_left(32) ^ self.drawn_so_far;
        let image = free[SplitMix64::new(seed).below(free.len())];
        self.draws.push(image);
        Some(image)
    }
}

/// Whether enough of the list is left.
fn is_still_good(session: &Session, known: &Known) -> bool {
    let left = session.suggestions();
    let left = left.iter().filter(|one| {
        let is_free = known.free.binary_search(&one.image).is_ok();
        is_free && !matches!(one.reason, Reason::Torn { .. })
    });
    left.count() > FEW.min(known.free.len().saturating_sub(1))
}

/// What the labels say of images with features.
struct Known {
    /// The classes that have a labelled image, in alphabetical order.
    classes: Vec<String>,
    /// Labelled images and their class; of copies the first.
    labelled: Vec<(usize, usize)>,
    /// Images with neither label nor mark; of copies the first.
    free: Vec<usize>,
}

impl Known {
    fn new(labels: &LabelState, rows: &Rows) -> Self {
        let firsts = rows.firsts();
        let mut named: Vec<(usize, &str)> = Vec::new();
        for (digest, known) in labels.images() {
            if let (Some(label), Some(&image)) = (&known.label, firsts.get(digest)) {
                named.push((image, label));
            }
        }
        named.sort_unstable();
        let classes: BTreeSet<&str> = named.iter().map(|(_, label)| *label).collect();
        let classes: Vec<String> = classes.into_iter().map(str::to_owned).collect();
        let class = |label: &str| classes.partition_point(|class| class.as_str() < label);
        let labelled = named
            .iter()
            .map(|&(image, label)| (image, class(label)))
            .collect();
        let is_free = |(digest, _): &(&Digest, &usize)| !labels.images().contains_key(*digest);
        let free = firsts.iter().filter(is_free);
        let mut free: Vec<usize> = free.map(|(_, &image)| image).collect();
        free.sort_unstable();
        Self {
            classes,
            labelled,
            free,
        }
    }
}

fn most_doubtful(lesson: &Lesson, free: &[usize]) -> Vec<usize> {
    let mut free = free.to_vec();
    free.retain(|&image| lesson.scores.is_about(image));
    let margin = |image: usize| lesson.scores.margins.get(image).copied().unwrap_or(1.0);
    free.sort_by(|&one, &other| margin(one).total_cmp(&margin(other)).then(one.cmp(&other)));
    free.truncate(DOUBTFUL_AMONG);
    free.sort_unstable();
    free
}

fn evenly_spaced(images: &[usize], most: usize) -> Vec<usize> {
    let step = images.len().div_ceil(most).max(1);
    images.iter().copied().step_by(step).collect()
}

fn suggest_among(
    known: &Known,
    among: &[usize],
    lesson: Option<&Lesson>,
    session: &Session,
) -> Result<Vec<Suggested>, LabelError> {
    let labelled = known.labelled.iter().map(|&(image, _)| image);
    let images: Vec<usize> = labelled.chain(among.iter().copied()).collect();
    if images.is_empty() {
        return Ok(Vec::new());
    }
    let mut labels: Vec<Option<usize>> = known
        .labelled
        .iter()
        .map(|&(_, class)| Some(class))
        .collect();
    labels.resize(images.len(), None);
    let features = session.rows().select(&images);
    let transform = Transform::fit(session.setup.extractor.transform(), features.view());
    let vectors = transform.apply(features.view());
    let probabilities = lesson.map(|lesson| {
        lesson
            .scores
            .probabilities
            .select(ndarray::Axis(0), &images)
    });
    let situation = Situation {
        rows: vectors.view(),
        labels: &labels,
        classes: known.classes.len(),
        probabilities: probabilities.as_ref().map(|all| all.view()),
        count: COUNT,
        seed: SEED,
    };
    // One thread: the others are for whoever has just set a label.
    let found = suggest(&situation, std::num::NonZeroUsize::MIN)?;
    let classes = lesson.map_or(&known.classes[..], |lesson| lesson.head.classes());
    let scaled = |group: usize| group * known.free.len().max(1) / among.len().max(1);
    let suggested = |one: &Suggestion| Suggested {
        image: images[one.row],
        about: if among.len() < known.free.len() {
            "about "
        } else {
            ""
        },
        reason: match one.reason {
            Reason::Typical { group } if group > 1 => Reason::Typical {
                group: scaled(group),
            },
            Reason::NextTypical { group } => Reason::NextTypical {
                group: scaled(group),
            },
            other => other,
        },
        classes: match one.reason {
            Reason::Torn { .. } => classes.to_vec(),
            _ => Vec::new(),
        },
    };
    Ok(found.iter().map(suggested).collect())
}
