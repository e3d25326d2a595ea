//! Running an installed extractor on many images: what embed, train, predict and eval share.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use hub_client::dataset::{ImageFile, SkipReason, Skipped};
use hub_client::features::{FeatureCache, Origin};
use hub_client::files::FileError;
use hub_client::publish::{AuthorFolder, CheckError};
use hub_client::runtime::ExtractorFiles;
use hub_client::runtime::pipeline::FeatureRow;
use hub_client::store::InstalledRelease;
use hub_client::worker::{Failure, Worker, WorkerError};
use registry_schema::digest::Digest;
use registry_schema::reference::Reference;
use registry_schema::statement::ReleaseStatement;
use serde::Serialize;

use super::known::Known;
use crate::app::Outcome;
use crate::args::RunArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Page, list};
use crate::progress::Bar;
use crate::report::Report;
use hub_client::causes::with_causes;

/// Skipped files that are named on standard error; the rest is counted.
const NAMED: usize = 20;

/// An extractor that is ready to run.
pub(super) struct Embedder<'a> {
    context: &'a Context,
    files: ExtractorFiles,
    worker: Worker,
    origin: Origin,
    cache: Option<FeatureCache>,
    run: RunArgs,
}

/// What a run did.
#[derive(Debug, Serialize)]
pub(super) struct RunView {
    /// Images with features.
    pub(super) images: usize,
    /// Of these, known from the cache.
    pub(super) cached: usize,
    /// Files that were left out.
    pub(super) skipped: Vec<SkippedView>,
    /// Time of the run.
    pub(super) seconds: f64,
    /// Threads of the network; 0 when it was not run, as everything was known.
    pub(super) threads: usize,
    /// Images in one run of the network.
    pub(super) batch: usize,
}

/// A file that was left out.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SkippedView {
    pub(super) path: String,
    pub(super) reason: String,
}

impl<'a> Embedder<'a> {
    /// Compares the bytes of the release's graph with the signed digest. It is loaded by a confined
    /// process of its own.
    pub(super) fn open(
        installed: &InstalledRelease,
        run: RunArgs,
        context: &'a Context,
    ) -> Result<Self, CommandError> {
        let files = installed.extractor_files()?;
        let worker = context.worker()?.with_batch(run.batch);
        let origin = Origin::of(installed.release());
        let cache = match run.no_cache {
            true => None,
            false => Some(FeatureCache::open(&context.folders().features(), &origin)?),
        };
        Ok(Self {
            context,
            files,
            worker,
            origin,
            cache,
            run,
        })
    }

    /// What an author's folder computes; nothing is kept of it, since it may be another thing tomorrow.
    pub(super) fn of_folder(
        folder: &AuthorFolder,
        run: RunArgs,
        context: &'a Context,
    ) -> Result<Self, CommandError> {
        let manifest = folder.manifest();
        let statement = ReleaseStatement::new(manifest.clone(), folder.release_files()?);
        let statement = statement.map_err(CheckError::Statement)?;
        Ok(Self {
            context,
            files: folder.extractor_files()?,
            worker: context.worker()?.with_batch(run.batch),
            origin: Origin {
                release: Reference::exact(manifest.name.clone(), manifest.version.clone()),
                statement: Digest::of(&statement.to_payload()),
                space: manifest.feature_space(),
                dimension: manifest.output.dimension as usize,
            },
            cache: None,
            run,
        })
    }

    /// What computes the features.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What runs the extractor; it can also make small pictures.
    pub(super) fn worker(&self) -> Worker {
        self.worker.clone()
    }

    /// Length of a feature vector.
    pub(super) fn dimension(&self) -> usize {
        self.origin.dimension
    }

    /// The features of an image that the cache has, wherever the image is.
    pub(super) fn known(&self, image: &Digest) -> Option<Vec<f32>> {
        self.cache.as_ref()?.get(image)
    }

    /// Computes the features of images and hands each to `sink`, in their order. What cannot be
    /// used, `beforehand` included, is skipped and listed; with `--strict` it is the end.
    pub(super) fn run(
        &mut self,
        images: &[ImageFile],
        beforehand: &[Skipped],
        sink: impl FnMut(usize, FeatureRow) -> Result<(), CommandError>,
    ) -> Result<RunView, CommandError> {
        self.run_unless_known(images, beforehand, &mut Known::nothing(), sink)
    }

    /// The same, without reading the files that are `known`.
    pub(super) fn run_unless_known(
        &mut self,
        images: &[ImageFile],
        beforehand: &[Skipped],
        known: &mut Known,
        mut sink: impl FnMut(usize, FeatureRow) -> Result<(), CommandError>,
    ) -> Result<RunView, CommandError> {
        let started = Instant::now();
        let mut skipped = self.skip_files(beforehand)?;
        let cache = self.cache.as_ref();
        let bar = Bar::images(self.context, images.len());
        let at_hand = known.find(images, cache, self.context)?;
        let is_other = |at: &usize| !at_hand.contains_key(at);
        let others: Vec<usize> = (0..images.len()).filter(is_other).collect();
        let mut at_hand = at_hand.into_iter().peekable();
        let paths: Vec<PathBuf> = others.iter().map(|&at| images[at].path.clone()).collect();
        let (mut count, mut cached) = (0, 0);
        let (strict, report) = (self.run.strict, self.context.report());
        let mut deliver = |index: usize, result: Result<FeatureRow, Failure>| {
            bar.advance();
            let name = &images[index].name;
            match result {
                Ok(row) => {
                    count += 1;
                    if row.is_cached {
                        cached += 1;
                    } else if let Some(cache) = cache {
                        cache.insert(&row.sha256, &row.features)?;
                    }
                    known.note(index, &images[index], row.sha256);
                    sink(index, row)
                }
                Err(source) if strict => Err(CommandError::Image {
                    name: name.clone(),
                    source,
                }),
                Err(error) => {
                    let reason = with_causes(&error);
                    if skipped.len() < NAMED {
                        bar.aside(|| report.warn(&format!("skipped {name}: {reason}")));
                    }
                    skipped.push(SkippedView {
                        path: name.clone(),
                        reason,
                    });
                    Ok(())
                }
            }
        };
        let mut in_order = |index: usize, result: Result<FeatureRow, Failure>| {
            while let Some((at, digest)) = at_hand.next_if(|&(at, _)| at < index) {
                deliver(at, Ok(kept(cache, digest)?))?;
            }
            deliver(index, result)
        };
        let ended = match others.is_empty() {
            true => Ok(None),
            false => self
                .worker
                .embed(&self.files, &paths, cache, |place, result| {
                    in_order(others[place], result)
                })
                .map(Some),
        };
        // What was computed before an interruption need not be computed again.
        cache.map_or(Ok(()), FeatureCache::flush)?;
        let shape = ended.map_err(|error| match error {
            CommandError::Worker(WorkerError::Cancelled) => CommandError::Interrupted,
            other => other,
        })?;
        for (at, digest) in at_hand {
            deliver(at, Ok(kept(cache, digest)?))?;
        }
        drop(bar);
        known.save();
        self.context.check_interrupt()?;
        if count == 0 {
            return Err(CommandError::NoUsableImage {
                count: images.len(),
            });
        }
        warn_of_skipped(&skipped, count, report);
        Ok(RunView {
            images: count,
            cached,
            skipped,
            seconds: shape
                .map_or(started, |shape| shape.started)
                .elapsed()
                .as_secs_f64(),
            threads: shape.map_or(0, |shape| shape.threads),
            batch: shape.map_or(0, |shape| shape.batch),
        })
    }

    /// Files that are no images. One whose name does not claim to be one is nobody's loss.
    fn skip_files(&self, files: &[Skipped]) -> Result<Vec<SkippedView>, CommandError> {
        let mut skipped = Vec::new();
        for file in files {
            let (path, reason) = (file.path.display().to_string(), file.reason.to_string());
            if file.reason == SkipReason::NotAnImage {
                self.context
                    .report()
                    .detail(&format!("passed over {path}: {reason}"));
                continue;
            }
            if self.run.strict {
                return Err(CommandError::SkippedFile {
                    path: file.path.clone(),
                    reason,
                });
            }
            if skipped.len() < NAMED {
                self.context
                    .report()
                    .warn(&format!("skipped {path}: {reason}"));
            }
            skipped.push(SkippedView { path, reason });
        }
        Ok(skipped)
    }
}

/// Features that the cache has.
fn kept(cache: Option<&FeatureCache>, sha256: Digest) -> Result<FeatureRow, CommandError> {
    let features = cache.and_then(|cache| cache.get(&sha256));
    let features = features.ok_or_else(|| {
        let path = cache.map_or(Path::new("the cache"), FeatureCache::path);
        let source = io::Error::other("features that were there a moment ago are gone: try again");
        FileError::new("cannot read", path, source)
    })?;
    Ok(FeatureRow {
        sha256,
        features,
        is_cached: true,
    })
}

fn warn_of_skipped(skipped: &[SkippedView], used: usize, report: &Report) {
    if skipped.is_empty() {
        return;
    }
    let all = if skipped.len() > NAMED {
        "; --json names them all"
    } else {
        ""
    };
    let (count, files) = (skipped.len(), used + skipped.len());
    report.warn(&format!("{count} of {files} files were skipped{all}"));
}

impl RunView {
    /// Done, or some were skipped.
    pub(super) fn outcome(&self) -> Outcome {
        if self.skipped.is_empty() {
            Outcome::Done
        } else {
            Outcome::SomeSkipped
        }
    }

    /// What was run, in one line.
    pub(super) fn write_text(&self, page: &mut Page) -> std::fmt::Result {
        let rate = self.images as f64 / self.seconds.max(1e-3);
        let mut parts = vec![format!(
            "{} in {:.1} s ({rate:.1}/s)",
            self.images, self.seconds
        )];
        if self.cached > 0 {
            parts.push(format!("{} from the cache", self.cached));
        }
        if !self.skipped.is_empty() {
            parts.push(format!("{} SKIPPED", self.skipped.len()));
        }
        page.field("images", list(parts))
    }
}
