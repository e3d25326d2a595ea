//! One loaded graph. The only place that speaks to ONNX Runtime besides `library.rs`.

use std::path::{Path, PathBuf};

use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};

use super::library::Library;

/// A graph that is ready to run. `run` takes `&mut self`, so each thread has a session of its own,
/// and with it a copy of the weights.
pub struct Session {
    inner: ort::session::Session,
    path: PathBuf,
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
}

impl Session {
    /// Loads the graph at `path`, to run on `threads` threads.
    ///
    /// All graph optimisations are on, no operator library is registered, and kernels that trade
    /// reproducibility for speed are off. Threads sleep between runs instead of spinning, because
    /// decoding shares the cores.
    ///
    /// # Errors
    /// [`SessionError::Open`] with the library's own words: an unknown opset or operator, a damaged
    /// file.
    pub fn open(library: &Library, path: &Path, threads: usize) -> Result<Self, SessionError> {
        let failed = |reason: String| SessionError::Open {
            path: path.to_owned(),
            reason,
        };
        let inner = configure(library, threads)
            .map_err(failed)?
            .commit_from_file(path)
            .map_err(|error| failed(error.to_string()))?;
        let describe = |outlets: &[Outlet]| outlets.iter().map(TensorInfo::new).collect();
        let (inputs, outputs) = (describe(inner.inputs()), describe(inner.outputs()));
        Ok(Self {
            inner,
            path: path.to_owned(),
            inputs,
            outputs,
        })
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The graph's inputs.
    pub fn inputs(&self) -> &[TensorInfo] {
        &self.inputs
    }

    /// The graph's outputs.
    pub fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    /// Runs the graph on `samples` of shape `shape` at the input named `input`, and writes the
    /// output named `output`, of shape `[shape[0], features.len() / shape[0]]`, to `features`.
    ///
    /// # Errors
    /// [`SessionError::Run`] with the library's own words, [`SessionError::OutputShape`] when the
    /// output has another shape.
    pub fn run(
        &mut self,
        (input, shape, samples): (&str, [usize; 4], &[f32]),
        output: &str,
        features: &mut [f32],
    ) -> Result<(), SessionError> {
        let path = &self.path;
        let failed = |reason: String| SessionError::Run {
            path: path.clone(),
            reason,
        };
        let tensor = TensorRef::from_array_view((shape, samples))
            .map_err(|error| failed(error.to_string()))?;
        let outputs = self
            .inner
            .run(ort::inputs![input => tensor])
            .map_err(|error| failed(error.to_string()))?;
        let value = outputs
            .get(output)
            .ok_or_else(|| failed(format!("there is no output `{output}`")))?;
        let (found, values) = value
            .try_extract_tensor::<f32>()
            .map_err(|error| failed(error.to_string()))?;
        let expected = [shape[0], features.len() / shape[0].max(1)];
        let fits = found.len() == 2
            && found
                .iter()
                .zip(expected)
                .all(|(&found, expected)| usize::try_from(found) == Ok(expected));
        if !fits {
            let found = found.to_vec();
            return Err(SessionError::OutputShape {
                path: path.clone(),
                found,
                expected,
            });
        }
        features.copy_from_slice(values);
        Ok(())
    }
}

impl Session {
    /// Runs the graph on `samples` of shape `shape` at the input named `input`, and returns the outputs named with the
    /// number of their values.
    ///
    /// # Errors
    /// [`SessionError::Run`] with the library's own words, also for another type; [`SessionError::OutputShape`] when an
    /// output has another number of values.
    pub fn evaluate(
        &mut self,
        (input, shape, samples): (&str, &[usize], Samples<'_>),
        outputs: &[(&str, usize)],
    ) -> Result<Vec<Values>, SessionError> {
        let path = &self.path;
        let failed = |reason: String| SessionError::Run {
            path: path.clone(),
            reason,
        };
        let broken = |error: ort::Error| failed(error.to_string());
        let shape = shape.to_vec();
        let inputs = match samples {
            Samples::Floats(values) => {
                ort::inputs![input => TensorRef::from_array_view((shape, values)).map_err(broken)?]
            }
            Samples::Bytes(values) => {
                ort::inputs![input => TensorRef::from_array_view((shape, values)).map_err(broken)?]
            }
        };
        let found = self.inner.run(inputs).map_err(broken)?;
        let read = |&(name, count): &(&str, usize)| {
            let value = found
                .get(name)
                .ok_or_else(|| failed(format!("there is no output `{name}`")))?;
            let is_bool = value.dtype().tensor_type() == Some(TensorElementType::Bool);
            let (shape, values) = if is_bool {
                let (shape, values) = value.try_extract_tensor::<bool>().map_err(broken)?;
                (shape.to_vec(), Values::Booleans(values.to_vec()))
            } else {
                let (shape, values) = value.try_extract_tensor::<f32>().map_err(broken)?;
                (shape.to_vec(), Values::Floats(values.to_vec()))
            };
            if values.len() != count {
                return Err(SessionError::OutputShape {
                    path: path.clone(),
                    found: shape,
                    expected: [1, count],
                });
            }
            Ok(values)
        };
        outputs.iter().map(read).collect()
    }
}

impl Session {
    /// Runs the graph once on numbers of shape `shape` at the input named `input`, and says what the outputs named are.
    ///
    /// # Errors
    /// [`SessionError::Run`] with the library's own words.
    pub fn results(
        &mut self,
        input: &str,
        shape: [usize; 4],
        outputs: &[String],
    ) -> Result<Vec<FoundTensor>, SessionError> {
        let path = &self.path;
        let failed = |reason: String| SessionError::Run {
            path: path.clone(),
            reason,
        };
        // Numbers of all sizes up to 1, and none twice in a row.
        let count = shape.iter().product();
        let ramp = (0_u16..=250).map(|step| f32::from(step) / 125.0 - 1.0);
        let samples: Vec<f32> = ramp.cycle().take(count).collect();
        let tensor = TensorRef::from_array_view((shape, samples.as_slice()))
            .map_err(|error| failed(error.to_string()))?;
        let found = self
            .inner
            .run(ort::inputs![input => tensor])
            .map_err(|error| failed(error.to_string()))?;
        let describe = |name: &String| {
            let value = found
                .get(name)
                .ok_or_else(|| failed(format!("there is no output `{name}`")))?;
            Ok(FoundTensor::new(value.dtype()))
        };
        outputs.iter().map(describe).collect()
    }
}

/// An output of a graph that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTensor {
    /// The type of its elements, in ONNX Runtime's words, such as `f32`.
    pub element: String,
    /// Its sides; none when it is no tensor.
    pub dimensions: Vec<u64>,
}

impl FoundTensor {
    fn new(found: &ValueType) -> Self {
        match found {
            ValueType::Tensor { ty, shape, .. } => Self {
                element: ty.to_string(),
                dimensions: shape
                    .iter()
                    .map(|&side| u64::try_from(side).unwrap_or(0))
                    .collect(),
            },
            other => Self {
                element: other.to_string(),
                dimensions: Vec::new(),
            },
        }
    }
}

/// What goes into a graph.
#[derive(Clone, Copy, Debug)]
pub enum Samples<'a> {
    /// Numbers.
    Floats(&'a [f32]),
    /// Samples of a picture.
    Bytes(&'a [u8]),
}

/// What comes out of a graph.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Numbers.
    Floats(Vec<f32>),
    /// Truths.
    Booleans(Vec<bool>),
}

impl Values {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Floats(values) => values.len(),
            Self::Booleans(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn configure(library: &Library, threads: usize) -> Result<SessionBuilder, String> {
    let build = || -> ort::Result<SessionBuilder> {
        let builder = ort::session::Session::builder(&library.environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(threads.max(1))?
            .with_inter_threads(1)?
            .with_parallel_execution(false)?
            .with_deterministic_compute(true)?
            .with_intra_op_spinning(false)?
            .with_inter_op_spinning(false)?;
        Ok(builder)
    };
    build().map_err(|error| error.to_string())
}

/// Name, type and shape of an input or output, as the graph declares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// The type of its elements, in ONNX Runtime's words, such as `f32`.
    pub element: String,
    /// Its sides; `None` where any length is allowed.
    pub dimensions: Vec<Option<u64>>,
}

impl TensorInfo {
    fn new(outlet: &Outlet) -> Self {
        let (element, dimensions) = match outlet.dtype() {
            ValueType::Tensor {
                ty: TensorElementType::Float32,
                shape,
                ..
            } => (
                "f32".to_owned(),
                shape.iter().map(|&side| u64::try_from(side).ok()).collect(),
            ),
            other => (other.to_string(), Vec::new()),
        };
        Self {
            name: outlet.name().to_owned(),
            element,
            dimensions,
        }
    }
}

impl std::fmt::Display for TensorInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side =
            |side: &Option<u64>| side.map_or_else(|| "?".to_owned(), |side| side.to_string());
        let dimensions: Vec<String> = self.dimensions.iter().map(side).collect();
        write!(
            f,
            "`{}` {}[{}]",
            self.name,
            self.element,
            dimensions.join(", ")
        )
    }
}

/// Why a graph did not load or run.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SessionError {
    /// ONNX Runtime does not take it.
    #[error("ONNX Runtime cannot load {}: {reason}", .path.display())]
    Open {
        /// The graph.
        path: PathBuf,
        /// What the library said.
        reason: String,
    },
    /// It failed on the way.
    #[error("ONNX Runtime failed on {}: {reason}", .path.display())]
    Run {
        /// The graph.
        path: PathBuf,
        /// What the library said.
        reason: String,
    },
    /// What came out has another shape than promised.
    #[error("{} gave an output of shape {found:?} where {expected:?} was promised", .path.display())]
    OutputShape {
        /// The graph.
        path: PathBuf,
        /// The shape that came out.
        found: Vec<i64>,
        /// Pictures and dimension.
        expected: [usize; 2],
    },
}
