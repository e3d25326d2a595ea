//! What a picture is before its size changes.

use registry_schema::preprocess::Color;

use super::{PrepareError, Preprocessor};
use crate::runtime::decode::Picture;

/// An RGB picture without alpha, as an eye would see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upright {
    /// `height · width · 3` samples.
    pub samples: Vec<u8>,
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
}

impl Preprocessor {
    /// The picture after the steps up to the alpha, as an RGB picture: rows from the top, three
    /// samples a pixel. This is what an exported graph with the whole preprocessing begins with.
    ///
    /// # Errors
    /// [`PrepareError::PictureLength`].
    pub fn upright(&self, picture: &Picture) -> Result<Upright, PrepareError> {
        let (mut turned, mut flat) = (Vec::new(), Vec::new());
        let source = self.orient(picture, &mut turned)?;
        let source = self.flatten(source, Color::Rgb, &mut flat);
        let samples = match source.channels {
            1 => source.samples.iter().flat_map(|&gray| [gray; 3]).collect(),
            _ => source.samples.to_vec(),
        };
        Ok(Upright {
            samples,
            width: source.width,
            height: source.height,
        })
    }
}
