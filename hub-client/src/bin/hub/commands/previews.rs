//! Small pictures for the pages that commands write.

use std::path::Path;

use hub_client::evaluation_page::EvaluationPage;
use hub_client::files::Destination;
use hub_client::runtime::thumbnail::Thumbnail;
use hub_client::worker::{Worker, WorkerError};

use crate::error::CommandError;

/// Small versions of files, made by a confined process; none of a file that cannot be read as a picture.
pub(super) fn previews(
    worker: &Worker,
    paths: &[&Path],
) -> Result<Vec<Option<Thumbnail>>, CommandError> {
    worker.thumbnails(paths).map_err(|error| match error {
        WorkerError::Cancelled => CommandError::Interrupted,
        other => other.into(),
    })
}

/// Writes a page, with small pictures made by a confined process.
pub(super) fn write_page(
    page: &EvaluationPage,
    destination: &Destination,
    worker: &Worker,
) -> Result<(), CommandError> {
    page.write(destination, |paths| previews(worker, paths))
}
