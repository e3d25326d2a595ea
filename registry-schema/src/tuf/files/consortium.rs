//! `consortium.json`: members, and owners of names.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{IndexRange, read, rule, version, write};
use crate::limits;
use crate::name::{MemberName, Name};
use crate::tuf::{CONSORTIUM_PATH, TufError};

/// Names that TUF takes for its own roles, which no member can have.
const ROLE_NAMES: [&str; 4] = ["root", "targets", "snapshot", "timestamp"];

/// `consortium.json`: who the members are and were, and who owns which bare name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsortiumFile {
    v: u32,
    /// What the consortium calls itself.
    pub consortium: String,
    /// When each was a member, oldest first.
    pub members: BTreeMap<MemberName, Vec<IndexRange>>,
    /// The owners of each bare name, oldest first. A name that was ever owned is never given up.
    pub names: BTreeMap<Name, Vec<NameOwners>>,
}

/// Who owns a bare name from some log index on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameOwners {
    /// The first log index for which this holds; the next entry's `from` ends it.
    pub from: u64,
    /// Members that own it together.
    pub owners: Vec<MemberName>,
    /// How many of them must sign a statement about it.
    pub threshold: usize,
}

impl NameOwners {
    /// Whether the same members own it together, and as many of them must sign.
    fn is_same(&self, other: &Self) -> bool {
        let set = |own: &Self| own.owners.iter().cloned().collect::<BTreeSet<_>>();
        self.threshold == other.threshold && set(self) == set(other)
    }
}

impl ConsortiumFile {
    /// A consortium with members since index 0.
    ///
    /// # Errors
    /// [`TufError::Rule`] names what is wrong.
    pub fn new(
        consortium: &str,
        members: impl IntoIterator<Item = MemberName>,
        names: BTreeMap<Name, NameOwners>,
    ) -> Result<Self, TufError> {
        let members = members.into_iter();
        let file = Self {
            v: 1,
            consortium: consortium.to_owned(),
            members: members
                .map(|member| (member, vec![IndexRange::open(0)]))
                .collect(),
            names: names
                .into_iter()
                .map(|(name, own)| (name, vec![own]))
                .collect(),
        };
        file.check()?;
        Ok(file)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`TufError::Malformed`] or [`TufError::Rule`].
    pub fn parse(text: &str) -> Result<Self, TufError> {
        let file: Self = read(CONSORTIUM_PATH, text)?;
        file.check()?;
        Ok(file)
    }

    /// The file.
    ///
    /// # Errors
    /// [`TufError::NotCanonical`].
    pub fn to_text(&self) -> Result<String, TufError> {
        write(self)
    }

    /// Whether somebody is a member, with no end in sight.
    pub fn is_member(&self, member: &MemberName) -> bool {
        let ranges = self.members.get(member);
        ranges.is_some_and(|ranges| ranges.last().is_some_and(|range| range.until.is_none()))
    }

    /// Whether somebody was a member at a log index.
    pub fn was_member(&self, member: &MemberName, index: u64) -> bool {
        let ranges = self.members.get(member);
        ranges.is_some_and(|ranges| ranges.iter().any(|range| range.contains(index)))
    }

    /// The members of now.
    pub fn current_members(&self) -> impl Iterator<Item = &MemberName> {
        self.members.keys().filter(|member| self.is_member(member))
    }

    /// The owners of a bare name at a log index.
    pub fn owners(&self, name: &Name, index: u64) -> Option<&NameOwners> {
        let history = self.names.get(name)?;
        history.iter().rev().find(|entry| entry.from <= index)
    }

    /// Refuses a `next` file under which something would no longer hold that held here when one of
    /// the log's first `size` entries was logged: that somebody was a member, or who owned a name.
    /// Members and names may be added for any index, since no entry could have needed them.
    ///
    /// # Errors
    /// [`TufError::Backdated`] names the member or name, and the first such index.
    pub fn check_continued_by(&self, next: &Self, size: u64) -> Result<(), TufError> {
        let backdated = |what: String, from: u64| TufError::Backdated { what, from, size };
        // Between two bounds of both files nothing changes.
        let is_logged = |index: &u64| *index < size;
        for (member, before) in &self.members {
            let after = next.members.get(member).map_or(&[][..], Vec::as_slice);
            let ends = after.iter().filter_map(|range| range.until);
            let starts = before.iter().map(|range| range.from);
            let bounds: BTreeSet<u64> = starts.chain(ends).filter(is_logged).collect();
            let is_lost =
                |index: &u64| self.was_member(member, *index) && !next.was_member(member, *index);
            if let Some(index) = bounds.into_iter().find(is_lost) {
                return Err(backdated(format!("the membership of `{member}`"), index));
            }
        }
        for (name, before) in &self.names {
            let after = next.names.get(name).map_or(&[][..], Vec::as_slice);
            let starts = before.iter().chain(after).map(|entry| entry.from);
            let bounds: BTreeSet<u64> = starts.filter(is_logged).collect();
            let is_changed = |index: &u64| {
                self.owners(name, *index).is_some_and(|own| {
                    let then = next.owners(name, *index);
                    !then.is_some_and(|then| own.is_same(then))
                })
            };
            if let Some(index) = bounds.into_iter().find(is_changed) {
                return Err(backdated(format!("the owners of `{name}`"), index));
            }
        }
        Ok(())
    }

    /// Checks the whole file.
    ///
    /// # Errors
    /// [`TufError::Rule`] names the member or name that is wrong.
    pub fn check(&self) -> Result<(), TufError> {
        version(CONSORTIUM_PATH, self.v)?;
        let is_shown = !self.consortium.is_empty() && !self.consortium.contains(char::is_control);
        rule(is_shown, || {
            "the consortium's name is empty or holds control characters".to_owned()
        })?;
        rule((1..=limits::MEMBERS).contains(&self.members.len()), || {
            format!(
                "a consortium has 1 to {} members, not {}",
                limits::MEMBERS,
                self.members.len()
            )
        })?;
        for (member, ranges) in &self.members {
            rule(!ROLE_NAMES.contains(&member.as_str()), || {
                format!("`{member}` cannot be a member's name: TUF uses it for a role")
            })?;
            rule(are_in_order(ranges), || {
                format!(
                    "the times of `{member}`'s membership end before they start, overlap or are out of order"
                )
            })?;
        }
        for (name, history) in &self.names {
            self.check_name(name, history)?;
        }
        Ok(())
    }

    fn check_name(&self, name: &Name, history: &[NameOwners]) -> Result<(), TufError> {
        rule(name.member().is_none(), || {
            format!("`{name}` belongs to its member already: only bare names have owners here")
        })?;
        let are_ordered = history.windows(2).all(|two| two[0].from < two[1].from);
        rule(!history.is_empty() && are_ordered, || {
            format!("the owners of `{name}` are missing or out of order")
        })?;
        for entry in history {
            let stranger = entry
                .owners
                .iter()
                .find(|owner| !self.members.contains_key(owner));
            rule(stranger.is_none(), || {
                format!("an owner of `{name}` was never a member")
            })?;
            let distinct: BTreeSet<_> = entry.owners.iter().collect();
            let possible = 1..=entry.owners.len().min(limits::SIGNATURES);
            rule(
                distinct.len() == entry.owners.len() && possible.contains(&entry.threshold),
                || {
                    format!(
                        "`{name}` needs {} signatures of {} owners: the threshold must be between 1 and the number of distinct owners, {} at most",
                        entry.threshold,
                        entry.owners.len(),
                        limits::SIGNATURES
                    )
                },
            )?;
        }
        Ok(())
    }
}

/// Ranges that follow each other; only the last may be open.
fn are_in_order(ranges: &[IndexRange]) -> bool {
    // Somebody may go before anything was logged since it came.
    let is_good = |range: &IndexRange| range.until.is_none_or(|until| range.from <= until);
    let follows = |two: &[IndexRange]| two[0].until.is_some_and(|until| until <= two[1].from);
    !ranges.is_empty() && ranges.iter().all(is_good) && ranges.windows(2).all(follows)
}
