//! The worker's side: confined before it opens what a rival wrote.

use std::io::{self, BufRead, BufWriter, Read, StdinLock, StdoutLock, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use registry_schema::digest::Digest;

use super::error::Failure;
use super::process::ARGUMENT;
use super::scoring::{ExportedForm, Scorer};
use super::wire::{
    Answer, ExtractorPart, Features, Request, Row, SIZES_BYTES, Scored, Sizes, Task, VERSION,
    WirePath,
};
use crate::confine::{Needs, confine, end_with_parent};
use crate::explore::over_blocks;
use crate::features::FeatureCache;
use crate::runtime::conformance::probe_vectors;
use crate::runtime::decode::DecodeLimits;
use crate::runtime::library::Library;
use crate::runtime::pipeline::{self, Lookup, Pictures};
use crate::runtime::session::Session;
use crate::runtime::thumbnail::Thumbnail;
use crate::runtime::{Extractor, RuntimeError, RuntimeOptions};

/// Small pictures that are made before the first of them is said.
const THUMBNAILS_AT_A_TIME: usize = 64;

/// When this process was started to run an extractor, does that and returns its exit code. Called
/// first in `main`, before any other thread is there.
pub fn serve_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let is_asked = arguments.next()? == ARGUMENT && arguments.next().is_none();
    is_asked.then(|| match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever started this process reads both pipes; when they are gone there is nobody to tell.
            let _: io::Result<()> = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    })
}

fn serve() -> io::Result<()> {
    end_with_parent();
    // 1. what to do, from the process that started this one
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    input.read_until(b'\n', &mut line)?;
    let request: Request = serde_json::from_slice(&line)?;
    drop(line);
    let mut out = Out(BufWriter::new(io::stdout().lock()));
    // 2. confined, before anything of the extractor is opened
    let home = request.home.clone().map(WirePath::into_path);
    let library = match &request.task {
        Task::Thumbnails { .. } => None,
        // A library that is not where it should be is an error when it is loaded.
        _ => Library::locate(home.as_deref()).ok().flatten(),
    };
    let needs = needs(&request, library.as_deref());
    let options = RuntimeOptions {
        threads: request.threads,
        batch: request.batch,
        limits: DecodeLimits {
            pixels: request.pixels,
            file_bytes: request.file_bytes,
        },
        library,
        home,
    };
    let cache = open_cache(&request.task);
    let confinement = confine(&needs, &request.limits);
    out.say(&Answer::Confined {
        v: VERSION,
        confinement,
    })?;
    // 3. the task
    let done = match request.task {
        Task::Library => load_library(&options, &mut out),
        Task::Probes {
            extractor,
            names,
            images,
        } => run_probes(extractor, options, (names, images), &mut out),
        Task::Embed {
            extractor, images, ..
        } => embed(extractor, options, images, cache.as_ref(), &mut out),
        Task::Stay { extractor } => stay(extractor, options, &mut input, &mut out),
        Task::Score {
            graph,
            file,
            features,
            images,
        } => score(
            &graph.into_path(),
            &file,
            &options,
            (features, images),
            &mut out,
        ),
        Task::Tensors {
            graph,
            input,
            shape,
            outputs,
        } => tensors(
            &graph.into_path(),
            (&input, shape),
            &outputs,
            &options,
            &mut out,
        ),
        Task::Thumbnails { images, side } => make_thumbnails(images, side, &options, &mut out),
    };
    match done {
        Ok(()) => out.say(&Answer::Done),
        Err(Stopped::Runtime(error)) => out.say(&Answer::Failed(Failure::of_runtime(&error))),
        Err(Stopped::Pipe(error)) => Err(error),
    }
}

/// What must be readable: the graph, the pictures, the runtime library and those it needs.
fn needs(request: &Request, library: Option<&Path>) -> Needs {
    let mut files = library.map_or_else(Vec::new, with_neighbours);
    let (graph, images) = match &request.task {
        Task::Library => (None, [].as_slice()),
        Task::Thumbnails { images, .. } => (None, images.as_slice()),
        Task::Probes {
            extractor, images, ..
        }
        | Task::Embed {
            extractor, images, ..
        } => (Some(extractor.graph()), images.as_slice()),
        Task::Stay { extractor } => (Some(extractor.graph()), [].as_slice()),
        Task::Score { graph, images, .. } => (Some(graph.clone().into_path()), images.as_slice()),
        Task::Tensors { graph, .. } => (Some(graph.clone().into_path()), [].as_slice()),
    };
    files.extend(graph);
    files.extend(images.iter().cloned().map(WirePath::into_path));
    let folders = std::env::var_os("LD_LIBRARY_PATH")
        .map(|list| {
            std::env::split_paths(&list)
                .filter(|folder| folder.is_absolute())
                .collect()
        })
        .unwrap_or_default();
    Needs { files, folders }
}

/// A library and the shared libraries beside it, where it looks for its own; not the whole folder,
/// which may be somebody's home.
fn with_neighbours(library: &Path) -> Vec<PathBuf> {
    let mut files = vec![library.to_owned()];
    let real = library.canonicalize().ok();
    for folder in [Some(library), real.as_deref()]
        .into_iter()
        .flatten()
        .filter_map(Path::parent)
    {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let is_library = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.ends_with(".so") || name.contains(".so.")
        };
        files.extend(entries.map(|entry| entry.path()).filter(is_library));
    }
    files
}

/// A cache that cannot be read knows nothing.
fn open_cache(task: &Task) -> Option<FeatureCache> {
    match task {
        Task::Embed {
            extractor,
            cache: Some(path),
            ..
        } => FeatureCache::open_to_read(&path.clone().into_path(), extractor.dimension()).ok(),
        _ => None,
    }
}

fn load_library(options: &RuntimeOptions, out: &mut Out<'_>) -> Result<(), Stopped> {
    let library = Library::load(options.library.as_deref(), options.home.as_deref())
        .map_err(RuntimeError::from)?;
    out.say(&Answer::Library {
        path: library.path().into(),
        build: library.build_info().to_owned(),
    })?;
    Ok(())
}

fn run_probes(
    extractor: ExtractorPart,
    options: RuntimeOptions,
    (names, images): (Vec<String>, Vec<WirePath>),
    out: &mut Out<'_>,
) -> Result<(), Stopped> {
    let mut extractor = open(extractor, options, images.len(), out)?;
    let images = images.into_iter().map(WirePath::into_path);
    let probes = names.into_iter().zip(images).collect();
    let vectors = probe_vectors(&mut extractor, &probes)?;
    for (index, features) in vectors.vectors.values().enumerate() {
        let features = Features::new(features);
        out.say(&Answer::Vector { index, features })?;
    }
    Ok(())
}

fn embed(
    extractor: ExtractorPart,
    options: RuntimeOptions,
    images: Vec<WirePath>,
    cache: Option<&FeatureCache>,
    out: &mut Out<'_>,
) -> Result<(), Stopped> {
    let mut extractor = open(extractor, options, images.len(), out)?;
    let paths: Vec<PathBuf> = images.into_iter().map(WirePath::into_path).collect();
    let known = |digest: &Digest| cache?.get(digest);
    say_features(&mut extractor, Pictures::Files(&paths), Some(&known), out)
}

/// Until the pipe ends.
fn stay(
    extractor: ExtractorPart,
    options: RuntimeOptions,
    input: &mut StdinLock<'_>,
    out: &mut Out<'_>,
) -> Result<(), Stopped> {
    let mut extractor = open(extractor, options, usize::MAX, out)?;
    let mut bytes = Vec::new();
    while let Some(sizes) = read_pictures(input, &mut bytes)? {
        let mut rest = bytes.as_slice();
        let mut pictures = Vec::with_capacity(sizes.len());
        for size in sizes {
            let (picture, others) = rest.split_at(size);
            pictures.push(picture);
            rest = others;
        }
        say_features(&mut extractor, Pictures::Encoded(&pictures), None, out)?;
        // What unusually large pictures needed is given back.
        drop(std::mem::take(&mut bytes));
    }
    Ok(())
}

/// Reads pictures one behind the other into `bytes`; their sizes, or none at the end of the pipe.
fn read_pictures(
    input: &mut impl BufRead,
    bytes: &mut Vec<u8>,
) -> Result<Option<Vec<usize>>, io::Error> {
    let mut line = Vec::new();
    input.take(SIZES_BYTES).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    let announced: Sizes = serde_json::from_slice(&line)?;
    if !announced.is_bearable() {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let sizes = announced.sizes.iter().map(|&size| usize::try_from(size));
    let sizes: Vec<usize> = sizes.collect::<Result<_, _>>().map_err(io::Error::other)?;
    bytes.resize(sizes.iter().sum(), 0);
    input.read_exact(bytes)?;
    Ok(Some(sizes))
}

fn say_features(
    extractor: &mut Extractor,
    pictures: Pictures<'_>,
    known: Option<Lookup<'_>>,
    out: &mut Out<'_>,
) -> Result<(), Stopped> {
    // Whoever wants it to stop kills this process, which leaves nothing behind.
    let never = AtomicBool::new(false);
    pipeline::run(extractor, pictures, known, &never, |index, result| {
        let answer = match result {
            Ok(row) => Answer::Row(Row::new(index, &row)),
            Err(error) => Answer::Skipped {
                index,
                failure: Failure::of_image(&error),
            },
        };
        out.say(&answer)?;
        Ok::<_, Stopped>(())
    })
}

fn score(
    graph: &Path,
    form: &ExportedForm,
    options: &RuntimeOptions,
    (features, images): (Vec<Features>, Vec<WirePath>),
    out: &mut Out<'_>,
) -> Result<(), Stopped> {
    let mut scorer = Scorer::open(graph, form, options)?;
    out.say(&Answer::Ready {
        threads: scorer.threads(),
        batch: 1,
    })?;
    for (index, row) in features.into_iter().enumerate() {
        let row = row.into_any_values().map_err(io::Error::other)?;
        let scores = scorer.features(&row)?;
        out.say(&Answer::Scored(Scored::new(index, &scores)))?;
    }
    for (index, image) in images.into_iter().enumerate() {
        let scores = scorer.picture(index, &image.into_path())?;
        out.say(&Answer::Scored(Scored::new(index, &scores)))?;
    }
    Ok(())
}

/// Runs a graph once, to see what its outputs are.
fn tensors(
    graph: &Path,
    (input, shape): (&str, [usize; 4]),
    outputs: &[String],
    options: &RuntimeOptions,
    out: &mut Out<'_>,
) -> Result<(), Stopped> {
    let library = Library::load(options.library.as_deref(), options.home.as_deref())
        .map_err(RuntimeError::from)?;
    let threads = options.threads.map_or(1, NonZeroUsize::get);
    let mut session = Session::open(&library, graph, threads).map_err(RuntimeError::from)?;
    let found = session.results(input, shape, outputs);
    for (index, tensor) in found.map_err(RuntimeError::from)?.into_iter().enumerate() {
        let (element, dimensions) = (tensor.element, tensor.dimensions);
        out.say(&Answer::Tensor {
            index,
            element,
            dimensions,
        })?;
    }
    Ok(())
}

/// In pieces, so that no more than one waits in memory.
fn make_thumbnails(
    images: Vec<WirePath>,
    side: u32,
    options: &RuntimeOptions,
    out: &mut Out<'_>,
) -> Result<(), Stopped> {
    let paths: Vec<PathBuf> = images.into_iter().map(WirePath::into_path).collect();
    let threads = options.threads.unwrap_or(NonZeroUsize::MIN);
    for (piece, paths) in paths.chunks(THUMBNAILS_AT_A_TIME).enumerate() {
        let work = |made: &mut Vec<(usize, Option<Thumbnail>)>, index: usize| {
            made.push((
                index,
                Thumbnail::of_file(&paths[index], side, &options.limits),
            ));
        };
        let mut made = over_blocks(paths.len(), threads, Vec::new, work).concat();
        made.sort_unstable_by_key(|&(index, _)| index);
        for (index, thumbnail) in made {
            let index = piece * THUMBNAILS_AT_A_TIME + index;
            out.say(&match thumbnail {
                Some(thumbnail) => Answer::Thumbnail {
                    index,
                    jpeg: thumbnail.into_text(),
                },
                None => Answer::NoThumbnail { index },
            })?;
        }
    }
    Ok(())
}

fn open(
    extractor: ExtractorPart,
    options: RuntimeOptions,
    pictures: usize,
    out: &mut Out<'_>,
) -> Result<Extractor, Stopped> {
    let mut extractor = Extractor::open(extractor.into_files(), options)?;
    extractor.open_lanes(pictures)?;
    let (threads, batch) = extractor.threads_and_batch();
    out.say(&Answer::Ready { threads, batch })?;
    Ok(extractor)
}

/// The pipe to the process that started this one.
struct Out<'a>(BufWriter<StdoutLock<'a>>);

impl Out<'_> {
    fn say(&mut self, answer: &Answer) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, answer)?;
        self.0.write_all(b"\n")?;
        self.0.flush()
    }
}

/// Why a task ended early.
enum Stopped {
    Runtime(RuntimeError),
    /// Nobody listens any more.
    Pipe(io::Error),
}

impl From<RuntimeError> for Stopped {
    fn from(error: RuntimeError) -> Self {
        Self::Runtime(error)
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Pipe(error)
    }
}
