//! Exported graphs are written together with what is known of how they are run.

use std::io::{Read, Seek, Write};

use registry_schema::preprocess::Input;

use super::{ExportedForm, ExportedInput};
use crate::head::export::{
    ExportError, ExportMetadata, ExtractorGraph, FEATURES, LinearHead, write_fused_onnx,
    write_head_onnx,
};

impl ExportedForm {
    /// Writes a head alone, which takes features.
    ///
    /// # Errors
    /// As [`write_head_onnx`].
    pub fn write_head(
        head: &LinearHead<'_>,
        metadata: &ExportMetadata<'_>,
        file: &mut impl Write,
    ) -> Result<Self, ExportError> {
        Ok(Self {
            outputs: write_head_onnx(head, metadata, file)?,
            input: ExportedInput::Features {
                name: FEATURES.to_owned(),
            },
            classes: head.classes.len(),
        })
    }

    /// Writes an extractor with the head behind it. It takes the tensor that the preprocessing makes or, when
    /// `takes_image`, has the preprocessing in front and takes a decoded image.
    ///
    /// # Errors
    /// As [`write_fused_onnx`].
    pub fn write_fused(
        graph: ExtractorGraph<'_, impl Read + Seek>,
        (preprocessing, takes_image): (&Input, bool),
        head: &LinearHead<'_>,
        metadata: &ExportMetadata<'_>,
        file: &mut impl Write,
    ) -> Result<Self, ExportError> {
        let front = takes_image.then_some(preprocessing);
        let fused = write_fused_onnx(graph, front, head, metadata, file)?;
        let preprocessing = preprocessing.clone();
        Ok(Self {
            input: match fused.image {
                Some(name) => ExportedInput::Image {
                    name,
                    preprocessing,
                },
                None => ExportedInput::Tensor(preprocessing),
            },
            outputs: fused.outputs,
            classes: head.classes.len(),
        })
    }
}
