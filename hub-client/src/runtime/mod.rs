//! Running extractors: pictures in, features out.
//!
//! ```no_run
//! use std::path::Path;
//! use hub_client::runtime::{Extractor, ExtractorFiles, RuntimeOptions};
//! use hub_client::runtime::decode::{DecodeLimits, Picture};
//! # fn show(files: ExtractorFiles) -> Result<(), Box<dyn std::error::Error>> {
//! let mut extractor = Extractor::open(files, RuntimeOptions::default())?;
//! let picture = Picture::open(Path::new("cat.jpg"), &DecodeLimits::default())?;
//! let features = extractor.embed(&[picture])?;
//! assert_eq!(features.dim(), (1, extractor.dimension()));
//! # Ok(())
//! # }
//! ```
//!
//! All this happens in the process that calls it, with everything that process may do. What a rival
//! wrote is run through [`crate::worker`], which does the same in a confined process of its own.
//!
//! Why does `embed` take `&mut self`? A session must not run on two threads at once. An extractor
//! has a session for each of its lanes (see `plan.rs`) and spreads the pictures over them itself.

pub mod conformance;
pub mod decode;
mod error;
mod feed;
mod lane;
pub mod library;
pub mod pipeline;
mod plan;
pub mod preprocess;
pub mod session;
pub mod thumbnail;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::Array2;
use registry_schema::manifest::Output;
use registry_schema::preprocess::{Input, Layout};

use self::decode::{DecodeLimits, Picture};
pub use self::error::{ImageError, RuntimeError};
use self::lane::Lane;
use self::library::Library;
use self::plan::Plan;
use self::session::{Session, TensorInfo};

/// What an extractor promises about its input and output.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtractorSpec {
    /// From a picture to the tensor.
    pub input: Input,
    /// From the tensor to the features.
    pub output: Output,
}

/// What is needed to run an extractor.
#[derive(Clone, Debug)]
pub struct ExtractorFiles {
    /// The ONNX graph.
    pub graph: PathBuf,
    /// What it promises.
    pub spec: ExtractorSpec,
}

/// How to run an extractor; everything has a default.
#[derive(Clone, Debug, Default)]
pub struct RuntimeOptions {
    /// Threads for decoding and inference together; all cores when absent.
    pub threads: Option<NonZeroUsize>,
    /// Most pictures in one run of the graph.
    pub batch: Option<NonZeroUsize>,
    /// How much one picture may ask for.
    pub limits: DecodeLimits,
    /// The ONNX Runtime library, where [`Library::locate`] has found it already: a confined process
    /// could not look into the folder.
    pub library: Option<PathBuf>,
    /// `HUB_HOME`, where the library may be.
    pub home: Option<PathBuf>,
}

/// A loaded extractor, checked against what it promises.
pub struct Extractor {
    files: Arc<ExtractorFiles>,
    library: Library,
    plan: Plan,
    limits: DecodeLimits,
    /// The first has its session; the others open theirs by [`Extractor::open_lanes`] or when they first get work.
    lanes: Vec<Lane>,
}

impl Extractor {
    /// Loads the library and the graph, and compares the graph's inputs and outputs with the spec.
    ///
    /// # Errors
    /// [`RuntimeError`] for a missing library, a graph that does not load, and each difference
    /// between graph and spec, naming both sides.
    pub fn open(files: ExtractorFiles, options: RuntimeOptions) -> Result<Self, RuntimeError> {
        let files = Arc::new(files);
        let library = Library::load(options.library.as_deref(), options.home.as_deref())?;
        let mut plan = Plan::new(&files, &options);
        let session = Session::open(&library, &files.graph, plan.threads_of_lane(0))?;
        if check(&files.spec, &session)? == Batch::One {
            plan.run_one_by_one();
        }
        let mut lanes: Vec<Lane> = (0..plan.lanes())
            .map(|lane| Lane::new(&files, &library, &plan, lane))
            .collect();
        if let Some(first) = lanes.first_mut() {
            first.give(session);
        }
        Ok(Self {
            files,
            library,
            plan,
            limits: options.limits,
            lanes,
        })
    }

    /// Opens, all at the same time, as many sessions as so many pictures keep busy. Those that are
    /// missing when work comes are opened then, which takes the time of some pictures.
    ///
    /// # Errors
    /// [`RuntimeError::Session`], as in [`Self::open`].
    pub fn open_lanes(&mut self, pictures: usize) -> Result<(), RuntimeError> {
        let lanes = self.lanes_for(pictures);
        std::thread::scope(|scope| {
            let opening: Vec<_> = self.lanes[..lanes]
                .iter_mut()
                .map(|lane| scope.spawn(|| lane.open()))
                .collect();
            opening
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or(Err(RuntimeError::ThreadStopped)))
        })
    }

    /// Lanes that so many pictures keep busy.
    fn lanes_for(&self, pictures: usize) -> usize {
        let batches = pictures.div_ceil(self.plan.batch());
        batches.clamp(1, self.lanes.len())
    }

    /// Features of `pictures`, one row each: `[pictures.len(), dimension]`.
    ///
    /// # Errors
    /// [`RuntimeError::Picture`] names the first picture (by its place in the slice) that cannot be
    /// prepared or whose features are not finite; the others are as in [`Self::open`].
    pub fn embed(&mut self, pictures: &[Picture]) -> Result<Array2<f32>, RuntimeError> {
        let dimension = self.dimension();
        let mut features = Array2::zeros((pictures.len(), dimension));
        let rows = features.as_slice_mut().unwrap_or_default();
        let batch = self.plan.batch();
        let work = pictures
            .chunks(batch)
            .zip(rows.chunks_mut(batch * dimension))
            .enumerate();
        let work = Mutex::new(work);
        let next = || work.lock().unwrap_or_else(PoisonError::into_inner).next();
        let run = |lane: &mut Lane| -> Result<(), RuntimeError> {
            while let Some((number, (pictures, rows))) = next() {
                lane.embed(number * batch, pictures, rows)?;
            }
            Ok(())
        };
        let lanes = self.lanes_for(pictures.len());
        let (first, others) = self.lanes[..lanes].split_at_mut(1);
        std::thread::scope(|scope| {
            let others: Vec<_> = others
                .iter_mut()
                .map(|lane| scope.spawn(|| run(lane)))
                .collect();
            let mine = run(&mut first[0]);
            let theirs = others
                .into_iter()
                .map(|thread| thread.join().unwrap_or(Err(RuntimeError::ThreadStopped)));
            std::iter::once(mine)
                .chain(theirs)
                .collect::<Result<(), _>>()
        })?;
        Ok(features)
    }

    /// Length of one feature vector.
    pub fn dimension(&self) -> usize {
        self.files.spec.output.dimension as usize
    }

    /// What the extractor promises.
    pub fn spec(&self) -> &ExtractorSpec {
        &self.files.spec
    }

    /// The loaded ONNX Runtime library.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Threads at work, and pictures in one run of the graph, as decided for this machine.
    pub fn threads_and_batch(&self) -> (usize, usize) {
        (self.plan.threads(), self.plan.batch())
    }
}

/// How many pictures one run of the graph takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Batch {
    Any,
    One,
}

/// Compares what the graph declares with what the spec promises.
fn check(spec: &ExtractorSpec, session: &Session) -> Result<Batch, RuntimeError> {
    let input = &spec.input;
    let (channels, height, width) = (input.channels(), input.height, input.width);
    let sides = match input.layout {
        Layout::Nchw => [channels, height, width],
        Layout::Nhwc => [height, width, channels],
    };
    let dimension = [spec.output.dimension];
    let inputs = check_tensor("input", session.inputs(), &input.tensor, &sides)?;
    if let [_, other, ..] = session.inputs() {
        let graph = format!("{} inputs, such as {other}", session.inputs().len());
        let spec = format!("one input, `{}`", input.tensor);
        return Err(RuntimeError::Mismatch {
            what: "input",
            graph,
            spec,
        });
    }
    let outputs = check_tensor("output", session.outputs(), &spec.output.tensor, &dimension)?;
    if inputs == Batch::One || outputs == Batch::One {
        Ok(Batch::One)
    } else {
        Ok(Batch::Any)
    }
}

/// The tensor named `name` must be f32, with any batch or a batch of one, then `sides`.
fn check_tensor(
    what: &'static str,
    tensors: &[TensorInfo],
    name: &str,
    sides: &[u32],
) -> Result<Batch, RuntimeError> {
    let text: Vec<String> = sides.iter().map(u32::to_string).collect();
    let spec = format!("`{name}` f32[batch, {}]", text.join(", "));
    let Some(tensor) = tensors.iter().find(|tensor| tensor.name == name) else {
        let names: Vec<String> = tensors.iter().map(TensorInfo::to_string).collect();
        let graph = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        return Err(RuntimeError::Mismatch { what, graph, spec });
    };
    let mismatch = || RuntimeError::Mismatch {
        what,
        graph: tensor.to_string(),
        spec: spec.clone(),
    };
    let Some((batch, rest)) = tensor.dimensions.split_first() else {
        return Err(mismatch());
    };
    let fits = rest.len() == sides.len()
        && rest
            .iter()
            .zip(sides)
            .all(|(found, &side)| found.is_none_or(|f| f == u64::from(side)));
    match batch {
        _ if !fits || tensor.element != "f32" => Err(mismatch()),
        None => Ok(Batch::Any),
        Some(1) => Ok(Batch::One),
        Some(_) => Err(mismatch()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
