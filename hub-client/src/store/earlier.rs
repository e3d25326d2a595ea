//! Which blob that is here may have bytes in common with one that is wanted.

use std::cmp::Reverse;

use registry_schema::envelope::Envelope;
use registry_schema::limits;
use registry_schema::name::Name;
use registry_schema::statement::{ReleaseFile, ReleaseStatement, Statement};
use semver::Version;

use super::{Store, StoreError};
use crate::registry::EarlierBlob;

impl Store {
    /// The file at the same path in the installed release of the name that is nearest before a version,
    /// or else in the one nearest after it. Nothing of it is verified: whoever puts a blob together from
    /// it looks at the digest. `None` also for files so small that it is not worth asking.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read; receipts that cannot be understood are passed over.
    pub fn earlier_blob(
        &self,
        name: &Name,
        version: &Version,
        file: &ReleaseFile,
    ) -> Result<Option<EarlierBlob>, StoreError> {
        if file.size_bytes < limits::DELTA_BYTES {
            return Ok(None);
        }
        let installed = self.list()?.into_iter().filter(|(known, _)| known == name);
        let (mut before, mut after): (Vec<_>, Vec<_>) = installed
            .map(|(_, known)| known)
            .partition(|known| known < version);
        before.sort_by(|a, b| Reverse(a).cmp(&Reverse(b)));
        after.sort();
        let usable = |known: Version| {
            let release = self.recorded_release(name, &known)?;
            let same = release.file(&file.path)?;
            let is_usable = same.digest != file.digest
                && same.size_bytes >= limits::DELTA_BYTES
                && self.has_blob(&same.digest, same.size_bytes);
            is_usable.then(|| EarlierBlob {
                digest: same.digest,
                size_bytes: same.size_bytes,
                path: self.blob_path(&same.digest),
            })
        };
        Ok(before.into_iter().chain(after).find_map(usable))
    }

    /// What the receipt of a release says, unverified; `None` when it cannot be understood.
    pub(super) fn recorded_release(
        &self,
        name: &Name,
        version: &Version,
    ) -> Option<ReleaseStatement> {
        let receipt = self.receipt(name, version).ok()?;
        let envelope = Envelope::parse(receipt.statement.envelope.as_bytes()).ok()?;
        match Statement::parse(envelope.payload()).ok()? {
            Statement::Release(release) => Some(*release),
            _ => None,
        }
    }
}
