//! Files that are written where the user says.

use std::path::Path;

use clap::Args;
use hub_client::files::{Destination, Existing, FileError};

/// Whether a file may take the place of one that is there.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct WriteArgs {
    /// Replace the file that is written when it is there already
    #[arg(long)]
    pub(crate) force: bool,
}

impl WriteArgs {
    /// A file's place, to be asked for before anything slow is done for it.
    pub(crate) fn destination(self, path: &Path) -> Result<Destination, FileError> {
        let existing = match self.force {
            true => Existing::Replace,
            false => Existing::Keep,
        };
        Destination::new(path, existing)
    }

    /// The same where a file is only written when it is asked for.
    pub(crate) fn page(self, path: Option<&Path>) -> Result<Option<Destination>, FileError> {
        path.map(|path| self.destination(path)).transpose()
    }
}
