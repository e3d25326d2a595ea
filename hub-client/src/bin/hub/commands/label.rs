//! `hub label`

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hub_client::config::Folders;
use hub_client::dataset::ImageSet;
use hub_client::explore::domain::Domain;
use hub_client::features::Origin;
use hub_client::head::ExtractorRelease;
use hub_client::label_app::{
    LabelApp, Rival, Serving, SessionExtractor, Setup, demo_extractor, specimens,
};
use hub_client::store::{InstalledRelease, Store};
use hub_client::trust;
use registry_schema::reference::Reference;
use serde::Serialize;

use super::chosen::{Chosen, newest_of_each};
use super::release_view::size_bytes;
use crate::app::Outcome;
use crate::args::LabelArgs;
use crate::browser;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page};
use hub_client::causes::with_causes;

/// The journal in a folder of images.
const JOURNAL: &str = "labels.jsonl";

#[derive(Serialize)]
struct OpenView {
    url: String,
    extractor: Reference,
    images: usize,
    journal: String,
}

pub(super) async fn label(args: LabelArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. images, extractor and labels, before anything is served
    let folder = match args.images {
        Some(folder) => folder,
        None => specimens(&context.folders().data)?,
    };
    let images = ImageSet::walk(&folder)?.not_empty()?;
    let chosen = match args.extractor {
        Some(reference) => Some(Chosen::find(&reference, context)?),
        None => largest(context)?,
    };
    let own = match &chosen {
        Some(chosen) => rival(&chosen.installed)?,
        None => demo_extractor(&context.folders().data)?,
    };
    let journal = args.labels.unwrap_or_else(|| folder.join(JOURNAL));
    let view = OpenView {
        url: String::new(),
        extractor: own.extractor.origin.release.clone(),
        images: images.images.len(),
        journal: journal.display().to_string(),
    };
    let extractor = own.extractor.clone();
    let (store, folders) = (context.store(), context.folders().clone());
    let rivals = move || rivals(&own, &store, &folders).map_err(|error| with_causes(&error));
    let report = *context.report();
    if extractor.is_demo {
        report.note(
            "no extractor is installed, so the demo makes its own, of colours and edges: good enough to try the page; \
             for work of your own `hub pull` one",
        );
    }
    let taken = move |release: &ExtractorRelease| {
        report.note(&format!(
            "the page looks through {release} from now on; with `--extractor {release}` it begins so next time"
        ));
    };
    let app = LabelApp::open(Setup {
        images: Arc::new(images),
        journal,
        extractor,
        worker: context.worker()?,
        cache: context.folders().cache.clone(),
        heads: context.heads(),
        head: args.head,
        rivals: Arc::new(rivals),
        taken: Arc::new(taken),
        threads: context.threads(),
        stop: context.interrupt().flag().clone(),
    })?;
    // 2. the page, until Ctrl-C
    let mut shown = Ok(());
    let ready = |url: &str| {
        let url = url.to_owned();
        shown = context.show(&OpenView {
            url: url.clone(),
            ..view
        });
        if !args.no_open && !browser::open(&url) {
            report.note("no browser could be started: open the address in one");
        }
    };
    let again = move |url: &str| {
        report.alert(&format!(
            "the address was opened a second time, without the first browser's cookie; if that was you, open {url}"
        ));
    };
    let serving = Serving {
        port: args.port,
        ready: Box::new(ready),
        again: Arc::new(again),
    };
    let stop = context.interrupt().past(Duration::ZERO);
    app.serve(serving, stop).await?;
    shown?;
    Ok(Outcome::Done)
}

/// The largest installed extractor, if there is any: size predicts best what is good elsewhere (docs/EXPLORE.md).
fn largest(context: &Context) -> Result<Option<Chosen>, CommandError> {
    let references = newest_of_each(&context.store())?;
    let mut largest = None;
    for reference in references {
        let chosen = Chosen::find(&reference, context)?;
        let bytes = size_bytes(chosen.installed.release());
        if largest.as_ref().is_none_or(|(most, _)| bytes > *most) {
            largest = Some((bytes, chosen));
        }
    }
    Ok(largest.map(|(_, chosen)| chosen))
}

/// The extractor it began with, and the newest installed of every other name.
fn rivals(own: &Rival, store: &Store, folders: &Folders) -> Result<Vec<Rival>, CommandError> {
    let mut rivals = vec![own.clone()];
    let references = newest_of_each(store)?;
    if references.is_empty() {
        // Who has nothing installed may know no hub either.
        return Ok(rivals);
    }
    let root = trust::kept(folders)?.root;
    for reference in references {
        let another = rival(&store.open_release(&reference, &root)?)?;
        if another.extractor.release != own.extractor.release {
            rivals.push(another);
        }
    }
    Ok(rivals)
}

fn rival(installed: &InstalledRelease) -> Result<Rival, CommandError> {
    let manifest = installed.manifest();
    Ok(Rival {
        extractor: SessionExtractor {
            release: ExtractorRelease {
                name: manifest.name.clone(),
                version: manifest.version.clone(),
                digest: installed.release().statement_digest(),
            },
            origin: Origin::of(installed.release()),
            files: installed.extractor_files()?,
            is_demo: false,
        },
        size_bytes: size_bytes(installed.release()),
        licence: manifest.license.clone(),
        domain: installed
            .statistics()?
            .map(|statistics| Arc::new(Domain::new(&statistics))),
    })
}

impl Answer for OpenView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.field("open", &self.url)?;
        page.field("extractor", &self.extractor)?;
        page.field("images", self.images)?;
        page.field("labels in", &self.journal)
    }
}
