//! Inspecting a release's files and its graph against its manifest: one definition for publisher,
//! server and puller. Nothing is run.

use std::io::{Read, Seek};

use crate::content::{self, ContentError};
use crate::digest::Digest;
use crate::limits;
use crate::manifest::{GRAPH_FILE, Manifest, STATISTICS_FILE, Statistics, StatisticsError};
use crate::onnx::{
    ChannelLayout, ControlFlow, Inspection, InspectionPolicy, OnnxError, TensorExpectation,
    check_against, inspect,
};
use crate::preprocess::Layout;

/// Inspects a file of a release, of `size_bytes` bytes from the reader's start on; of a graph, what was
/// found is returned. `graph` is the digest of the release's graph; statistics must be of its features.
///
/// # Errors
/// [`RefusedFile`] with the first reason to refuse it.
pub fn inspect_file<R: Read + Seek>(
    path: &str,
    mut reader: R,
    size_bytes: u64,
    manifest: &Manifest,
    graph: Option<&Digest>,
) -> Result<Option<Inspection>, RefusedFile> {
    content::check(path, &mut reader)?;
    let is_statistics = path == STATISTICS_FILE;
    if !path.ends_with(".onnx") && !is_statistics {
        return Ok(None);
    }
    let unread = |source| ContentError::Read {
        path: path.to_owned(),
        source,
    };
    reader.rewind().map_err(unread)?;
    if is_statistics {
        let mut bytes = Vec::new();
        let mut limited = reader.take(limits::STATISTICS_BYTES + 1);
        limited.read_to_end(&mut bytes).map_err(unread)?;
        let statistics = Statistics::parse(&bytes, manifest)?;
        if graph != Some(&statistics.graph) {
            let what = "`model.onnx`";
            return Err(StatisticsError::Other { what }.into());
        }
        return Ok(None);
    }
    let inspected = if path == GRAPH_FILE {
        inspect_graph(reader, size_bytes, manifest)
    } else {
        inspect(reader, size_bytes, &InspectionPolicy::default())
    };
    inspected.map(Some).map_err(|source| RefusedFile::Graph {
        path: path.to_owned(),
        source,
    })
}

/// A file that no release may have.
#[derive(Debug, thiserror::Error)]
pub enum RefusedFile {
    /// A program, an archive, a picture or text that is none, or another kind than its name says.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// Statistics of images.
    #[error(transparent)]
    Statistics(#[from] StatisticsError),
    /// A graph.
    #[error("`{path}` is refused")]
    Graph {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: OnnxError,
    },
}

/// Inspects the ONNX file of `size_bytes` bytes at the reader's position without running it, and
/// compares its input and output with what the manifest says.
///
/// # Errors
/// [`OnnxError`] with the first reason to refuse it.
pub fn inspect_graph<R: Read + Seek>(
    reader: R,
    size_bytes: u64,
    manifest: &Manifest,
) -> Result<Inspection, OnnxError> {
    let control_flow = if manifest.graph.control_flow {
        ControlFlow::Allowed
    } else {
        ControlFlow::Refused
    };
    let policy = InspectionPolicy {
        control_flow,
        ..InspectionPolicy::default()
    };
    let inspection = inspect(reader, size_bytes, &policy)?;
    let input = &manifest.input;
    let expectation = TensorExpectation {
        input_name: Some(input.tensor.clone()),
        channels: input.channels().into(),
        height: input.height.into(),
        width: input.width.into(),
        layout: match input.layout {
            Layout::Nchw => ChannelLayout::Nchw,
            Layout::Nhwc => ChannelLayout::Nhwc,
        },
        output_name: manifest.output.tensor.clone(),
        dimension: manifest.output.dimension.into(),
    };
    check_against(&inspection, &expectation)?;
    Ok(inspection)
}
