//! The only door through which this crate writes files.
//!
//! A file appears whole or not at all: it is written beside its place, synced, then renamed, and
//! the folder is synced so that the rename survives a power cut. Folders are 0700 and files 0600,
//! because what lies under `HUB_HOME` is private. A file at a path that the user names replaces another
//! only when the user says so ([`Destination`]).

mod atomic;
mod destination;
mod error;
mod folders;
mod held;
mod read;
mod shared;
mod staged;
mod work;

pub use atomic::{AtomicFile, write_atomic, write_new, write_remade};
pub use destination::{Destination, Existing};
pub use error::FileError;
pub use folders::{create_private_dir, remove, remove_dir, rename, scratch_dir, sync_folder_of};
pub use held::{FileLock, is_still, open_read_write};
pub use read::{digest, digest_of_file, read_limited, read_start};
pub use shared::SharedFile;
pub use staged::StagedFolder;
pub use work::WorkFolder;
