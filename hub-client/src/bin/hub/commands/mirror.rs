//! `hub mirror`

use std::fmt;

use hub_client::mirror::{self, KnownReleases, MirrorRequest, Mirrored};
use hub_client::pull::ProbeCheck;
use registry_schema::digest::Digest;
use registry_schema::mirror::{Choice, Wanted};
use registry_schema::reference::Reference;
use serde::Serialize;

use crate::app::Outcome;
use crate::args::MirrorArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list, size};
use crate::progress::Bar;

#[derive(Serialize)]
struct MirrorView {
    folder: String,
    /// The hub it is a copy of.
    source: String,
    first_root: Digest,
    /// What it is to have: everything, or what is named.
    all: bool,
    extractors: Vec<Choice>,
    without_yanked: bool,
    /// Entries of the log.
    entries: u64,
    new_entries: u64,
    /// Releases whose files are in it.
    releases: Vec<Reference>,
    /// Those that this run brought.
    fetched: Vec<Reference>,
    fetched_bytes: u64,
    /// Those that are not to be had.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<SkippedView>,
}

#[derive(Serialize)]
struct SkippedView {
    release: Reference,
    reason: &'static str,
}

pub(super) async fn mirror(args: &MirrorArgs, context: &Context) -> Result<Outcome, CommandError> {
    let registry = context.registry("mirror")?;
    let (trust, log) = context.contact(&registry).await?;
    let probes = if args.without_probes {
        ProbeCheck::SkipUnproven
    } else {
        ProbeCheck::Run(context.worker()?)
    };
    let wanted = wanted(args);
    let known = match args.deep {
        true => KnownReleases::PulledAgain,
        false => KnownReleases::LookedAt,
    };
    let bar = Bar::bytes(context, "mirroring");
    let progress = bar.transfer(context);
    let request = MirrorRequest {
        folder: &args.folder,
        wanted: wanted.as_ref(),
        registry: &registry,
        trust: &trust,
        log: &log,
        probes: &probes,
        known,
        progress: &progress,
    };
    let mirrored = Box::pin(mirror::mirror(&request)).await?;
    drop(bar);
    for skipped in &mirrored.skipped {
        let text = format!("`{}` is not mirrored: {}", skipped.release, skipped.reason);
        context.report().warn(&text);
    }
    context.show(&view(args, trust.anchor, mirrored))?;
    Ok(Outcome::Done)
}

/// What is asked for now; `None` when nothing is, and what was asked for before holds.
fn wanted(args: &MirrorArgs) -> Option<Wanted> {
    let is_named = args.all || !args.extractors.is_empty();
    is_named.then(|| Wanted {
        all: args.all,
        extractors: args.extractors.clone(),
        without_yanked: args.without_yanked,
    })
}

fn view(args: &MirrorArgs, first_root: Digest, mirrored: Mirrored) -> MirrorView {
    let (before, entries) = mirrored.entries;
    let releases = mirrored.list.releases.into_iter();
    let skipped = mirrored.skipped.into_iter();
    MirrorView {
        folder: args.folder.display().to_string(),
        source: mirrored.list.source,
        first_root,
        all: mirrored.list.wanted.all,
        extractors: mirrored.list.wanted.extractors,
        without_yanked: mirrored.list.wanted.without_yanked,
        entries,
        new_entries: entries - before,
        releases: releases.map(|one| one.release).collect(),
        fetched: mirrored.fetched,
        fetched_bytes: mirrored.fetched_bytes,
        skipped: skipped
            .map(|one| SkippedView {
                release: one.release,
                reason: one.reason,
            })
            .collect(),
    }
}

impl Answer for MirrorView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.line(page.bold(&format!("{} mirrors {}", self.folder, self.source)))?;
        page.field("first root", self.first_root)?;
        let mut wanted = match self.all {
            true => "everything".to_owned(),
            false => list(&self.extractors),
        };
        if self.without_yanked {
            wanted.push_str(", without what is yanked");
        }
        page.field("asked for", wanted)?;
        let entries = format!("{} entries, {} new", self.entries, self.new_entries);
        page.field("log", entries)?;
        let came = match self.fetched.len() {
            0 => "none new".to_owned(),
            count => format!("{count} new, {} fetched", size(self.fetched_bytes)),
        };
        page.field("releases", format!("{}, {came}", self.releases.len()))?;
        for release in &self.fetched {
            page.line(format!("  {release}"))?;
        }
        Ok(())
    }
}
