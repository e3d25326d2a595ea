//! What `hub head upgrade` shows.

use std::fmt;

use hub_client::head::{ExtractorRelease, Head, HeldOut, Paired, Standing, Trained};
use registry_schema::digest::Digest;
use serde::Serialize;

use super::answers::DecisionsView;
use super::figures::write_figures;
use super::labelled::shown;
use crate::app::Outcome;
use crate::commands::embedding::SkippedView;
use crate::output::{Answer, Page, list};

/// Missing images named in the text for people; JSON has all.
const SHOWN: usize = 5;

/// What becomes of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// The same space: it keeps its weights.
    Moved,
    /// The same space, learnt anew because that was asked for.
    RetrainedInSpace,
    /// Another space: learnt anew.
    Retrained,
}

#[derive(Serialize)]
pub(super) struct UpgradeView {
    pub(super) head: String,
    pub(super) from_version: u32,
    pub(super) kind: Kind,
    pub(super) from: SideView,
    pub(super) to: SideView,
    /// Images the head learnt from.
    pub(super) labelled: usize,
    /// Of these, how many have features by the newer release.
    pub(super) images: usize,
    /// Images without a label that features were centred on too: as recorded, and now.
    pub(super) unlabelled: [usize; 2],
    /// How many have features by both.
    pub(super) compared: usize,
    /// Labelled images that are not at hand or cannot be used.
    pub(super) missing: Vec<MissingView>,
    /// The newer release's own transform, where it took the place of the older one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transform_of_release: Option<String>,
    /// Both held out on the same images in the same blocks; null when that cannot be compared.
    pub(super) paired: Option<Paired>,
    pub(super) standing: Option<Standing>,
    pub(super) verdict: String,
    /// Whether the answers below are of images held out; else the heads answer as they are, also for
    /// images they learnt from.
    pub(super) answers_held_out: bool,
    pub(super) decisions: DecisionsView,
    pub(super) skipped: Vec<SkippedView>,
    /// As what it was saved; null when it was not.
    pub(super) saved_as: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct SideView {
    extractor: String,
    extractor_statement: Digest,
    dimension: usize,
    held_out: Option<HeldOut>,
    /// Whether the figures are those recorded in the head; else they were measured now.
    recorded: bool,
}

#[derive(Serialize)]
pub(super) struct MissingView {
    pub(super) image: Digest,
    pub(super) label: String,
}

impl SideView {
    pub(super) fn new(
        extractor: &ExtractorRelease,
        trained: Option<&Trained>,
        dimension: usize,
    ) -> Self {
        Self {
            extractor: extractor.to_string(),
            extractor_statement: extractor.digest,
            dimension,
            held_out: trained.and_then(|one| one.head.training().held_out.clone()),
            recorded: false,
        }
    }

    /// The recorded figures where none could be measured.
    pub(super) fn or_recorded(self, head: &Head) -> Self {
        if self.held_out.is_some() {
            return self;
        }
        Self {
            held_out: head.training().held_out.clone(),
            recorded: true,
            ..self
        }
    }
}

impl UpgradeView {
    /// Done, or some labelled images are missing.
    pub(super) fn outcome(&self) -> Outcome {
        if self.missing.is_empty() && self.skipped.is_empty() {
            Outcome::Done
        } else {
            Outcome::SomeSkipped
        }
    }

    fn what(&self) -> String {
        let version = self.from_version;
        match self.kind {
            Kind::Moved => format!("the same feature space: version {version} keeps its weights"),
            Kind::RetrainedInSpace => format!(
                "the same feature space, learnt anew from the labels of version {version} as asked"
            ),
            Kind::Retrained => format!(
                "another feature space: learnt anew from the labels and settings of version {version}"
            ),
        }
    }

    fn write_missing(&self, page: &mut Page) -> fmt::Result {
        if self.missing.is_empty() {
            return Ok(());
        }
        let named = self.missing.iter().take(SHOWN);
        let named = named.map(|one| format!("{} ({})", shown(None, &one.image), one.label));
        let more = self.missing.len().saturating_sub(SHOWN);
        let more = (more > 0).then(|| format!("{more} more"));
        page.field("NOT AT HAND", list(named.chain(more)))?;
        match self.kind {
            Kind::Moved => Ok(()),
            _ => page.field("", "the new version would not know these labels"),
        }
    }
}

impl Answer for UpgradeView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let (from, to) = (&self.from, &self.to);
        let title = format!("{}: {} → {}", self.head, from.extractor, to.extractor);
        page.line(page.bold(&title))?;
        page.field("what", self.what())?;
        if self.kind == Kind::Moved && to.dimension > from.dimension {
            let (reads, of) = (from.dimension, to.dimension);
            let words =
                format!("it reads {reads} of {of} dimensions: --retrain uses the others too");
            page.field("", words)?;
        }
        let (images, labelled) = (self.images, self.labelled);
        page.field("images", format!("{images} of {labelled} labelled ones"))?;
        self.write_missing(page)?;
        if self.kind != Kind::Moved && self.unlabelled[0] > 0 {
            let [recorded, now] = self.unlabelled;
            let words = format!("{now} images to centre on too; it was {recorded}");
            page.field("unlabelled", words)?;
        }
        if let Some(transform) = &self.transform_of_release {
            page.field(
                "transform",
                format!("{transform}, as {} asks", to.extractor),
            )?;
        }
        page.line("")?;
        let titles = [from.extractor.as_str(), to.extractor.as_str()];
        write_figures(page, titles, [from.held_out.as_ref(), to.held_out.as_ref()])?;
        if from.recorded && from.held_out.is_some() {
            let words = format!("those of {} are the recorded ones", from.extractor);
            page.field("", words)?;
        }
        page.line("")?;
        page.field("verdict", &self.verdict)?;
        if self.decisions.images > 0 {
            let how = match self.answers_held_out {
                true => ", each image held out",
                false => ", of images they learnt from too",
            };
            self.decisions.write_text(page, titles, how)?;
        }
        if let Some(version) = self.saved_as {
            page.line("")?;
            page.line(format!("saved as version {version}"))?;
        }
        Ok(())
    }
}
