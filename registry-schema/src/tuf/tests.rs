#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use super::bundle::{Bundle, KeyringState, VerifiedBundle};
use super::draft::{Draft, DraftError, Plan, usual_threshold};
use super::files::{ConsortiumFile, IndexRange, KeyEntry, KeyringFile};
use super::metadata::{
    MetaFile, Role, Root, Snapshot, Targets, TimestampRole, TufKeyId, expiry, key_table,
};
use super::*;
use crate::digest::Digest;
use crate::keys::{PublicKey, SecretKey};
use crate::trust_root::tests::{NOW, days, founded, key, member, online, owners, plan};

const THREE: [&str; 3] = ["alpha", "beta", "gamma"];

fn check(bundle: &Bundle) -> Result<VerifiedBundle, TufError> {
    bundle.verify(&bundle.anchor(), NOW)
}

/// The next state after a proposal that the members with these seeds signed.
fn changed(
    bundle: &Bundle,
    seeds: &[u8],
    change: impl FnOnce(&mut Plan),
) -> Result<Bundle, TufError> {
    let draft = proposed(bundle, seeds, change);
    bundle.accept(&draft, &online(), NOW)
}

fn proposed(bundle: &Bundle, seeds: &[u8], change: impl FnOnce(&mut Plan)) -> Draft {
    let draft = Draft::propose(bundle, NOW).unwrap();
    let mut plan = draft.plan().unwrap();
    change(&mut plan);
    let mut draft = draft.planned(&plan).unwrap();
    for seed in seeds {
        draft.sign(&key(*seed), &[]).unwrap();
    }
    draft
}

/// Metadata changed and signed again by these keys.
fn forged<T: Role>(text: &str, keys: &[&SecretKey], change: impl FnOnce(&mut T)) -> String {
    let mut signed = Signed::<T>::parse("forged", text).unwrap();
    change(signed.change());
    for key in keys {
        signed.sign(key).unwrap();
    }
    signed.to_text().unwrap()
}

/// A bundle whose snapshot and timestamp fit whatever is in it: a hub that lies with its own key.
fn resealed(mut bundle: Bundle) -> Bundle {
    let pin = |text: &str| {
        let version = Signed::<Targets>::parse("t", text)
            .unwrap()
            .content()
            .version;
        MetaFile::of(version, text.as_bytes())
    };
    let mut meta = BTreeMap::from([("targets.json".to_owned(), pin(&bundle.targets))]);
    for (member, text) in &bundle.keyrings {
        meta.insert(format!("{member}.json"), pin(text));
    }
    bundle.snapshot = forged::<Snapshot>(&bundle.snapshot, &[&online()], |snapshot| {
        snapshot.meta = meta;
    });
    let version = Signed::<Snapshot>::parse("s", &bundle.snapshot).unwrap();
    let pin = MetaFile::of(version.content().version, bundle.snapshot.as_bytes());
    bundle.timestamp = forged::<TimestampRole>(&bundle.timestamp, &[&online()], |timestamp| {
        timestamp.meta = BTreeMap::from([("snapshot.json".to_owned(), pin)]);
    });
    bundle
}

#[test]
fn a_consortium_is_founded_by_a_threshold_of_its_members() {
    let mut draft = Draft::found(&plan(&THREE, &[]), NOW).unwrap();
    draft.sign(&key(101), &[]).unwrap();
    let alone = Bundle::found(&draft, &online(), NOW);
    assert!(
        matches!(&alone, Err(TufError::UnderSigned { role, found: 1, needed: 2 }) if role == "root"),
        "{alone:?}"
    );
    let status = draft.status().unwrap();
    assert!(!status.is_complete());
    let missing: Vec<_> = status.parts[0]
        .missing
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(missing.len(), 2);
    draft.sign(&key(103), &[]).unwrap();
    assert!(draft.status().unwrap().is_complete());
    let bundle = Bundle::found(&draft, &online(), NOW).unwrap();
    let verified = check(&bundle).unwrap();
    assert_eq!((verified.root_version, verified.targets_version), (1, 1));
    assert_eq!(verified.thresholds.root, (2, 3));
    assert!(matches!(
        verified.keyrings[&member("beta")],
        KeyringState::Absent
    ));
    assert!(matches!(
        Bundle::found(&draft, &key(99), NOW),
        Err(TufError::OnlineKey)
    ));
}

#[test]
fn drafts_pass_from_member_to_member_and_merge() {
    let draft = Draft::found(&plan(&THREE, &[]), NOW).unwrap();
    let text = draft.to_text().unwrap();
    let signed_by = |seed| {
        let mut copy = Draft::parse(&text).unwrap();
        copy.sign(&key(seed), &[]).unwrap();
        Draft::parse(&copy.to_text().unwrap()).unwrap()
    };
    let mut merged = signed_by(101);
    merged.merge(&signed_by(102)).unwrap();
    assert!(merged.status().unwrap().is_complete());
    assert_eq!(merged.keyrings().len(), 2);
    Bundle::found(&merged, &online(), NOW).unwrap();
    let other = Draft::found(&plan(&THREE[..2], &[]), NOW).unwrap();
    assert!(merged.merge(&other).is_err());
    assert!(matches!(
        merged.sign(&key(77), &[]),
        Err(DraftError::NotYours { .. })
    ));
}

#[test]
fn a_draft_whose_files_are_not_what_is_signed_is_refused() {
    let draft = Draft::found(&plan(&THREE, &[]), NOW).unwrap();
    let text = draft.to_text().unwrap();
    let swapped = text.replace("quorum none", "quorum  none");
    assert!(Draft::parse(&swapped).is_err());
    // What a draft shows is all it does: a root that says more than the plan is no draft.
    for (from, to) in [
        ("\"threshold\": 2", "\"threshold\": 1"),
        (
            "\"consistent_snapshot\": true",
            "\"consistent_snapshot\": false",
        ),
    ] {
        let hidden = text.replacen(from, to, 1);
        assert_ne!(hidden, text);
        assert!(Draft::parse(&hidden).is_err(), "{from}");
    }
}

#[test]
fn keyrings_that_are_brought_along_wait_for_their_members() {
    let keyring = |name: &str, seed| {
        let entry = KeyEntry::statement(&key(seed).public(), 0).unwrap();
        KeyringFile::new(&member(name), vec![entry]).unwrap()
    };
    let brought = [keyring("alpha", 1), keyring("beta", 2), keyring("gamma", 3)];
    let mut draft = Draft::found_with_keyrings(&plan(&THREE, &[]), &brought, NOW).unwrap();
    for seed in [101, 102] {
        draft.sign(&key(seed), &[]).unwrap();
    }
    assert!(draft.status().unwrap().is_complete());
    let verified = check(&Bundle::found(&draft, &online(), NOW).unwrap()).unwrap();
    assert_eq!(
        verified.keyrings[&member("alpha")],
        KeyringState::Valid(brought[0].clone())
    );
    assert_eq!(verified.keyrings[&member("gamma")], KeyringState::Absent);
}

#[test]
fn one_lost_key_is_no_disaster() {
    assert_eq!(
        [1, 2, 3, 4, 5, 6, 7].map(usual_threshold),
        [1, 1, 2, 3, 3, 4, 4]
    );
    for (members, threshold, is_kept) in [
        (&THREE[..1], 1, true),
        (&THREE[..2], 1, true),
        (&THREE[..2], 2, false),
        (&THREE[..], 3, false),
        (&THREE[..], 0, false),
        (&THREE[..], 2, true),
    ] {
        let mut plan = plan(members, &[]);
        plan.threshold = threshold;
        let made = Draft::found(&plan, NOW);
        assert_eq!(
            made.is_ok(),
            is_kept,
            "{threshold} of {}: {made:?}",
            members.len()
        );
    }
    // And a client refuses such a root, whoever signed it.
    let mut bundle = founded(&THREE, &[]);
    let keys = [key(101), key(102), key(103)];
    let root = forged::<Root>(&bundle.roots[0], &keys.each_ref(), |root| {
        root.roles.root.threshold = 3;
    });
    bundle.roots = vec![root];
    let refused = check(&bundle);
    assert!(matches!(&refused, Err(TufError::Rule { rule }) if rule.contains("3 of 3")));
}

#[test]
fn roots_follow_each_other_signed_by_the_old_and_the_new_keys() {
    let first = founded(&THREE, &[]);
    let replace = |plan: &mut Plan| {
        plan.replace_key(&member("gamma"), key(113).public())
            .unwrap();
    };
    let second = changed(&first, &[101, 102], replace).unwrap();
    assert_eq!(second.roots.len(), 2);
    let verified = check(&second).unwrap();
    assert_eq!(verified.root_version, 2);
    assert!(
        matches!(
            verified.keyrings[&member("gamma")],
            KeyringState::Unusable(_)
        ),
        "gamma must sign its keyring with its new key first"
    );
    let mut draft = Draft::change_keyring(&second, &member("gamma"), NOW, |_| Ok(())).unwrap();
    draft.sign(&key(113), &[]).unwrap();
    let third = second.accept(&draft, &online(), NOW).unwrap();
    let verified = check(&third).unwrap();
    assert!(matches!(
        verified.keyrings[&member("gamma")],
        KeyringState::Valid(_)
    ));
    // Only new keys, or only one of the old, or a stranger: not enough.
    for seeds in [&[101][..], &[101, 113]] {
        let refused = changed(&first, seeds, replace);
        assert!(
            matches!(refused, Err(TufError::UnderSigned { .. })),
            "{seeds:?}: {refused:?}"
        );
    }
}

#[test]
fn skipped_and_rolled_back_roots_are_named() {
    let first = founded(&THREE, &[]);
    let mut states = vec![first];
    for threshold in [1, 2] {
        let next = changed(states.last().unwrap(), &[101, 102], |plan| {
            plan.threshold = threshold;
        });
        states.push(next.unwrap());
    }
    let newest = states.pop().unwrap();
    assert_eq!(newest.roots.len(), 3);
    check(&newest).unwrap();
    let mut skipping = newest.clone();
    skipping.roots.remove(1);
    assert!(matches!(
        check(&skipping),
        Err(TufError::SkippedVersion {
            trusted: 1,
            found: 3
        })
    ));
    let mut back = newest.clone();
    back.roots.push(newest.roots[0].clone());
    assert!(matches!(
        check(&back),
        Err(TufError::RolledBack {
            trusted: 3,
            found: 1,
            ..
        })
    ));
    let other = Digest::of(b"another root");
    assert!(matches!(
        newest.verify(&other, NOW),
        Err(TufError::Anchor { .. })
    ));
}

#[test]
fn expired_roles_are_named_with_the_time_they_were_compared_with() {
    let bundle = founded(&THREE, &[]);
    let at = |count| bundle.verify(&bundle.anchor(), days(count));
    at(2).unwrap();
    for (count, expected) in [(4, "timestamp"), (366, "root")] {
        let refused = at(count);
        assert!(
            matches!(&refused, Err(TufError::Expired { role, .. }) if role == expected),
            "{count}: {refused:?}"
        );
    }
    // The hub renews its own roles, the members theirs.
    let renewed = bundle.renewed(&online(), days(100)).unwrap().unwrap();
    renewed.verify(&bundle.anchor(), days(100)).unwrap();
    let renewed = bundle.renewed(&online(), days(181)).unwrap().unwrap();
    let refused = renewed.verify(&bundle.anchor(), days(181));
    assert!(matches!(&refused, Err(TufError::Expired { role, .. }) if role == "targets"));
    assert!(bundle.renewed(&online(), days(1)).unwrap().is_none());
    assert!(matches!(
        bundle.renewed(&key(99), days(5)),
        Err(TufError::OnlineKey)
    ));
    // As of a time when it was valid, it is: for machines without a network.
    let message = at(4).unwrap_err().to_string();
    assert!(message.contains("--as-of"), "{message}");
}

#[test]
fn an_expired_keyring_stops_its_member_alone() {
    let first = founded(&THREE, &[]);
    let later = days(300);
    let draft = Draft::propose(&first, later).unwrap();
    let plan = draft.plan().unwrap();
    let mut draft = draft.planned(&plan).unwrap();
    for seed in [101, 102] {
        draft.sign(&key(seed), &[]).unwrap();
    }
    let mut alpha = Draft::change_keyring(&first, &member("alpha"), later, |_| Ok(())).unwrap();
    alpha.sign(&key(101), &[]).unwrap();
    let second = first.accept(&draft, &online(), later).unwrap();
    let second = second.accept(&alpha, &online(), later).unwrap();
    let second = second.renewed(&online(), days(370)).unwrap().unwrap();
    let verified = second.verify(&first.anchor(), days(370)).unwrap();
    assert!(matches!(
        verified.keyrings[&member("alpha")],
        KeyringState::Valid(_)
    ));
    assert!(matches!(
        verified.keyrings[&member("beta")],
        KeyringState::Expired(_)
    ));
}

#[test]
fn mixed_files_are_named() {
    let first = founded(&THREE, &[("a-name", owners(0, &["alpha"], 1))]);
    let second = changed(&first, &[101, 102], |plan| {
        plan.log_policy = format!("{}# another\n", plan.log_policy);
    })
    .unwrap();
    check(&second).unwrap();
    type Mix = fn(&mut Bundle, &Bundle);
    let mixes: [(&str, Mix); 5] = [
        ("targets", |mixed, first| {
            mixed.targets.clone_from(&first.targets);
        }),
        ("snapshot", |mixed, first| {
            mixed.snapshot.clone_from(&first.snapshot);
        }),
        ("timestamp", |mixed, first| {
            mixed.timestamp.clone_from(&first.timestamp);
        }),
        ("log.policy", |mixed, first| {
            mixed.files.clone_from(&first.files);
        }),
        ("keyring", |mixed, _| {
            let path = "keyring/beta.json".to_owned();
            let theirs = mixed.files["keyring/alpha.json"].clone();
            mixed.files.insert(path, theirs);
        }),
    ];
    for (what, mix) in mixes {
        let mut mixed = second.clone();
        mix(&mut mixed, &first);
        let refused = check(&mixed);
        assert!(
            matches!(refused, Err(TufError::Mixed { .. })),
            "{what}: {refused:?}"
        );
    }
    let mut incomplete = second.clone();
    incomplete.keyrings.remove(&member("beta"));
    assert!(matches!(check(&incomplete), Err(TufError::Missing { .. })));
}

#[test]
fn the_hub_alone_changes_nothing_that_members_sign() {
    let bundle = founded(&THREE, &[]);
    // Targets signed by the hub's online key, with a snapshot that fits.
    let mut forgery = bundle.clone();
    forgery.targets = forged::<Targets>(&bundle.targets, &[&online()], |targets| {
        targets.version = 2;
    });
    let refused = check(&resealed(forgery));
    assert!(
        matches!(&refused, Err(TufError::UnderSigned { role, found: 0, .. }) if role == "targets"),
        "{refused:?}"
    );
    // A keyring signed by another member.
    let mut forgery = bundle.clone();
    let text = forged::<Targets>(&bundle.keyrings[&member("alpha")], &[&key(102)], |role| {
        role.version = 2;
    });
    forgery.keyrings.insert(member("alpha"), text);
    let verified = check(&resealed(forgery)).unwrap();
    assert!(matches!(
        verified.keyrings[&member("alpha")],
        KeyringState::Unusable(_)
    ));
    // A snapshot by somebody else than the hub.
    let mut forgery = bundle.clone();
    forgery.snapshot = forged::<Snapshot>(&bundle.snapshot, &[&key(101)], |_| {});
    let pin = MetaFile::of(1, forgery.snapshot.as_bytes());
    forgery.timestamp = forged::<TimestampRole>(&bundle.timestamp, &[&online()], |timestamp| {
        timestamp.meta = BTreeMap::from([("snapshot.json".to_owned(), pin)]);
    });
    assert!(matches!(
        check(&forgery),
        Err(TufError::UnderSigned { role, .. }) if role == "snapshot"
    ));
}

#[test]
fn roles_that_reach_further_than_their_member_are_refused() {
    let bundle = founded(&THREE, &[]);
    let all = [key(101), key(102), key(103)];
    type Change = fn(&mut Targets);
    let changes: [(&str, Change); 4] = [
        ("another path", |targets| {
            targets.delegations.as_mut().unwrap().roles[0].paths = vec!["*".into()];
        }),
        ("not terminating", |targets| {
            targets.delegations.as_mut().unwrap().roles[0].terminating = false;
        }),
        ("another target", |targets| {
            let file = targets.targets["log.policy"].clone();
            targets.targets.insert("more".into(), file);
        }),
        ("a member without a role", |targets| {
            targets.delegations.as_mut().unwrap().roles.remove(0);
        }),
    ];
    for (what, change) in changes {
        let mut forgery = bundle.clone();
        forgery.targets = forged(&bundle.targets, &all.each_ref(), change);
        let refused = check(&resealed(forgery));
        assert!(
            matches!(refused, Err(TufError::Rule { .. })),
            "{what}: {refused:?}"
        );
    }
    // A root with a key that is nobody's.
    let stranger = key(66).public();
    let mut forgery = bundle.clone();
    forgery.roots[0] = forged::<Root>(&bundle.roots[0], &all.each_ref(), |root| {
        root.keys.extend(key_table([&stranger]));
        root.roles.root.keyids.push(TufKeyId::of(&stranger));
    });
    let refused = check(&forgery);
    assert!(matches!(&refused, Err(TufError::Rule { rule }) if rule.contains("nobody else")));
}

#[test]
fn a_hub_takes_only_what_comes_next() {
    let first = founded(&THREE, &[]);
    let rename = |plan: &mut Plan| plan.log_policy.push_str("# more\n");
    let draft = proposed(&first, &[101, 103], rename);
    let second = first.accept(&draft, &online(), NOW).unwrap();
    assert!(matches!(
        second.accept(&draft, &online(), NOW),
        Err(TufError::Outdated { current: 2, .. })
    ));
    // A key of somebody else, and a keyring that its member did not sign.
    let steal = |file: &mut KeyringFile| {
        file.keys.push(KeyEntry::statement(&key(1).public(), 0)?);
        Ok(())
    };
    let mut draft = Draft::change_keyring(&second, &member("beta"), NOW, steal).unwrap();
    assert!(matches!(
        second.accept(&draft, &online(), NOW),
        Err(TufError::Keyring { .. })
    ));
    draft.sign(&key(102), &[]).unwrap();
    let refused = second.accept(&draft, &online(), NOW);
    assert!(
        matches!(&refused, Err(TufError::Keyring { reason, .. }) if reason.contains("alpha")),
        "{refused:?}"
    );
}

#[test]
fn the_root_changes_only_when_it_must() {
    let first = founded(&THREE, &[]);
    let draft = proposed(&first, &[], |plan| plan.log_policy.push_str("# more\n"));
    assert!(draft.root().is_none() && draft.targets().is_some());
    let base = draft.base().unwrap();
    assert!(base.is_of(&first).unwrap());
    let other = changed(&first, &[101, 102], |plan| plan.threshold = 1).unwrap();
    assert!(!base.is_of(&other).unwrap());
    let soon = Draft::propose(&first, days(200)).unwrap();
    assert!(soon.root().is_some(), "half of its life is over");
    let nobody = proposed(&first, &[101], |plan| plan.threshold = 1);
    let kept = nobody.clone().planned(&nobody.plan().unwrap()).unwrap();
    assert_eq!(kept, nobody, "the same plan keeps the signatures");
    let mut other = nobody.plan().unwrap();
    other.log_policy.push_str("# more\n");
    let changed = nobody.planned(&other).unwrap();
    assert!(changed.status().unwrap().parts[2].signed.is_empty());
}

#[test]
fn the_files_keep_their_rules() {
    let good = plan(&THREE, &[("a-name", owners(0, &["alpha"], 1))]).consortium;
    let text = good.to_text().unwrap();
    assert_eq!(ConsortiumFile::parse(&text).unwrap(), good);
    let with = |change: fn(&mut ConsortiumFile)| {
        let mut file = good.clone();
        change(&mut file);
        file.check()
    };
    type Change = fn(&mut ConsortiumFile);
    let changes: [(&str, Change); 7] = [
        ("no member", |file| file.members.clear()),
        ("overlap", |file| {
            let ranges = vec![IndexRange::open(0), IndexRange::open(5)];
            file.members.insert(member("alpha"), ranges);
        }),
        ("a role's name", |file| {
            file.members
                .insert(member("root"), vec![IndexRange::open(0)]);
        }),
        ("a stranger owns", |file| {
            let own = owners(0, &["nobody"], 1);
            file.names.insert("x-name".parse().unwrap(), vec![own]);
        }),
        ("too many must sign", |file| {
            let own = owners(0, &["alpha"], 2);
            file.names.insert("x-name".parse().unwrap(), vec![own]);
        }),
        ("out of order", |file| {
            let own = owners(5, &["alpha"], 1);
            file.names
                .insert("x-name".parse().unwrap(), vec![own.clone(), own]);
        }),
        ("a member's name", |file| {
            let own = owners(5, &["alpha"], 1);
            file.names.insert("alpha/name".parse().unwrap(), vec![own]);
        }),
    ];
    for (what, change) in changes {
        assert!(with(change).is_err(), "{what}");
    }
    assert!(ConsortiumFile::parse(&text.replace("\"v\": 1", "\"v\": 2")).is_err());
    let alpha = member("alpha");
    let entry = KeyEntry::statement(&key(1).public(), 3).unwrap();
    assert!(KeyringFile::new(&alpha, vec![entry.clone(), entry.clone()]).is_err());
    let ended = KeyEntry {
        until: Some(2),
        ..entry
    };
    assert!(KeyringFile::new(&alpha, vec![ended]).is_err());
}

#[test]
fn key_ids_are_those_of_other_implementations() {
    // Computed with python-tuf 7 and securesystemslib 1.4: `Key.from_dict` and `SSlibKey`.
    let key = PublicKey::from_pem(&key(7).public().to_pem().unwrap()).unwrap();
    let expected = format!(
        "{{\"keytype\":\"ed25519\",\"keyval\":{{\"public\":\"{}\"}},\"scheme\":\"ed25519\"}}",
        crate::hex::encode(&key.to_bytes())
    );
    assert_eq!(
        TufKeyId::of(&key).to_string(),
        Digest::of(expected.as_bytes()).to_hex()
    );
    assert_eq!(expiry(NOW, 1).as_second(), NOW.as_second() + 86_400);
}

#[test]
fn served_under_the_names_that_clients_ask_for() {
    let bundle = founded(&THREE[..1], &[]);
    let served = bundle.served_files().unwrap();
    let names: Vec<&str> = served.keys().map(String::as_str).collect();
    let digest = Digest::of(bundle.files["keyring/alpha.json"].as_bytes()).to_hex();
    assert!(names.contains(&format!("targets/keyring/{digest}.alpha.json").as_str()));
    for expected in [
        "metadata/1.root.json",
        "metadata/1.snapshot.json",
        "metadata/1.targets.json",
        "metadata/1.alpha.json",
        "metadata/timestamp.json",
    ] {
        assert!(names.contains(&expected), "{expected} in {names:?}");
    }
    assert_eq!(Bundle::parse(&bundle.to_text().unwrap()).unwrap(), bundle);
    // The same files make the same state again, and none of them can be done without.
    let read = |path: &str| Ok::<_, TufError>(served.get(path).cloned());
    assert_eq!(Bundle::of_served_files(read).unwrap(), bundle);
    for gone in served.keys().filter(|path| !path.ends_with("root.json")) {
        let read = |path: &str| Ok(served.get(path).filter(|_| path != gone).cloned());
        let made: Result<Bundle, TufError> = Bundle::of_served_files(read);
        assert!(matches!(made, Err(TufError::Missing { .. })), "{gone}");
    }
}

#[test]
fn what_was_logged_while_a_draft_went_round_stays_valid() {
    let names = [("a-name", owners(0, &["alpha"], 1))];
    let before = plan(&THREE, &names);
    let next = |change: &dyn Fn(&mut Plan)| {
        let mut plan = before.clone();
        change(&mut plan);
        plan.consortium.check().unwrap();
        plan.consortium
    };
    let name = "a-name".parse().unwrap();
    let set_owners = next(&|plan| {
        let own = owners(118, &["alpha", "beta"], 2);
        plan.set_owners(&name, own).unwrap();
    });
    let remove = next(&|plan| plan.remove_member(&member("gamma"), 118).unwrap());
    let other_past = next(&|plan| {
        let own = owners(0, &["beta"], 1);
        plan.set_owners(&name, own).unwrap();
    });
    let now = &before.consortium;
    for changed in [&set_owners, &remove] {
        now.check_continued_by(changed, 118).unwrap();
        let refused = now.check_continued_by(changed, 119);
        let is_named = matches!(
            &refused,
            Err(TufError::Backdated {
                from: 118,
                size: 119,
                ..
            })
        );
        assert!(is_named, "{refused:?}");
        // Once it holds, it holds: taken back it would be another past.
        changed.check_continued_by(changed, 300).unwrap();
        changed.check_continued_by(now, 118).unwrap();
    }
    assert!(set_owners.check_continued_by(now, 119).is_err());
    assert!(now.check_continued_by(&other_past, 1).is_err());
    now.check_continued_by(&other_past, 0).unwrap();
    // Who comes needs no place ahead of the log, nor does a name that nobody had.
    let added = next(&|plan| {
        plan.add_member(&member("delta"), key(104).public(), 3)
            .unwrap();
        let own = owners(3, &["delta"], 1);
        plan.set_owners(&"new-name".parse().unwrap(), own).unwrap();
    });
    now.check_continued_by(&added, 119).unwrap();
    // A member that vanishes from the file, and one that was away for a while.
    let mut without = now.clone();
    without.members.remove(&member("gamma"));
    assert!(now.check_continued_by(&without, 1).is_err());
    let mut away = now.clone();
    let [first, second] = [(0, Some(7)), (9, None)];
    let range = |(from, until)| IndexRange { from, until };
    away.members
        .insert(member("gamma"), vec![range(first), range(second)]);
    assert!(matches!(
        now.check_continued_by(&away, 8),
        Err(TufError::Backdated { from: 7, .. })
    ));
    now.check_continued_by(&away, 7).unwrap();
}

#[test]
fn a_member_can_go_at_the_index_at_which_it_came() {
    let mut plan = plan(&THREE, &[]);
    let delta = member("delta");
    plan.add_member(&delta, key(104).public(), 5).unwrap();
    plan.remove_member(&delta, 5).unwrap();
    plan.consortium.check().unwrap();
    assert!(!plan.consortium.is_member(&delta) && !plan.consortium.was_member(&delta, 5));
    plan.add_member(&delta, key(104).public(), 5).unwrap();
    plan.consortium.check().unwrap();
    plan.remove_member(&delta, 4).unwrap();
    assert!(plan.consortium.check().is_err());
}

#[test]
fn a_key_ends_and_never_leaves_its_keyring() {
    let first = founded(&THREE, &[]);
    let accept = |change: &dyn Fn(&mut KeyringFile)| {
        let mut draft = Draft::change_keyring(&first, &member("gamma"), NOW, |file| {
            change(file);
            Ok(())
        })
        .unwrap();
        draft.sign(&key(103), &[]).unwrap();
        first.accept(&draft, &online(), NOW)
    };
    accept(&|file| file.keys[0].until = Some(0)).unwrap();
    let id = key(3).public().id().to_string();
    let purposes: [&dyn Fn(&mut KeyringFile); 2] = [
        &|file| {
            file.keys.remove(0);
        },
        &|file| file.keys[0] = KeyEntry::statement(&key(33).public(), 0).unwrap(),
    ];
    for change in purposes {
        let refused = accept(change);
        assert!(
            matches!(&refused, Err(TufError::Keyring { reason, .. }) if reason.contains(&id)),
            "{refused:?}"
        );
    }
    // Nor with another trust key, by which the old keyring is not signed.
    let second = changed(&first, &[101, 102], |plan| {
        plan.replace_key(&member("gamma"), key(113).public())
            .unwrap();
    })
    .unwrap();
    let drop = |file: &mut KeyringFile| {
        file.keys.clear();
        Ok(())
    };
    let mut draft = Draft::change_keyring(&second, &member("gamma"), NOW, drop).unwrap();
    draft.sign(&key(113), &[]).unwrap();
    assert!(second.accept(&draft, &online(), NOW).is_err());
}

#[test]
fn nothing_is_valid_for_longer_than_it_may_be() {
    let first = founded(&THREE, &[]);
    let draft = proposed(&first, &[], |plan| plan.threshold = 1);
    let mut value: serde_json::Value = serde_json::from_str(&draft.to_text().unwrap()).unwrap();
    let parts: Vec<_> = draft.expiries().into_iter().map(|(what, _)| what).collect();
    assert_eq!(parts, ["root", "targets"]);
    for part in ["root", "targets"] {
        let mut longer = value.clone();
        longer[part]["signed"]["expires"] = "2099-01-01T00:00:00Z".into();
        let refused = Draft::parse(&longer.to_string()).unwrap_err().to_string();
        assert!(refused.contains("days at most"), "{part}: {refused}");
    }
    let alpha = member("alpha");
    let renewed = Draft::change_keyring(&first, &alpha, NOW, |_| Ok(())).unwrap();
    let text = renewed.to_text().unwrap();
    let mut longer: serde_json::Value = serde_json::from_str(&text).unwrap();
    longer["keyrings"]["alpha"]["signed"]["expires"] = "2099-01-01T00:00:00Z".into();
    let refused = Draft::parse(&longer.to_string()).unwrap_err().to_string();
    assert!(refused.contains("the keyring of `alpha`"), "{refused}");
    // Nor by saying that it was proposed later.
    value["proposed_at"] = days(2).to_string().into();
    let mut late = Draft::parse(&value.to_string()).unwrap();
    for seed in [101, 102] {
        late.sign(&key(seed), &[]).unwrap();
    }
    late.check_time(days(1)).unwrap();
    assert!(matches!(late.check_time(NOW), Err(TufError::Rule { .. })));
    assert!(matches!(
        first.accept(&late, &online(), NOW),
        Err(TufError::Rule { .. })
    ));
    first.accept(&late, &online(), days(1)).unwrap();
}

#[test]
fn a_state_that_was_brought_back_is_newer_than_any_that_was_shown() {
    let backup = founded(&THREE, &[]);
    let mut shown = backup.clone();
    for day in (3..360).step_by(3) {
        shown = shown.renewed(&online(), days(day)).unwrap().unwrap();
    }
    let back = backup.brought_back(&online(), days(1)).unwrap();
    assert!(back.version().unwrap() > shown.version().unwrap());
    let snapshot = |bundle: &Bundle| {
        let text = &bundle.snapshot;
        let signed = Signed::<Snapshot>::parse("s", text).unwrap();
        signed.content().version
    };
    assert!(snapshot(&back) > snapshot(&shown));
    back.verify(&backup.anchor(), days(1)).unwrap();
    assert!(backup.brought_back(&key(99), NOW).is_err());
}
