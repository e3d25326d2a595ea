//! A bundle with evidence as one file: a plain tar (POSIX ustar, GNU long names) of its files, sorted by name, all
//! with mode 0644, time 0 and owner 0, so that the same bundle is the same bytes wherever it is written.

use registry_schema::tuf::bundle::Bundle;
use tar::{Builder, EntryType, Header};

use super::{BundleError, BundleForm, contents};
use crate::files::{AtomicFile, Destination, FileError};
use crate::store::InstalledRelease;

/// Writes an installed release with everything needed to verify and install it elsewhere into one file, which
/// appears when it is complete. Returns its size in bytes. Every byte is compared with the signed digests on
/// its way.
///
/// # Errors
/// [`BundleError`]; what was at its place is there still.
pub fn write_pack(
    installed: &InstalledRelease,
    trust_root: &Bundle,
    destination: &Destination,
) -> Result<u64, BundleError> {
    let path = destination.path();
    let error = |source| FileError::new("cannot write", path, source);
    let mut archive = Builder::new(AtomicFile::create_at(destination)?);
    for (name, content) in &contents(installed, trust_root, BundleForm::WithEvidence)? {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(content.size_bytes());
        let mut entry = archive.append_writer(&mut header, name).map_err(error)?;
        content.write(installed, &mut entry)?.map_err(error)?;
        entry.finish().map_err(error)?;
    }
    archive.into_inner().map_err(error)?.commit()?;
    let written = path.metadata();
    Ok(written
        .map_err(|source| FileError::new("cannot read", path, source))?
        .len())
}
