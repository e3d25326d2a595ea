//! `hub head diff`

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hub_client::head::{Changes, Head, HeadError, HeadStore, HeldOut};
use registry_schema::digest::Digest;
use serde::Serialize;

use super::answers::{Answers, DecisionsView, answers};
use super::figures::write_figures;
use super::labelled::{Features, Places, labelled_images, release, shown, skipped_by};
use super::words;
use crate::app::Outcome;
use crate::args::DiffArgs;
use crate::commands::chosen::Chosen;
use crate::commands::embedding::SkippedView;
use crate::commands::predict::check_fit;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list};
use hub_client::causes::with_causes;

/// Labels named in the text for people; JSON has all.
const SHOWN: usize = 10;

#[derive(Serialize)]
struct DiffView {
    head: String,
    from: SideView,
    to: SideView,
    labels_added: Vec<LabelView>,
    labels_removed: Vec<LabelView>,
    labels_changed: Vec<LabelView>,
    #[serde(skip)]
    changes: Changes,
    settings: Vec<hub_client::head::SettingChange>,
    /// Answers of both; null when they cannot be compared.
    decisions: Option<DecisionsView>,
    /// Why there are none.
    not_compared: Option<String>,
    skipped: Vec<SkippedView>,
}

#[derive(Serialize)]
struct SideView {
    version: u32,
    extractor: String,
    classes: Vec<String>,
    images: usize,
    unlabelled: usize,
    penalty_c: f64,
    held_out: Option<HeldOut>,
    #[serde(skip)]
    origin: Option<String>,
}

#[derive(Serialize)]
struct LabelView {
    image: Digest,
    /// Where it is; null when it was not looked for or not found.
    path: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

pub(in crate::commands) fn diff(
    args: &DiffArgs,
    context: &Context,
) -> Result<Outcome, CommandError> {
    // 1. both versions
    let store = context.heads();
    let versions = pick(&store, args)?;
    let heads = [
        store.load(&args.head, Some(versions[0]))?,
        store.load(&args.head, Some(versions[1]))?,
    ];
    // 2. where the images are
    let places = Places::find(None, args.images.as_deref(), context)?;
    // 3. the answers
    let (compared, skipped, not_compared) = match compare(&heads, &places, args, context) {
        Ok((decisions, skipped)) => (Some(decisions), skipped, None),
        // What differs in how they were made is worth showing all the same.
        Err(
            error @ (CommandError::NoExtractor { .. }
            | CommandError::AnotherExtractor { .. }
            | CommandError::NoLabelledFeatures { .. }),
        ) => (None, Vec::new(), Some(with_causes(&error))),
        Err(error) => return Err(error),
    };
    let changes = Changes::between(&heads[0], &heads[1]);
    let outcome = match skipped.as_slice() {
        [] => Outcome::Done,
        _ => Outcome::SomeSkipped,
    };
    let label = |image: &Digest, from: Option<&String>, to: Option<&String>| LabelView {
        image: *image,
        path: places.path(image),
        from: from.cloned(),
        to: to.cloned(),
    };
    let (added, removed) = (changes.added.iter(), changes.removed.iter());
    context.show(&DiffView {
        head: args.head.to_string(),
        from: SideView::new(versions[0], &heads[0]),
        to: SideView::new(versions[1], &heads[1]),
        labels_added: added
            .map(|one| label(&one.image, None, Some(&one.class)))
            .collect(),
        labels_removed: removed
            .map(|one| label(&one.image, Some(&one.class), None))
            .collect(),
        labels_changed: changes
            .relabelled
            .iter()
            .map(|one| label(&one.image, Some(&one.from), Some(&one.to)))
            .collect(),
        settings: changes.settings.clone(),
        changes,
        decisions: compared,
        not_compared,
        skipped,
    })?;
    Ok(outcome)
}

/// The numbers of the two versions.
fn pick(store: &HeadStore, args: &DiffArgs) -> Result<[u32; 2], CommandError> {
    let versions = store.versions(&args.head)?;
    let newest = *versions.last().ok_or_else(|| HeadError::NotFound {
        name: args.head.to_string(),
        version: None,
    })?;
    let to = args.to.unwrap_or(newest);
    let before = versions.iter().rev().find(|&&version| version < to);
    let from = args.from.or(before.copied());
    let from = from.ok_or_else(|| CommandError::NothingToCompare {
        head: args.head.to_string(),
        before: to,
    })?;
    Ok([from, to])
}

/// The answers of both, each with its own release, on the images found or else on labelled ones that
/// the cache knows.
fn compare(
    heads: &[Head; 2],
    places: &Places,
    args: &DiffArgs,
    context: &Context,
) -> Result<(DecisionsView, Vec<SkippedView>), CommandError> {
    let mut wanted: BTreeSet<Digest> = places.found().collect();
    if args.images.is_none() {
        wanted.extend(heads.iter().flat_map(labelled_images));
    }
    let first = Chosen::for_head(&heads[0], None, context)?;
    let second = Chosen::for_head(&heads[1], None, context)?;
    let of = |chosen: &Chosen, head: &Head| {
        let manifest = chosen.installed.manifest();
        let dimension = manifest.output.dimension as usize;
        check_fit(head, &manifest.feature_space(), dimension)?;
        Features::of(chosen, &wanted, places, false, args.run, context)
    };
    let from = of(&first, &heads[0])?;
    let to = match release(&first) == release(&second) {
        true => None,
        false => Some(of(&second, &heads[1])?),
    };
    let said = |head: &Head, features: &Features| -> Result<Answers, CommandError> {
        answers(head, features, &features.images())
    };
    let answers = [
        said(&heads[0], &from)?,
        said(&heads[1], to.as_ref().unwrap_or(&from))?,
    ];
    if !answers[0]
        .keys()
        .any(|image| answers[1].contains_key(image))
    {
        return Err(CommandError::NoLabelledFeatures {
            head: args.head.to_string(),
            extractor: list([first.reference(), second.reference()]),
        });
    }
    let mut labels: BTreeMap<Digest, &str> = heads[0].labels();
    labels.extend(heads[1].labels());
    let decisions = DecisionsView::new(&answers[0], &answers[1], &labels, places);
    Ok((decisions, skipped_by(to.iter().chain([&from]))))
}

impl SideView {
    fn new(version: u32, head: &Head) -> Self {
        let facts = head.training();
        Self {
            version,
            extractor: head.extractor().to_string(),
            classes: head.classes().to_vec(),
            images: facts.images,
            unlabelled: facts.unlabelled,
            penalty_c: facts.c,
            held_out: facts.held_out.clone(),
            origin: head.origin().map(|origin| words::of_origin(origin, head)),
        }
    }

    fn title(&self) -> String {
        format!("VERSION {}", self.version)
    }
}

impl Answer for DiffView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let Self { from, to, .. } = self;
        let title = format!("{}: version {} → {}", self.head, from.version, to.version);
        page.line(page.bold(&title))?;
        for side in [from, to] {
            let origin = side.origin.iter();
            let words = origin.map(|words| format!("version {} is {words}", side.version));
            words
                .into_iter()
                .try_for_each(|words| page.field("", words))?;
        }
        let both = |one: &str, other: &str| match one == other {
            true => format!("{one}, the same"),
            false => format!("{one} → {other}"),
        };
        page.field("extractor", both(&from.extractor, &to.extractor))?;
        page.field("classes", both(&list(&from.classes), &list(&to.classes)))?;
        let counts = words::labels(&self.changes);
        let labels = match counts.as_slice() {
            [] => "the same".to_owned(),
            counts => list(counts),
        };
        page.field("labels", labels)?;
        self.write_labels(page)?;
        let settings = self.settings.iter();
        let settings = settings.map(|one| format!("{}: {} → {}", one.setting, one.from, one.to));
        let settings = list(settings);
        let same = if settings.is_empty() {
            "the same"
        } else {
            &settings
        };
        page.field("settings", same)?;
        if from.unlabelled != to.unlabelled {
            let counts = format!("{} → {}", from.unlabelled, to.unlabelled);
            page.field("unlabelled", counts)?;
        }
        page.line("")?;
        let titles = [from.title(), to.title()];
        let titles = [titles[0].as_str(), titles[1].as_str()];
        write_figures(page, titles, [from.held_out.as_ref(), to.held_out.as_ref()])?;
        page.line("")?;
        match (&self.decisions, &self.not_compared) {
            (Some(decisions), _) => decisions.write_text(page, titles, ""),
            (None, Some(why)) => page.field("answers", format!("not compared: {why}")),
            (None, None) => Ok(()),
        }
    }
}

impl DiffView {
    fn write_labels(&self, page: &mut Page) -> fmt::Result {
        let groups = [
            ("added", &self.labels_added),
            ("removed", &self.labels_removed),
            ("changed", &self.labels_changed),
        ];
        for (what, labels) in groups {
            for one in labels.iter().take(SHOWN) {
                let sides = [&one.from, &one.to].into_iter().flatten();
                let classes: Vec<&str> = sides.map(String::as_str).collect();
                let image = shown(one.path.as_deref(), &one.image);
                page.field("", format!("{what}: {image} ({})", classes.join(" → ")))?;
            }
            if let Some(more @ 1..) = labels.len().checked_sub(SHOWN) {
                page.field("", format!("{what}: {more} more, which --json shows"))?;
            }
        }
        Ok(())
    }
}
