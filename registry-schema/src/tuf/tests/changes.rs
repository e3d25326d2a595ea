//! What a hub takes of drafts, and what it never takes.

use jiff::Timestamp;

use super::*;

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
fn nobody_takes_a_key_of_another_member_also_when_that_one_has_lapsed() {
    let first = founded(&THREE, &[]);
    // Gamma has another trust key, and has not signed its keyring with it yet.
    let second = changed(&first, &[101, 102], |plan| {
        plan.replace_key(&member("gamma"), key(113).public())
            .unwrap();
    })
    .unwrap();
    let refused = |bundle: &Bundle, now: Timestamp, seed: u8| {
        let taken = |file: &mut KeyringFile| {
            file.keys.push(KeyEntry::statement(&key(3).public(), 0)?);
            Ok(())
        };
        let mut draft = Draft::change_keyring(bundle, &member("beta"), now, taken).unwrap();
        draft.sign(&key(seed), &[]).unwrap();
        let refused = bundle.accept(&draft, &online(), now);
        assert!(
            matches!(&refused, Err(TufError::Keyring { reason, .. }) if reason.contains("gamma")),
            "{refused:?}"
        );
    };
    refused(&first, NOW, 102);
    refused(&second, NOW, 102);
    // Nor has it renewed it in time, as beta has.
    let draft = Draft::propose(&first, days(300)).unwrap();
    let plan = draft.plan().unwrap();
    let mut draft = draft.planned(&plan).unwrap();
    for seed in [101, 102] {
        draft.sign(&key(seed), &[]).unwrap();
    }
    let third = first.accept(&draft, &online(), days(300)).unwrap();
    let third = third.renewed(&online(), days(370)).unwrap().unwrap();
    let verified = third.verify(&first.anchor(), days(370)).unwrap();
    assert!(matches!(
        verified.keyrings[&member("gamma")],
        KeyringState::Expired(_)
    ));
    refused(&third, days(370), 102);
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

#[test]
fn what_a_stolen_online_key_counted_ends_with_it() {
    let first = founded(&THREE, &[]);
    let far = first.brought_back(&online(), NOW).unwrap();
    let draft = proposed(&first, &[101, 102], |plan| {
        plan.online_key = key(98).public();
    });
    let second = first.accept(&draft, &key(98), NOW).unwrap();
    assert!(second.version().unwrap() < far.version().unwrap());
    // The same online key under another root counts on.
    let kept = changed(&first, &[101, 102], |plan| plan.threshold = 1).unwrap();
    for (state, known, is_older) in [
        (&first, &first, false),
        (&far, &first, false),
        (&first, &far, true),
        (&second, &far, false),
        (&far, &second, true),
        (&kept, &first, false),
        (&kept, &far, true),
        (&far, &kept, true),
    ] {
        assert_eq!(state.is_older_than(known).unwrap(), is_older);
    }
}
