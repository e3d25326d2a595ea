//! A pack taken apart again, as somebody else may have made it: nothing but plain files and folders under clean
//! names, whole, and nothing after them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use registry_schema::limits;
use tar::{Archive, Entry, EntryType};

use super::names::{Kind, Names};
use crate::files::{AtomicFile, FileError};
use crate::registry::Progress;

/// Bytes of a tar's blocks: headers and contents fill whole ones.
const BLOCK_BYTES: u64 = 512;

/// Bytes that are copied at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Unpacks a pack into an empty folder. What is in it is not verified by that: see [`super::verify()`].
///
/// # Errors
/// [`PackError`]; what was unpacked until then is for the caller to remove.
pub fn unpack(pack: &Path, folder: &Path, progress: &Progress) -> Result<(), PackError> {
    let error = |source| FileError::new("cannot read", pack, source);
    let file = File::open(pack).map_err(error)?;
    let found = file.metadata().map_err(error)?;
    if !found.is_file() {
        return Err(PackError::NotAFile {
            path: pack.to_owned(),
        });
    }
    if found.len() > limits::PACK_BYTES {
        return Err(PackError::TooLarge { found: found.len() });
    }
    progress.expects(found.len());
    let mut archive = Archive::new(file);
    let end = unpack_entries(&mut archive, folder, progress)?;
    check_end(&mut archive.into_inner(), end, found.len())
}

/// Returns where the last entry ends.
fn unpack_entries(
    archive: &mut Archive<File>,
    folder: &Path,
    progress: &Progress,
) -> Result<u64, PackError> {
    let mut names = Names::default();
    let (mut end, mut count) = (0, 0);
    let mut long_name = None;
    // Raw: every header counts, and what extends one is read within limits, here.
    for entry in archive.entries().map_err(PackError::of_tar)?.raw(true) {
        let mut entry = entry.map_err(PackError::of_tar)?;
        count += 1;
        if count > limits::PACK_ENTRIES {
            return Err(PackError::TooMany);
        }
        let blocks = entry.size().div_ceil(BLOCK_BYTES);
        end = blocks
            .checked_mul(BLOCK_BYTES)
            .and_then(|bytes| bytes.checked_add(entry.raw_file_position()))
            .ok_or(PackError::Truncated)?;
        if entry.header().entry_type() == EntryType::GNULongName && long_name.is_none() {
            long_name = Some(read_long_name(&mut entry)?);
            continue;
        }
        let bytes = long_name
            .take()
            .unwrap_or_else(|| entry.path_bytes().into_owned());
        match entry.header().entry_type() {
            EntryType::Regular => {
                let name = names.claim(&bytes, Kind::File)?;
                copy(&mut entry, &name, folder, progress)?;
            }
            EntryType::Directory if entry.size() == 0 => {
                let bytes = bytes.strip_suffix(b"/").unwrap_or(&bytes);
                names.claim(bytes, Kind::Folder)?;
            }
            other => {
                return Err(PackError::NotPlain {
                    name: shown(&bytes),
                    kind: kind_of(other),
                });
            }
        }
    }
    match long_name {
        None => Ok(end),
        Some(_) => Err(PackError::Truncated),
    }
}

/// The name of the next entry, where its header is too short for it.
fn read_long_name(entry: &mut Entry<'_, File>) -> Result<Vec<u8>, PackError> {
    let limit = limits::PACK_NAME_BYTES as u64 + 1;
    let mut name = Vec::new();
    let size = entry.size();
    let read = entry.take(limit).read_to_end(&mut name);
    read.map_err(PackError::of_tar)?;
    if size > limit {
        return Err(PackError::Name { name: shown(&name) });
    }
    if name.len() as u64 != size {
        return Err(PackError::Truncated);
    }
    // It ends with a zero byte; another one is found when the name is looked at.
    if name.last() == Some(&0) {
        name.pop();
    }
    Ok(name)
}

fn copy(
    entry: &mut Entry<'_, File>,
    name: &str,
    folder: &Path,
    progress: &Progress,
) -> Result<(), PackError> {
    let path = folder.join(name);
    let (size, mut copied) = (entry.size(), 0);
    let mut to = AtomicFile::create(&path)?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = entry.read(&mut piece).map_err(PackError::of_tar)?;
        if read == 0 {
            break;
        }
        to.write_all(&piece[..read])
            .map_err(|source| FileError::new("cannot write", &path, source))?;
        copied += read as u64;
        let going_on = progress.moved(read as u64);
        going_on.map_err(|_| PackError::Interrupted)?;
    }
    if copied != size {
        return Err(PackError::Truncated);
    }
    Ok(to.commit()?)
}

/// A tar ends with two blocks of zeros; here, nothing comes after them.
fn check_end(file: &mut File, end: u64, length: u64) -> Result<(), PackError> {
    let expected = end.saturating_add(2 * BLOCK_BYTES);
    if length < expected {
        return Err(PackError::Truncated);
    }
    let mut blocks = Vec::new();
    file.seek(SeekFrom::Start(end))
        .and_then(|_| file.take(2 * BLOCK_BYTES).read_to_end(&mut blocks))
        .map_err(PackError::of_tar)?;
    if length > expected || blocks.iter().any(|byte| *byte != 0) {
        return Err(PackError::Trailing);
    }
    Ok(())
}

/// A name that may be anything, for people.
pub(super) fn shown(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(limits::PACK_NAME_BYTES)];
    String::from_utf8_lossy(start).escape_default().to_string()
}

fn kind_of(entry: EntryType) -> &'static str {
    match entry {
        EntryType::Symlink => "a symbolic link",
        EntryType::Link => "a hard link",
        EntryType::GNUSparse => "a sparse file",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a pipe",
        _ => "of a kind that no pack has",
    }
}

/// A file is not a pack to unpack.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A folder, a device.
    #[error("`{}` is not a regular file", path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// Larger than any release.
    #[error(
        "the pack is refused: it has {found} bytes, the limit is {}",
        limits::PACK_BYTES
    )]
    TooLarge {
        /// Its bytes.
        found: u64,
    },
    /// More than any release has.
    #[error(
        "the pack is refused: it has more than {} entries",
        limits::PACK_ENTRIES
    )]
    TooMany,
    /// Not a tar.
    #[error("the pack is damaged, or not one at all")]
    Malformed(#[source] io::Error),
    /// It ends too early.
    #[error("the pack is not whole: it ends too early")]
    Truncated,
    /// It goes on after its end.
    #[error("the pack is refused: something comes after its end")]
    Trailing,
    /// A name that leads elsewhere, or is not the same everywhere.
    #[error("the pack is refused: `{name}` is not a clean relative name")]
    Name {
        /// Which, escaped.
        name: String,
    },
    /// Two entries for one place.
    #[error(
        "the pack is refused: `{name}` is in it twice, or differs from another name in case alone"
    )]
    Twice {
        /// The second.
        name: String,
    },
    /// A link, a device.
    #[error("the pack is refused: `{name}` is {kind}, not a file")]
    NotPlain {
        /// Which, escaped.
        name: String,
        /// What it is.
        kind: &'static str,
    },
    /// A file too many.
    #[error("the pack is refused: `{name}` does not belong in one")]
    Unknown {
        /// Which.
        name: String,
    },
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted,
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

impl PackError {
    fn of_tar(source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            Self::Truncated
        } else {
            Self::Malformed(source)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;
    use tar::{Builder, Header};

    use super::*;
    use crate::files::write_atomic;

    fn archive(names: &[String]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for name in names {
            let mut header = Header::new_gnu();
            header.set_size(2);
            builder.append_data(&mut header, name, &b"ab"[..]).unwrap();
        }
        builder.into_inner().unwrap()
    }

    /// Unpacks them; everything that is there afterwards, below the folder around the target.
    fn unpacked(bytes: &[u8]) -> (Result<(), PackError>, Vec<PathBuf>) {
        let around = tempfile::tempdir().unwrap();
        let pack = around.path().join("pack");
        write_atomic(&pack, bytes).unwrap();
        let done = unpack(&pack, &around.path().join("target"), &Progress::silent());
        let found = walkdir::WalkDir::new(around.path()).into_iter();
        let files = found
            .map(Result::unwrap)
            .filter(|entry| !entry.file_type().is_dir())
            .map(|entry| entry.path().strip_prefix(around.path()).unwrap().to_owned())
            .collect();
        (done, files)
    }

    #[test]
    fn long_names_are_read_up_to_the_limit() {
        let name = |length: usize| format!("release/{}.txt", "n".repeat(length - 12));
        for length in [100, 101, 208, limits::PACK_NAME_BYTES - 8] {
            let (done, files) = unpacked(&archive(&[name(length)]));
            done.unwrap();
            assert!(files.contains(&Path::new("target").join(name(length))));
        }
        for length in [limits::PACK_NAME_BYTES + 1, 5_000] {
            let (done, _) = unpacked(&archive(&[name(length)]));
            assert!(matches!(done, Err(PackError::Name { .. })), "{done:?}");
        }
    }

    #[test]
    fn no_more_entries_are_read_than_the_limit() {
        // Folders, which cost nothing to make many of.
        let mut builder = Builder::new(Vec::new());
        for _ in 0..=limits::PACK_ENTRIES {
            let mut header = Header::new_gnu();
            header.set_entry_type(EntryType::Directory);
            header.set_size(0);
            builder
                .append_data(&mut header, "release/", io::empty())
                .unwrap();
        }
        let (done, _) = unpacked(&builder.into_inner().unwrap());
        assert!(matches!(done, Err(PackError::TooMany)), "{done:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn nothing_leaves_the_folder(
            name in prop_oneof!["[./a-zA-Z\\\\]{1,40}", "release/[./A-C]{1,9}", "tuf/[./A-C]{1,9}"],
            kind in prop_oneof![Just(b'0'), any::<u8>()],
            cut in 0_usize..6_000,
        ) {
            let mut bytes = archive(&["release/A".to_owned(), "tuf/a/b.json".to_owned()]);
            bytes.truncate(bytes.len() - 1_024);
            let mut header = Header::new_gnu();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(EntryType::new(kind));
            header.set_size(0);
            header.set_cksum();
            bytes.extend(header.as_bytes());
            bytes.extend([0; 1_024]);
            bytes.truncate(cut);
            let (_, files) = unpacked(&bytes);
            for file in files {
                let inside = file.starts_with("target/release") || file.starts_with("target/tuf");
                prop_assert!(inside || file == Path::new("pack"), "{}", file.display());
            }
        }
    }
}
