//! What changed in the trust root since the monitor last looked.

use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};
use registry_schema::tuf::files::IndexRange;

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
