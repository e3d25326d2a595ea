//! `hub head upgrade`

use std::collections::BTreeSet;

use hub_client::head::{
    Examples, ExtractorRelease, Head, HeadError, HeadIdentity, HeadStore, Paired, Trained,
    TrainingSettings, TransformBy, TransformKind,
};
use registry_schema::digest::Digest;
use registry_schema::reference::Reference;
use semver::Version;

use super::answers::{Answers, DecisionsView, answers, held_out_answers};
use super::labelled::{Features, Places, labelled_images, release, skipped_by};
use super::upgrade_view::{Kind, MissingView, SideView, UpgradeView};
use super::words;
use crate::app::Outcome;
use crate::args::UpgradeArgs;
use crate::commands::chosen::{Chosen, Exactly};
use crate::context::Context;
use crate::error::CommandError;
use crate::progress::Bar;
use hub_client::causes::with_causes;

pub(in crate::commands) fn upgrade(
    args: &UpgradeArgs,
    context: &Context,
) -> Result<Outcome, CommandError> {
    // 1. somebody who may agree, before anything slow
    if !args.yes && !args.dry_run && !context.can_ask() {
        return Err(CommandError::NobodyToAsk);
    }
    // 2. the head, where it is and where it goes
    let store = context.heads();
    let plan = Plan::new(&store, args, context)?;
    // 3. the labelled images, through both releases
    let sides = Sides::gather(&plan, args, context)?;
    // 4. the head on the newer release, and both side by side
    let spinner = Bar::spinner(context, "training");
    let (upgraded, mut view) = plan.compare(&sides)?;
    drop(spinner);
    context.check_interrupt()?;
    // 5. kept, once agreed
    if args.yes {
        view.saved_as = Some(store.save(&upgraded)?);
    }
    let outcome = view.outcome();
    context.show(&view)?;
    if !args.yes && !args.dry_run {
        let question = format!("\nsave this as the next version of {}?", upgraded.name());
        match context.agrees(&question)? {
            true => {
                let version = store.save(&upgraded)?;
                context
                    .report()
                    .note(&format!("saved as version {version}"));
            }
            false => context.report().note("nothing was saved"),
        }
    }
    Ok(outcome)
}

/// A head, and the release it goes to.
struct Plan {
    head: Head,
    version: u32,
    /// What it is made for.
    old: Old,
    new: Chosen,
    kind: Kind,
}

/// The release that a head is made for, or why there is nothing to compare with.
enum Old {
    Here(Box<Chosen>),
    Gone(Gone),
}

/// Why a release is not at hand.
#[derive(Clone, Copy)]
enum Gone {
    NotInstalled,
    /// Another one of its name and version is installed.
    Another,
    /// It is installed and cannot be used, which was said.
    Unusable,
}

impl Old {
    fn chosen(&self) -> Option<&Chosen> {
        match self {
            Self::Here(chosen) => Some(chosen),
            Self::Gone(_) => None,
        }
    }
}

/// Features by both releases.
struct Sides {
    places: Places,
    old: Option<Features>,
    new: Features,
}

impl Plan {
    fn new(store: &HeadStore, args: &UpgradeArgs, context: &Context) -> Result<Self, CommandError> {
        let (version, head) = store.open(&args.head, None)?;
        let new = match &args.extractor {
            Some(reference) => Chosen::find(reference, context)?,
            None => newest(&head, args.retrain, context)?,
        };
        let to = release(&new);
        let current = head.extractor();
        let is_enough = is_newer(&to.version, current, args.retrain);
        if to.name == current.name && !is_enough {
            return Err(CommandError::Head(HeadError::NotNewer {
                head: head.name().to_string(),
                current: current.to_string(),
                asked: to.to_string(),
            }));
        }
        let kind = match (to.space() == head.space(), args.retrain) {
            (true, false) => Kind::Moved,
            (true, true) => Kind::RetrainedInSpace,
            (false, _) => Kind::Retrained,
        };
        let old = match Chosen::exactly(head.extractor(), context) {
            Ok(Exactly::Here(old)) => Old::Here(old),
            Ok(Exactly::NotInstalled) => Old::Gone(Gone::NotInstalled),
            Ok(Exactly::Another) => Old::Gone(Gone::Another),
            Err(error) => {
                let words = with_causes(&error);
                context
                    .report()
                    .warn(&format!("nothing can be compared with: {words}"));
                Old::Gone(Gone::Unusable)
            }
        };
        let plan = Self {
            head,
            version,
            old,
            new,
            kind,
        };
        if let Some(words) = plan.doubt_about_transform() {
            context.report().warn(&words);
        }
        Ok(plan)
    }

    /// The upgraded head, and what is shown of it.
    fn compare(&self, sides: &Sides) -> Result<(Head, UpgradeView), CommandError> {
        let all = sides.new.images();
        if all.is_empty() {
            return Err(CommandError::NoLabelledFeatures {
                head: self.head.name().to_string(),
                extractor: self.new.reference().to_string(),
            });
        }
        let common: BTreeSet<Digest> = match &sides.old {
            Some(old) => all.iter().filter(|image| old.has(image)).copied().collect(),
            None => BTreeSet::new(),
        };
        let to = release(&self.new);
        let (settings, transform_of_release) = self.settings();
        let learn = |features: &Features, images: &BTreeSet<Digest>, to: &ExtractorRelease| {
            let settings = match to == self.head.extractor() {
                true => &self.head.training().settings,
                false => &settings,
            };
            learn(&self.head, features, images, to, settings)
        };
        // A head that keeps its weights reads the first dimensions; what is measured reads no more.
        let reads = self.head.dimension();
        let of_new = match self.kind {
            Kind::Moved => &sides.new.first(reads),
            Kind::Retrained | Kind::RetrainedInSpace => &sides.new,
        };
        let of_old = sides.old.as_ref().map(|old| old.first(reads));
        let new = learn(of_new, &all, &to);
        let (upgraded, new) = match self.kind {
            Kind::Moved => {
                let (now, to) = (jiff::Timestamp::now(), to.clone());
                (self.head.clone().moved_to(self.version, to, now)?, new.ok())
            }
            Kind::Retrained | Kind::RetrainedInSpace => {
                let new = new?;
                (new.head.clone().retrained_from(self.version), Some(new))
            }
        };
        // Both sides are measured on the same images.
        let new = match common.is_empty() || common == all {
            true => new,
            false => learn(of_new, &common, &to).ok(),
        };
        let old = match &of_old {
            Some(old) => learn(old, &common, self.head.extractor()).ok(),
            None => None,
        };
        let paired = pair(old.as_ref(), new.as_ref());
        let is_held_out = self.kind != Kind::Moved && paired.is_some();
        let said = match (&old, &new) {
            (Some(old), Some(new)) if is_held_out => [said(old), said(new)],
            _ => [
                match &of_old {
                    Some(old) => answers(&self.head, old, &common)?,
                    None => Answers::new(),
                },
                answers(&upgraded, &sides.new, &all)?,
            ],
        };
        let labels = self.head.labels();
        let missing = labels.iter().filter(|(image, _)| !all.contains(image));
        let view = UpgradeView {
            head: self.head.name().to_string(),
            from_version: self.version,
            kind: self.kind,
            from: SideView::new(self.head.extractor(), old.as_ref(), reads).or_recorded(&self.head),
            to: SideView::new(&to, new.as_ref(), sides.new.dimension),
            labelled: labels.len(),
            images: all.len(),
            unlabelled: [
                self.head.training().unlabelled,
                upgraded.training().unlabelled,
            ],
            compared: common.len(),
            missing: missing
                .map(|(image, &class)| MissingView {
                    image: *image,
                    label: class.to_owned(),
                })
                .collect(),
            transform_of_release,
            standing: paired.as_ref().map(Paired::standing),
            verdict: match &paired {
                Some(paired) => words::verdict(paired),
                None => self.why_not_compared(&common),
            },
            paired,
            answers_held_out: is_held_out,
            decisions: DecisionsView::new(&said[0], &said[1], &labels, &sides.places),
            skipped: skipped_by([&sides.new].into_iter().chain(&sides.old)),
            saved_as: None,
        };
        Ok((upgraded, view))
    }

    /// The recorded settings. A transform that was the old release's own gives way to that of the new
    /// one; the name of it is then returned too.
    fn settings(&self) -> (TrainingSettings, Option<String>) {
        let recorded = self.head.training().settings.clone();
        let transform = transform_of(&self.new);
        let is_kept = self.kind == Kind::Moved || self.is_transform_own() != Some(true);
        if is_kept || transform == recorded.transform {
            return (recorded, None);
        }
        let settings = TrainingSettings {
            transform,
            transform_by: Some(TransformBy::Release),
            ..recorded
        };
        (settings, name_of(transform))
    }

    /// Whether the transform is the one that the old release asks for; none when nobody knows any more.
    fn is_transform_own(&self) -> Option<bool> {
        let settings = &self.head.training().settings;
        match settings.transform_by {
            Some(by) => Some(by == TransformBy::Release),
            None => {
                let old = self.old.chosen()?;
                Some(transform_of(old) == settings.transform)
            }
        }
    }

    /// Words for a transform that is kept although it may have been the old release's own.
    fn doubt_about_transform(&self) -> Option<String> {
        let (own, asked) = (
            self.head.training().settings.transform,
            transform_of(&self.new),
        );
        let is_open = self.kind != Kind::Moved && self.is_transform_own().is_none();
        if !is_open || own == asked {
            return None;
        }
        let (old, new) = (self.head.extractor(), self.new.reference());
        let (own, asked) = (name_of(own)?, name_of(asked)?);
        Some(format!(
            "the transform {own} is kept, and {new} asks for {asked}: whether {own} was asked for by {old} or with \
             --transform is not known; `hub train --transform {asked}` takes the other"
        ))
    }

    fn why_not_compared(&self, common: &BTreeSet<Digest>) -> String {
        let extractor = self.head.extractor();
        match self.old {
            Old::Gone(Gone::NotInstalled) => format!(
                "not compared: {extractor} is not installed; `hub pull {extractor}` brings it back"
            ),
            Old::Gone(Gone::Another) => format!(
                "not compared: the installed {extractor} is another release than the one the head is made for"
            ),
            Old::Gone(Gone::Unusable) => {
                format!("not compared: the installed {extractor} cannot be used")
            }
            Old::Here(_) if common.is_empty() => {
                format!("not compared: no image has features by {extractor} too")
            }
            Old::Here(_) => "not compared: a class has fewer than two images at hand".to_owned(),
        }
    }
}

impl Sides {
    fn gather(plan: &Plan, args: &UpgradeArgs, context: &Context) -> Result<Self, CommandError> {
        let wanted = labelled_images(&plan.head);
        let places = Places::find(Some(&wanted), args.images.as_deref(), context)?;
        let unlabelled = plan.head.training().unlabelled > 0;
        let of =
            |chosen: &Chosen| Features::of(chosen, &wanted, &places, unlabelled, args.run, context);
        let old = plan.old.chosen().map(of).transpose()?;
        let new = of(&plan.new)?;
        Ok(Self { places, old, new })
    }
}

/// Whether a head can go from its release to a version of the same extractor: learning anew makes sense
/// on the same release too, for dimensions it does not read yet.
fn is_newer(version: &Version, current: &ExtractorRelease, retrain: bool) -> bool {
    *version > current.version || (retrain && *version == current.version)
}

/// The newest installed release of the head's extractor; a pre-release only when named.
fn newest(head: &Head, retrain: bool, context: &Context) -> Result<Chosen, CommandError> {
    let current = head.extractor();
    let listed = context.store().list()?.into_iter();
    let newer = listed
        .filter(|(name, version)| {
            let is_enough = is_newer(version, current, retrain);
            *name == current.name && version.pre.is_empty() && is_enough
        })
        .map(|(_, version)| version)
        .max();
    let newer = newer.ok_or_else(|| CommandError::NothingNewer {
        head: head.name().to_string(),
        extractor: current.to_string(),
        name: current.name.clone(),
    })?;
    Chosen::find(&Reference::exact(current.name.clone(), newer), context)
}

/// Learns from the recorded labels of the images given.
fn learn(
    recorded: &Head,
    features: &Features,
    images: &BTreeSet<Digest>,
    extractor: &ExtractorRelease,
    settings: &TrainingSettings,
) -> Result<Trained, CommandError> {
    let (images, table) = features.table(images);
    let classes: std::collections::BTreeMap<Digest, usize> =
        recorded.training().labels.iter().copied().collect();
    let labels: Vec<usize> = images.iter().map(|image| classes[image]).collect();
    let examples = Examples {
        features: table.view(),
        images: &images,
        labels: &labels,
        classes: recorded.classes(),
    };
    let identity = HeadIdentity {
        name: recorded.name().clone(),
        created_at: jiff::Timestamp::now(),
        extractor: extractor.clone(),
    };
    let options = settings.clone().check()?;
    Ok(Trained::among(
        identity,
        &examples,
        features.unlabelled(),
        &options,
    )?)
}

/// What a release does to features before heads see them, unless told otherwise.
fn transform_of(chosen: &Chosen) -> TransformKind {
    chosen.installed.manifest().output.head_transform.into()
}

/// As `--transform` calls it.
fn name_of(transform: TransformKind) -> Option<String> {
    let name = serde_json::to_value(transform).ok()?;
    name.as_str().map(str::to_owned)
}

fn pair(old: Option<&Trained>, new: Option<&Trained>) -> Option<Paired> {
    Paired::new(old?.held_out.as_ref()?, new?.held_out.as_ref()?)
}

fn said(trained: &Trained) -> Answers {
    let answers = trained.held_out.as_ref();
    answers.map_or_else(Answers::new, |said| held_out_answers(&trained.head, said))
}
