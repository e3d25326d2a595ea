//! What `gc` is about to remove, so that nobody counts on it.
//!
//! A blob that can be read under a name is in the store. `gc` first forgets the names of a blob and
//! says so here, then removes the blob; whoever stored a blob binds it to a name only if no round
//! of `gc` began since he looked. Both hold the row while they do it.

use std::collections::BTreeSet;

use diesel::prelude::*;
use registry_schema::digest::Digest;

use super::schema::{member_blobs, repository_blobs, settings};
use super::{Connection, DatabaseError, settings as rows};

/// The row's key.
const KEY: &str = "collection";

/// Where `gc` is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Collection {
    /// How often it forgot names of blobs.
    pub(crate) round: u64,
    /// Blobs that it may be removing now.
    pub(crate) doomed: BTreeSet<Digest>,
}

/// Makes the row, if it is not there.
pub(crate) fn prepare(connection: &mut Connection) -> Result<(), DatabaseError> {
    if rows::find(connection, KEY)?.is_some() {
        return Ok(());
    }
    match rows::insert(connection, KEY, "0") {
        // Another server was first.
        Err(DatabaseError::Exists) => Ok(()),
        other => other,
    }
}

/// Where `gc` is now.
pub(crate) fn look(connection: &mut Connection) -> Result<Collection, DatabaseError> {
    let text = rows::find(connection, KEY)?.unwrap_or_default();
    Collection::parse(&text)
}

/// Where `gc` is, until the transaction ends: nobody else gets past this before.
pub(crate) fn hold(connection: &mut Connection) -> Result<Collection, DatabaseError> {
    diesel::update(settings::table.find(KEY))
        .set(settings::key.eq(KEY))
        .execute(connection)?;
    look(connection)
}

/// Says where `gc` is.
pub(crate) fn set(
    connection: &mut Connection,
    collection: &Collection,
) -> Result<(), DatabaseError> {
    let text = collection.to_text();
    let there = diesel::update(settings::table.find(KEY))
        .set(settings::value.eq(&text))
        .execute(connection)?;
    if there == 0 {
        rows::insert(connection, KEY, &text)?;
    }
    Ok(())
}

/// Lets a blob be read under no name any more.
pub(crate) fn forget_names(
    connection: &mut Connection,
    digest: &Digest,
) -> Result<(), DatabaseError> {
    let digest = digest.to_string();
    diesel::delete(repository_blobs::table.filter(repository_blobs::digest.eq(&digest)))
        .execute(connection)?;
    // Nobody's quota is used up by it any more.
    diesel::delete(member_blobs::table.filter(member_blobs::digest.eq(&digest)))
        .execute(connection)?;
    Ok(())
}

impl Collection {
    fn parse(text: &str) -> Result<Self, DatabaseError> {
        let corrupt = || DatabaseError::Corrupt {
            what: "a round of garbage collection",
        };
        let mut words = text.split_ascii_whitespace();
        let round = words.next().unwrap_or("0").parse().map_err(|_| corrupt())?;
        let doomed = words.map(|word| word.parse().map_err(|_| corrupt()));
        Ok(Self {
            round,
            doomed: doomed.collect::<Result<_, _>>()?,
        })
    }

    fn to_text(&self) -> String {
        let mut text = self.round.to_string();
        for digest in &self.doomed {
            text.push(' ');
            text.push_str(&digest.to_string());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::database::temporary;

    #[test]
    fn a_round_is_kept_as_it_was_said() {
        let connection = &mut temporary().unwrap();
        assert_eq!(hold(connection).unwrap(), Collection::default());
        prepare(connection).unwrap();
        prepare(connection).unwrap();
        assert_eq!(look(connection).unwrap(), Collection::default());
        let round = Collection {
            round: 3,
            doomed: BTreeSet::from([Digest::of(b"a"), Digest::of(b"b")]),
        };
        set(connection, &round).unwrap();
        assert_eq!(hold(connection).unwrap(), round);
        rows::remove(connection, KEY).unwrap();
        rows::insert(connection, KEY, "x").unwrap();
        assert!(look(connection).is_err());
    }
}
