//! What a consortium's metadata must keep beyond TUF: thresholds that survive a lost key, and
//! members who vouch for their own keyring only.

use std::collections::BTreeSet;

use super::files::{ConsortiumFile, rule};
use super::metadata::{Delegations, RoleKeys, Root, Targets, TufKeyId, listed_key};
use super::{CONSORTIUM_PATH, LOG_POLICY_PATH, TufError, keyring_path};
use crate::log::policy::Policy;

/// Checks a root: members' roles survive a lost key, the hub's roles are the hub's alone.
pub(super) fn check_root(root: &Root) -> Result<(), TufError> {
    rule(root.consistent_snapshot, || {
        "`consistent_snapshot` must be true".to_owned()
    })?;
    let roles = &root.roles;
    for (role, keys) in [
        ("root", &roles.root),
        ("targets", &roles.targets),
        ("snapshot", &roles.snapshot),
        ("timestamp", &roles.timestamp),
    ] {
        for id in &keys.keyids {
            listed_key(&root.keys, id)?;
        }
        let distinct: BTreeSet<_> = keys.keyids.iter().collect();
        rule(
            !distinct.is_empty() && distinct.len() == keys.keyids.len(),
            || format!("`{role}` has no key, or one twice"),
        )?;
    }
    check_threshold("root", &roles.root)?;
    check_threshold("targets", &roles.targets)?;
    let is_hubs = |keys: &RoleKeys| keys.threshold == 1 && keys.keyids.len() == 1;
    let members: BTreeSet<&TufKeyId> = roles
        .root
        .keyids
        .iter()
        .chain(&roles.targets.keyids)
        .collect();
    let is_apart = roles.snapshot.keyids.iter().all(|id| !members.contains(id));
    rule(
        is_hubs(&roles.snapshot) && roles.snapshot == roles.timestamp && is_apart,
        || {
            "`snapshot` and `timestamp` are signed by one online key, which is no member's"
                .to_owned()
        },
    )
}

/// 1 <= m < n, so that one lost key is no disaster; a hub of one has 1 of 1.
pub(super) fn check_threshold(role: &str, keys: &RoleKeys) -> Result<(), TufError> {
    let (needed, count) = (keys.threshold, keys.keyids.len());
    let is_kept = match count {
        1 => needed == 1,
        _ => (1..count).contains(&needed),
    };
    rule(is_kept, || {
        format!(
            "`{role}` is signed by {needed} of {count} members: the threshold must be at least 1 and below the number of members, so that one lost key is no disaster"
        )
    })
}

/// Checks the top `targets`: the two files, and a role for each member over its own keyring.
pub(super) fn check_targets(targets: &Targets) -> Result<&Delegations, TufError> {
    let expected = BTreeSet::from([CONSORTIUM_PATH, LOG_POLICY_PATH]);
    let found: BTreeSet<&str> = targets.targets.keys().map(String::as_str).collect();
    rule(found == expected, || {
        format!("`targets` names `{CONSORTIUM_PATH}` and `{LOG_POLICY_PATH}` and nothing else")
    })?;
    let delegations = targets.delegations.as_ref().ok_or_else(|| TufError::Rule {
        rule: "`targets` has no roles for members".to_owned(),
    })?;
    let mut seen = BTreeSet::new();
    for role in &delegations.roles {
        let is_own = role.terminating
            && role.threshold == 1
            && role.keyids.len() == 1
            && role.paths == [keyring_path(&role.name)];
        rule(is_own && seen.insert(&role.name), || {
            format!(
                "the role of `{}` must be terminating, over its own keyring alone, signed by its one key",
                role.name
            )
        })?;
        for id in &role.keyids {
            listed_key(&delegations.keys, id)?;
        }
    }
    Ok(delegations)
}

/// Checks a member's role: its keyring and nothing else.
pub(super) fn check_keyring(targets: &Targets, path: &str) -> Result<(), TufError> {
    let is_own = targets.delegations.is_none() && targets.targets.keys().eq([path]);
    rule(is_own, || {
        format!("a member's role names `{path}` and nothing else")
    })
}

/// The log policy: C2SP tlog-policy, of one log.
pub(super) fn log_policy(text: &str) -> Result<Policy, TufError> {
    let policy = Policy::parse(text).map_err(|source| TufError::Malformed {
        file: LOG_POLICY_PATH.to_owned(),
        reason: source.to_string(),
    })?;
    rule(policy.logs().len() == 1, || {
        format!("`{LOG_POLICY_PATH}` names exactly one log")
    })?;
    Ok(policy)
}

/// The members of now, each with its own key, and nobody else sign root and targets.
pub(super) fn check_members(
    root: &Root,
    targets: &Targets,
    consortium: &ConsortiumFile,
) -> Result<(), TufError> {
    let delegations = check_targets(targets)?;
    let mut expected = BTreeSet::new();
    for member in consortium.current_members() {
        let mut roles = delegations.roles.iter();
        let own = roles
            .find(|role| role.name == *member)
            .and_then(|role| role.keyids.first());
        rule(own.is_some_and(|id| expected.insert(*id)), || {
            format!("`{member}` has no role for its keyring, or another member's key")
        })?;
    }
    let is_kept = |keys: &RoleKeys| keys.keyids.iter().copied().eq(expected.iter().copied());
    rule(
        is_kept(&root.roles.root) && is_kept(&root.roles.targets),
        || {
            "`root` and `targets` are signed by the members of now, each with its one key, and by nobody else"
            .to_owned()
        },
    )
}
