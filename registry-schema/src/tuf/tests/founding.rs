//! Founding a consortium, and drafts that pass from member to member.

use super::*;

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
