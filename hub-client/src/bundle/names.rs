//! Which names the entries of a pack may have.

use std::collections::BTreeMap;

use registry_schema::{limits, model_signing};

use super::unpack::{PackError, shown};
use super::{ENVELOPE, PROOF, RELEASE_FOLDER, STATEMENT, TRUST_FOLDER};

/// What an entry is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
}

/// The names so far, by what they are where upper and lower case are the same.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, (String, Kind)>);

impl Names {
    /// A name that is clean, and means nothing that an earlier one means on any file system.
    pub(super) fn claim(&mut self, bytes: &[u8], kind: Kind) -> Result<String, PackError> {
        let name = std::str::from_utf8(bytes)
            .ok()
            .filter(|name| is_clean(name));
        let Some(name) = name else {
            return Err(PackError::Name { name: shown(bytes) });
        };
        if !is_of_bundle(name, kind) {
            return Err(PackError::Unknown {
                name: name.to_owned(),
            });
        }
        for (at, _) in name.match_indices('/') {
            self.add(&name[..at], Kind::Folder)?;
        }
        self.add(name, kind)?;
        Ok(name.to_owned())
    }

    fn add(&mut self, name: &str, kind: Kind) -> Result<(), PackError> {
        let key = name.to_ascii_lowercase();
        match self.0.get(&key) {
            // A folder may be named by itself and by what is in it.
            Some((known, Kind::Folder)) if known == name && kind == Kind::Folder => Ok(()),
            Some(_) => Err(PackError::Twice {
                name: name.to_owned(),
            }),
            None => {
                self.0.insert(key, (name.to_owned(), kind));
                Ok(())
            }
        }
    }
}

/// Relative, without a way out, and spelled alike on every system.
fn is_clean(name: &str) -> bool {
    let is_plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with('.')
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    name.len() <= limits::PACK_NAME_BYTES && name.split('/').all(is_plain)
}

/// Whether a bundle may have a file or folder there.
fn is_of_bundle(name: &str, kind: Kind) -> bool {
    let (top, rest) = name.split_once('/').unwrap_or((name, ""));
    match (top, kind) {
        (RELEASE_FOLDER | TRUST_FOLDER, Kind::File) => !rest.is_empty(),
        (RELEASE_FOLDER | TRUST_FOLDER, Kind::Folder) => true,
        ("yanks", Kind::Folder) => rest.is_empty(),
        ("yanks", Kind::File) => {
            let number = rest
                .strip_suffix(ENVELOPE)
                .or_else(|| rest.strip_suffix(PROOF));
            number.is_some_and(|number| !number.starts_with('0') && number.parse::<usize>().is_ok())
        }
        (_, Kind::File) => {
            name == model_signing::FILE
                || name == format!("{STATEMENT}{ENVELOPE}")
                || name == format!("{STATEMENT}{PROOF}")
        }
        (_, Kind::Folder) => false,
    }
}
