//! Small versions of pictures, made where a picture that was made to harm can do none.

use std::path::Path;

use super::wire::{Answer, Task};
use super::{Worker, WorkerError, incomplete, limits, unexpected};
use crate::runtime::thumbnail::{SIDE, Thumbnail};

impl Worker {
    /// Makes small versions of the files at `paths`, at most 160 pixels a side, in their order; none of a
    /// file that cannot be read as a picture. No extractor and no runtime library is needed.
    ///
    /// # Errors
    /// [`WorkerError`].
    pub fn thumbnails<P: AsRef<Path>>(
        &self,
        paths: &[P],
    ) -> Result<Vec<Option<Thumbnail>>, WorkerError> {
        self.pictures(paths, SIDE)
    }

    /// The same at most `side` pixels a side.
    ///
    /// # Errors
    /// [`WorkerError`].
    pub fn pictures<P: AsRef<Path>>(
        &self,
        paths: &[P],
        side: u32,
    ) -> Result<Vec<Option<Thumbnail>>, WorkerError> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let images = paths.iter().map(Into::into).collect();
        let request = self.request(Task::Thumbnails { images, side }, limits::of_pictures());
        let mut made = Vec::with_capacity(paths.len());
        self.run(&request, None, |answer| {
            let (index, thumbnail) = match answer {
                Answer::Confined { .. } => return Ok(()),
                Answer::NoThumbnail { index } => (index, None),
                Answer::Thumbnail { index, jpeg } => {
                    let reason = "a small picture that is none".to_owned();
                    let thumbnail = Thumbnail::parse(jpeg).ok_or(WorkerError::Answer { reason })?;
                    (index, Some(thumbnail))
                }
                other => return Err(unexpected(&other)),
            };
            if index != made.len() || index >= paths.len() {
                let reason = format!("picture {index} where {} was due", made.len());
                return Err(WorkerError::Answer { reason });
            }
            made.push(thumbnail);
            Ok(())
        })?;
        if made.len() == paths.len() {
            Ok(made)
        } else {
            Err(incomplete())
        }
    }
}
