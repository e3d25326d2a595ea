//! What changed in the trust root since the monitor last looked.

use registry_schema::keys::KeyId;
use registry_schema::name::{MemberName, Name};
use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};
use registry_schema::tuf::bundle::KeyringState;
use registry_schema::tuf::files::{IndexRange, NameOwners};

use super::finding::Finding;
use super::memory::{Memory, RootMemory};

/// Members, keys, owners and the log's policy, compared with what is remembered.
pub(super) fn since(memory: &Memory, trust_root: &ConsortiumRoot) -> Vec<Finding> {
    let (before, now) = (memory.root(), RootMemory::of(trust_root));
    let mut findings = Vec::new();
    for (member, ranges) in &now.history.members {
        let known = before.history.members.get(member);
        let known: &[IndexRange] = known.map_or(&[], Vec::as_slice);
        let new = ranges.iter().filter(|range| !known.contains(range));
        findings.extend(new.map(|range| Finding::Membership {
            member: member.clone(),
            range: *range,
        }));
    }
    for (name, owners) in &now.history.names {
        let known = before.history.names.get(name);
        let new = owners
            .iter()
            .filter(|own| known.is_none_or(|known| !known.contains(own)));
        findings.extend(new.map(|own| Finding::Owners {
            name: name.clone(),
            from: own.from,
            owners: own.owners.clone(),
            threshold: own.threshold,
        }));
    }
    keys(before, &now, &mut findings);
    if before.log_policy != now.log_policy {
        findings.push(Finding::LogPolicy {
            text: trust_root.log_policy().text().to_owned(),
        });
    }
    findings
}

/// Whether other keys count now for entries that were read already: a key was taken back, or it was
/// given back. A keyring that does not count at present changes nothing: what was judged under it
/// stays judged.
pub(super) fn reach_back(memory: &Memory, trust_root: &ConsortiumRoot) -> bool {
    let (before, now, size) = (memory.root(), RootMemory::of(trust_root), memory.size());
    let is_valid =
        |member: &&MemberName| matches!(trust_root.keyring(member), KeyringState::Valid(_));
    let mut members = now.history.members.keys().filter(is_valid);
    let other_keys =
        members.any(|member| counting(before, member, size) != counting(&now, member, size));
    let mut names = now.history.names.keys();
    other_keys || names.any(|name| owners(before, name, size) != owners(&now, name, size))
}

/// For which of the first `size` entries each key of a member counts.
fn counting(root: &RootMemory, member: &MemberName, size: u64) -> Vec<(KeyId, u64, u64)> {
    let end = |range: &IndexRange| range.until.unwrap_or(size).min(size);
    let keys = root.keys.get(member).into_iter().flatten();
    let times = root.history.members.get(member);
    let all = keys.flat_map(|(key_id, range)| {
        let times = times.into_iter().flatten();
        times.map(|time| {
            let until = end(time).min(end(range));
            (*key_id, time.from.max(range.from), until)
        })
    });
    all.filter(|(_, from, until)| from < until).collect()
}

/// The owners of a name for the first `size` entries.
fn owners<'a>(root: &'a RootMemory, name: &Name, size: u64) -> Vec<&'a NameOwners> {
    let owners = root.history.names.get(name).into_iter().flatten();
    owners.filter(|owners| owners.from < size).collect()
}

fn keys(before: &RootMemory, now: &RootMemory, findings: &mut Vec<Finding>) {
    for (member, keys) in &now.keys {
        for (key_id, range) in keys {
            let (member, key_id, range) = (member.clone(), *key_id, *range);
            let known = before.keys.get(&member).and_then(|keys| keys.get(&key_id));
            match known {
                None => findings.push(Finding::KeyAdded {
                    member,
                    key_id,
                    range,
                }),
                Some(known) if *known != range => findings.push(Finding::KeyChanged {
                    member,
                    key_id,
                    range,
                }),
                Some(_) => {}
            }
        }
    }
    for (member, keys) in &before.keys {
        let still = now.keys.get(member);
        let gone = keys.keys().copied();
        let gone = gone.filter(|key| still.is_none_or(|keys| !keys.contains_key(key)));
        findings.extend(gone.map(|key_id| Finding::KeyGone {
            member: member.clone(),
            key_id,
        }));
    }
}
