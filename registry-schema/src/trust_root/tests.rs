#![allow(clippy::unwrap_used, reason = "tests")]

use jiff::{Timestamp, ToSpan};

use super::*;
use crate::keys::{KeyId, SecretKey};
use crate::tuf::bundle::{Bundle, KeyringState};
use crate::tuf::draft::{Draft, Plan};
use crate::tuf::files::{KeyEntry, KeyringFile, NameOwners};

pub(crate) const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

const LOG_POLICY: &str =
    "log hub.example.org/log1+b30413d9+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs
quorum none
";

pub(crate) fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

pub(crate) fn member(name: &str) -> MemberName {
    name.parse().unwrap()
}

pub(crate) fn owners(from: u64, owners: &[&str], threshold: usize) -> NameOwners {
    NameOwners {
        from,
        owners: owners.iter().map(|owner| member(owner)).collect(),
        threshold,
    }
}

/// The hub's online key.
pub(crate) fn online() -> SecretKey {
    key(200)
}

/// A plan of members whose trust keys have the seeds 100 + n, n from 1 in the order given.
pub(crate) fn plan(members: &[&str], names: &[(&str, NameOwners)]) -> Plan {
    let keys = (101..)
        .zip(members)
        .map(|(seed, name)| (member(name), key(seed).public()));
    let names = names
        .iter()
        .map(|(name, own)| (name.parse().unwrap(), own.clone()));
    Plan::new(
        "test",
        keys.collect(),
        names.collect(),
        LOG_POLICY.into(),
        online().public(),
    )
    .unwrap()
}

/// A founded consortium: every member signed with its trust key; its statement keys have the seeds
/// n and 10 + n.
pub(crate) fn founded(members: &[&str], names: &[(&str, NameOwners)]) -> Bundle {
    let mut draft = Draft::found(&plan(members, names), NOW).unwrap();
    for (n, _) in (1..).zip(members) {
        let statement = [key(n).public(), key(10 + n).public()];
        draft.sign(&key(100 + n), &statement).unwrap();
    }
    Bundle::found(&draft, &online(), NOW).unwrap()
}

pub(crate) fn verified(bundle: &Bundle) -> ConsortiumRoot {
    ConsortiumRoot::verify(bundle, &bundle.anchor(), NOW).unwrap()
}

/// A member's own change of its keyring, published.
pub(crate) fn rekeyed(
    bundle: &Bundle,
    name: &str,
    trust_seed: u8,
    change: impl FnOnce(&mut KeyringFile),
) -> Bundle {
    let mut draft = Draft::change_keyring(bundle, &member(name), NOW, |file| {
        change(file);
        Ok(())
    })
    .unwrap();
    draft.sign(&key(trust_seed), &[]).unwrap();
    bundle.accept(&draft, &online(), NOW).unwrap()
}

pub(crate) fn days(count: i64) -> Timestamp {
    NOW.checked_add((24 * count).hours()).unwrap()
}

/// The same consortium 370 days after it was founded: two members changed root and targets on day
/// 300, and these members renewed their keyrings then, by name and seed of the trust key.
pub(crate) fn a_year_later(
    bundle: &Bundle,
    renewing: &[(&str, u8)],
    change: impl FnOnce(&mut Plan),
) -> ConsortiumRoot {
    let (anchor, later) = (bundle.anchor(), days(300));
    let draft = Draft::propose(bundle, later).unwrap();
    let mut plan = draft.plan().unwrap();
    change(&mut plan);
    let mut draft = draft.planned(&plan).unwrap();
    for seed in [101, 102] {
        draft.sign(&key(seed), &[]).unwrap();
    }
    let mut bundle = bundle.accept(&draft, &online(), later).unwrap();
    for (name, seed) in renewing {
        let mut draft = Draft::change_keyring(&bundle, &member(name), later, |_| Ok(())).unwrap();
        draft.sign(&key(*seed), &[]).unwrap();
        bundle = bundle.accept(&draft, &online(), later).unwrap();
    }
    let bundle = bundle.renewed(&online(), days(370)).unwrap().unwrap();
    ConsortiumRoot::verify(&bundle, &anchor, days(370)).unwrap()
}

fn ids(ownership: &Ownership) -> Vec<KeyId> {
    let seeds = (1..=40).map(|seed| key(seed).public().id());
    seeds.filter(|id| ownership.key(id).is_some()).collect()
}

fn id(seed: u8) -> KeyId {
    key(seed).public().id()
}

#[test]
fn owners_of_bare_and_of_members_names() {
    let names = [("passport-extractor", owners(0, &["alpha", "beta"], 2))];
    let root = verified(&founded(&["alpha", "beta"], &names));
    let bare = root
        .ownership(&"passport-extractor".parse().unwrap(), 7)
        .unwrap();
    assert_eq!((bare.threshold(), ids(&bare).len()), (2, 4));
    let own = root
        .ownership(&"alpha/anything".parse().unwrap(), NOT_LOGGED)
        .unwrap();
    assert_eq!((own.member_names().as_str(), own.threshold()), ("alpha", 1));
    assert_eq!(ids(&own), [id(1), id(11)]);
    assert!(matches!(
        root.ownership(&"gamma/x1".parse().unwrap(), 0),
        Err(TrustError::UnknownMember { .. })
    ));
    assert!(matches!(
        root.ownership(&"other-name".parse().unwrap(), 0),
        Err(TrustError::UnknownName { .. })
    ));
    assert_eq!(root.member_of(&id(12)), Some(&member("beta")));
}

#[test]
fn a_stolen_key_counts_until_the_first_bad_index_and_a_new_one_from_then_on() {
    let bundle = founded(&["alpha", "beta"], &[]);
    let bundle = rekeyed(&bundle, "alpha", 101, |file| {
        file.keys[0].until = Some(100);
        file.keys
            .push(KeyEntry::statement(&key(31).public(), 120).unwrap());
    });
    let root = verified(&bundle);
    let keys = |index| ids(&root.ownership(&"alpha/x1".parse().unwrap(), index).unwrap());
    assert_eq!(keys(99), [id(1), id(11)]);
    assert_eq!(keys(100), [id(11)]);
    assert_eq!(keys(120), [id(11), id(31)]);
    assert_eq!(keys(NOT_LOGGED), [id(11), id(31)]);
    let recorded = root.including_retired_keys();
    let all = recorded.ownership(&"alpha/x1".parse().unwrap(), 100);
    assert_eq!(ids(&all.unwrap()), [id(1), id(11), id(31)]);
    let retired = root.ownership(&"alpha/x1".parse().unwrap(), 100).unwrap();
    assert_eq!(retired.retired(&id(1)).unwrap().range.until, Some(100));
}

#[test]
fn owners_and_members_change_from_an_index_on() {
    let names = [("passport-extractor", owners(0, &["alpha"], 1))];
    let bundle = founded(&["alpha", "beta", "gamma"], &names);
    let mut draft = Draft::propose(&bundle, NOW).unwrap();
    let mut plan = draft.plan().unwrap();
    let name: Name = "passport-extractor".parse().unwrap();
    plan.set_owners(&name, owners(50, &["beta", "gamma"], 2))
        .unwrap();
    plan.remove_member(&member("alpha"), 60).unwrap();
    plan.add_member(&member("delta"), key(104).public(), 70)
        .unwrap();
    draft = draft.planned(&plan).unwrap();
    for seed in [101, 102, 104] {
        draft.sign(&key(seed), &[key(4).public()]).unwrap();
    }
    let bundle = bundle.accept(&draft, &online(), NOW).unwrap();
    let root = verified(&bundle);
    let who = |name: &str, index| {
        root.ownership(&name.parse().unwrap(), index)
            .map(|own| own.member_names())
    };
    assert_eq!(who("passport-extractor", 49).unwrap(), "alpha");
    assert_eq!(who("passport-extractor", 50).unwrap(), "beta, gamma");
    assert_eq!(who("alpha/x1", 59).unwrap(), "alpha");
    assert!(matches!(
        who("alpha/x1", 60),
        Err(TrustError::NotMemberThen { .. })
    ));
    assert!(matches!(
        who("delta/x1", 69),
        Err(TrustError::NotMemberThen { .. })
    ));
    assert_eq!(who("delta/x1", 70).unwrap(), "delta");
    assert!(!root.has_member(&member("alpha")) && root.has_member(&member("delta")));
    assert_eq!(root.version(), 2);
}

#[test]
fn members_without_a_keyring_cannot_sign_and_stop_nobody() {
    let names = [("both-own", owners(0, &["alpha", "gamma"], 1))];
    let mut draft = Draft::found(&plan(&["alpha", "beta", "gamma"], &names), NOW).unwrap();
    for n in [1, 2] {
        draft.sign(&key(100 + n), &[key(n).public()]).unwrap();
    }
    let root = verified(&Bundle::found(&draft, &online(), NOW).unwrap());
    assert!(matches!(
        root.ownership(&"gamma/x1".parse().unwrap(), 0),
        Err(TrustError::Keyring { .. })
    ));
    let both = root.ownership(&"both-own".parse().unwrap(), 0).unwrap();
    assert_eq!(ids(&both), [id(1)]);
}

#[test]
fn two_owners_cannot_share_a_key() {
    let key = key(1).public();
    let shared = Ownership::new(
        vec![
            (member("alpha"), vec![key.clone()]),
            (member("beta"), vec![key]),
        ],
        2,
    );
    assert!(matches!(
        shared.check_distinct(),
        Err(TrustError::SharedKey { .. })
    ));
}

#[test]
fn the_keyring_of_a_member_that_left_stays_as_it_was_left() {
    let bundle = founded(&["alpha", "beta", "gamma"], &[]);
    let go = |plan: &mut Plan| plan.remove_member(&member("gamma"), 50).unwrap();
    let root = a_year_later(&bundle, &[("alpha", 101)], go);
    assert!(matches!(
        root.keyring(&member("gamma")),
        KeyringState::Valid(_)
    ));
    let own = |index| root.ownership(&"gamma/x1".parse().unwrap(), index);
    assert_eq!(ids(&own(49).unwrap()), [id(3), id(13)]);
    assert!(matches!(own(50), Err(TrustError::NotMemberThen { .. })));
    // Beta is still a member, and has only forgotten.
    assert!(matches!(
        root.keyring(&member("beta")),
        KeyringState::Expired(_)
    ));
}

#[test]
fn what_a_lapsed_keyring_lists_is_known_and_does_not_count() {
    let names = [("both-own", owners(0, &["alpha", "beta"], 1))];
    let bundle = founded(&["alpha", "beta", "gamma"], &names);
    let bundle = rekeyed(&bundle, "beta", 102, |keyring| {
        keyring.keys[0].until = Some(40);
    });
    let expired = a_year_later(&bundle, &[("alpha", 101)], |_| {});
    // The other way to lapse: another trust key, with which beta has not signed yet.
    let mut draft = Draft::propose(&bundle, NOW).unwrap();
    let mut plan = draft.plan().unwrap();
    plan.replace_key(&member("beta"), key(112).public())
        .unwrap();
    draft = draft.planned(&plan).unwrap();
    for seed in [101, 103] {
        draft.sign(&key(seed), &[]).unwrap();
    }
    let unsigned = verified(&bundle.accept(&draft, &online(), NOW).unwrap());
    for root in [expired, unsigned] {
        let name: Name = "both-own".parse().unwrap();
        let of = |own: Result<Ownership, TrustError>| ids(&own.unwrap());
        assert_eq!(of(root.ownership(&name, 45)), [id(1), id(11)]);
        let lapsed = root.including_lapsed_keyrings();
        assert_eq!(of(lapsed.ownership(&name, 45)), [id(1), id(11), id(12)]);
        let all = root.including_retired_keys();
        assert_eq!(of(all.ownership(&name, 45)), [id(1), id(2), id(11), id(12)]);
        assert_eq!(root.member_of(&id(2)), None);
        let own: Name = "beta/x1".parse().unwrap();
        assert!(matches!(
            root.ownership(&own, 45),
            Err(TrustError::Keyring { .. })
        ));
        assert_eq!(of(lapsed.ownership(&own, 45)), [id(12)]);
    }
}
