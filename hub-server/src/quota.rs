//! How much a member may store, and how often it may publish. Without a quota there is no limit.

use jiff::{SignedDuration, Timestamp};
use registry_schema::digest::Digest;
use registry_schema::name::MemberName;

use crate::database::oci::{self, ManifestRow};
use crate::database::quotas::{self, QuotaRow};
use crate::database::{Connection, DatabaseError, from_column, to_column, uploads};

/// In which so many releases may be published.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What a member may use, and what it uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) stored_bytes: u64,
    pub(crate) stored_limit: Option<u64>,
    pub(crate) releases: u64,
    pub(crate) releases_limit: Option<u64>,
}

/// What a member may use and uses at a moment.
pub(crate) fn usage(
    connection: &mut Connection,
    member: &MemberName,
    now: Timestamp,
) -> Result<Usage, DatabaseError> {
    let member = member.as_str();
    let quota = quotas::find(connection, member)?;
    let limit = |limit: Option<i64>| limit.map(from_column).transpose();
    let since = now
        .saturating_sub(DAY)
        .unwrap_or(Timestamp::MIN)
        .as_second();
    Ok(Usage {
        stored_bytes: quotas::stored_bytes(connection, member)?,
        stored_limit: limit(quota.as_ref().and_then(|quota| quota.stored_bytes))?,
        releases: quotas::published_since(connection, member, since)?.len() as u64,
        releases_limit: limit(quota.and_then(|quota| quota.releases_per_day))?,
    })
}

/// Changes a quota: a limit that is not given stays, `Some(None)` is none.
pub(crate) fn change(
    connection: &mut Connection,
    member: &MemberName,
    stored_bytes: Option<Option<u64>>,
    releases_per_day: Option<Option<u64>>,
) -> Result<(), DatabaseError> {
    let before = quotas::find(connection, member.as_str())?;
    let column = |limit: Option<u64>| limit.map(to_column).transpose();
    let row = QuotaRow {
        member: member.to_string(),
        stored_bytes: match stored_bytes {
            Some(limit) => column(limit)?,
            None => before.as_ref().and_then(|row| row.stored_bytes),
        },
        releases_per_day: match releases_per_day {
            Some(limit) => column(limit)?,
            None => before.and_then(|row| row.releases_per_day),
        },
    };
    quotas::set(connection, &row)
}

/// Whether a member may store so many bytes and no more.
pub(crate) fn has_limit(
    connection: &mut Connection,
    member: &MemberName,
) -> Result<bool, DatabaseError> {
    let quota = quotas::find(connection, member.as_str())?;
    Ok(quota.is_some_and(|quota| quota.stored_bytes.is_some()))
}

/// How many bytes a member may still send, or one of its uploads beside all others under way; `None` without a limit.
fn left_bytes(
    connection: &mut Connection,
    member: &MemberName,
    upload: Option<&str>,
) -> Result<Option<u64>, DatabaseError> {
    let quota = quotas::find(connection, member.as_str())?;
    let Some(limit) = quota.and_then(|quota| quota.stored_bytes) else {
        return Ok(None);
    };
    let stored = quotas::stored_bytes(connection, member.as_str())?;
    let held = uploads::held_bytes(connection, member.as_str(), upload)?;
    let left = from_column(limit)?.saturating_sub(stored);
    Ok(Some(left.saturating_sub(held)))
}

/// Refuses one more upload of a member that has no room for a byte.
pub(crate) fn check_begin(
    connection: &mut Connection,
    member: &MemberName,
) -> Result<(), QuotaError> {
    let left = left_bytes(connection, member, None)?;
    check_bytes(left, 1)
}

/// Holds room for an upload of `needed` bytes, and if there is room for as many as `wanted`; how much it has now.
/// Without a limit nothing is held. The caller's transaction is in turn with all that hold some.
///
/// # Errors
/// [`QuotaError`] when `needed` is more than is left.
pub(crate) fn hold(
    connection: &mut Connection,
    member: &MemberName,
    upload: &str,
    needed: u64,
    wanted: u64,
) -> Result<Option<u64>, QuotaError> {
    let left = left_bytes(connection, member, Some(upload))?;
    check_bytes(left, needed)?;
    let held = left.map(|left| wanted.clamp(needed, left));
    if let Some(held) = held {
        uploads::set_held_bytes(connection, upload, held)?;
    }
    Ok(held)
}

/// Counts a blob that a member has sent whole by an upload; one that it had sent before counts once.
///
/// # Errors
/// [`QuotaError`] when it is more than is left; the caller's transaction is to be undone then.
pub(crate) fn take_blob(
    connection: &mut Connection,
    member: &MemberName,
    upload: &str,
    digest: &Digest,
    size_bytes: u64,
) -> Result<(), QuotaError> {
    if quotas::has_sent(connection, member.as_str(), digest)? {
        return Ok(());
    }
    let left = left_bytes(connection, member, Some(upload))?;
    check_bytes(left, size_bytes)?;
    Ok(quotas::add_sent(
        connection,
        member.as_str(),
        digest,
        size_bytes,
    )?)
}

/// Counts a manifest that is about to be kept in a repository, in place of the same one.
///
/// # Errors
/// [`QuotaError`] when it is more than is left.
pub(crate) fn take_manifest(
    connection: &mut Connection,
    row: &ManifestRow,
    member: &MemberName,
) -> Result<(), QuotaError> {
    let before = oci::manifest_pusher(connection, &row.repository, &row.digest)?;
    if before.as_deref() == Some(member.as_str()) {
        return Ok(());
    }
    let left = left_bytes(connection, member, None)?;
    check_bytes(left, from_column(row.size_bytes)?)
}

/// Refuses more bytes than are left.
fn check_bytes(left: Option<u64>, size_bytes: u64) -> Result<(), QuotaError> {
    match left {
        Some(left) if size_bytes > left => Err(QuotaError::Bytes { left, size_bytes }),
        _ => Ok(()),
    }
}

/// Refuses one release more than a member may publish in a day.
///
/// # Errors
/// [`QuotaError`]; the caller's transaction is to be undone then.
pub(crate) fn check_release(
    connection: &mut Connection,
    member: &MemberName,
    now: i64,
) -> Result<(), QuotaError> {
    let quota = quotas::find(connection, member.as_str())?;
    let Some(limit) = quota.and_then(|quota| quota.releases_per_day) else {
        return Ok(());
    };
    let limit = from_column(limit)?;
    let since = now.saturating_sub(DAY.as_secs());
    let published = quotas::published_since(connection, member.as_str(), since)?;
    let Some(excess) = (published.len() as u64).checked_sub(limit) else {
        return Ok(());
    };
    // When the one has become a day old that makes room for one more.
    let first = usize::try_from(excess)
        .ok()
        .and_then(|at| published.get(at));
    let again = first.map_or(now, |at| at.saturating_add(DAY.as_secs()));
    Err(QuotaError::Releases {
        limit,
        again: Timestamp::from_second(again).unwrap_or(Timestamp::MAX),
    })
}

/// More than a member may use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QuotaError {
    /// Bytes.
    #[error(
        "these {size_bytes} bytes are more than the {left} that are left of the member's quota beside its uploads under way"
    )]
    Bytes {
        /// What may still be sent.
        left: u64,
        /// What was to be sent.
        size_bytes: u64,
    },
    /// Releases.
    #[error("the member's quota is {limit} releases in 24 hours: publish again after {again}")]
    Releases {
        /// How many.
        limit: u64,
        /// When there is room for one more.
        again: Timestamp,
    },
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::database::temporary;

    #[test]
    fn bytes_count_once_and_not_past_the_limit() {
        let mut connection = temporary().unwrap();
        let (alpha, beta): (MemberName, MemberName) =
            ("alpha".parse().unwrap(), "beta".parse().unwrap());
        change(&mut connection, &alpha, Some(Some(10)), None).unwrap();
        let (first, second) = (Digest::of(b"1"), Digest::of(b"2"));
        take_blob(&mut connection, &alpha, "u", &first, 6).unwrap();
        take_blob(&mut connection, &alpha, "u", &first, 6).unwrap();
        assert_eq!(left_bytes(&mut connection, &alpha, None).unwrap(), Some(4));
        let refused = take_blob(&mut connection, &alpha, "u", &second, 5);
        assert!(matches!(refused, Err(QuotaError::Bytes { left: 4, .. })));
        take_blob(&mut connection, &alpha, "u", &second, 4).unwrap();
        take_blob(&mut connection, &beta, "u", &second, 4_000).unwrap();
        // A limit below what is stored leaves nothing; without one there is no end.
        change(&mut connection, &alpha, Some(Some(1)), Some(Some(3))).unwrap();
        assert_eq!(left_bytes(&mut connection, &alpha, None).unwrap(), Some(0));
        change(&mut connection, &alpha, Some(None), None).unwrap();
        assert_eq!(left_bytes(&mut connection, &alpha, None).unwrap(), None);
        let now = Timestamp::UNIX_EPOCH;
        let used = usage(&mut connection, &alpha, now).unwrap();
        let expected = Usage {
            stored_bytes: 10,
            releases_limit: Some(3),
            ..Usage::default()
        };
        assert_eq!(used, expected);
    }
}
