//! States that no client follows: skipped, rolled back, expired, mixed, forged by the hub, beyond what a role may say.

use super::*;

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
