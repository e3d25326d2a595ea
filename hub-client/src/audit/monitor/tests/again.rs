//! What is told until somebody heard it, and what is judged anew when the trust root changes.

use registry_schema::tuf::files::KeyEntry;
use registry_schema::verify::{Asked, verify_release};

use super::*;
use crate::config::HubConfig;
use crate::registry::RegistryError;

/// The consortium after a change of a member's keyring, which its trust key signs.
fn rekeyed(of: &Bundle, member: &str, seed: u8, change: impl FnOnce(&mut Vec<KeyEntry>)) -> Bundle {
    let change = |file: &mut registry_schema::tuf::files::KeyringFile| {
        change(&mut file.keys);
        Ok(())
    };
    let member = member.parse().unwrap();
    let mut draft = Draft::change_keyring(of, &member, NOW, change).unwrap();
    draft.sign(&key(seed), &[]).unwrap();
    of.accept(&draft, &key(9), NOW).unwrap()
}

/// The consortium after a change that alpha and beta sign.
fn changed(of: &Bundle, change: impl FnOnce(&mut Plan)) -> Bundle {
    let draft = Draft::propose(of, NOW).unwrap();
    let mut plan = draft.plan().unwrap();
    change(&mut plan);
    let mut draft = draft.planned(&plan).unwrap();
    draft.sign(&key(101), &[]).unwrap();
    draft.sign(&key(102), &[]).unwrap();
    of.accept(&draft, &key(9), NOW).unwrap()
}

fn is_void(finding: &Finding, at: u64) -> bool {
    matches!(finding, Finding::Void { index, .. } if *index == at)
}

fn is_unjudged(finding: &Finding, at: u64) -> bool {
    matches!(finding, Finding::Unjudged { index, .. } if *index == at)
}

#[test]
fn what_nobody_has_heard_is_told_again() {
    let mut world = World::new();
    let base = release("beta/dots", "one");
    world.entries = vec![world.sign(base.to_payload(), 2)];
    world.serve();
    assert!(world.findings().is_empty());
    // A key is taken back before entry 1, which it signs all the same.
    world.root = root_of(&rekeyed(&consortium(), "beta", 102, |keys| {
        keys[0].until = Some(1);
    }));
    world
        .entries
        .push(world.sign(yank(&base, 1).to_payload(), 2));
    world.serve();
    // A run whose findings nobody sees, and one with a hub that does not answer.
    let unseen = world.watch(|_| {}).unwrap();
    assert!(is_void(&unseen.findings[1], 1), "{:?}", unseen.findings);
    let expected = unseen.findings.clone();
    drop(unseen);
    let registry = Registry::new(&HubConfig {
        url: "http://127.0.0.1:1".to_owned(),
        token: None,
        certificate: None,
        client_certificate: None,
    });
    let registry = registry.unwrap();
    let watched = world.watch_hub(&registry).unwrap();
    assert_eq!(watched.findings, expected);
    assert!(matches!(
        watched.hub_fault,
        Some(AuditError::Registry(RegistryError::Connection { .. }))
    ));
    watched.told().unwrap();
    assert!(world.findings().is_empty());
}

#[test]
fn a_key_that_is_taken_back_voids_what_was_read_before() {
    let mut world = World::new();
    let base = release("beta/dots", "one");
    world.entries = vec![
        world.sign(base.to_payload(), 2),
        b"not an envelope".to_vec(),
        world.sign(yank(&base, 1).to_payload(), 2),
        b"nor this".to_vec(),
    ];
    world.serve();
    assert_eq!(world.findings().len(), 2);
    let rest = world.watch(|request| request.acknowledged = vec![1..=1]);
    assert_eq!(rest.unwrap().findings.len(), 1);
    assert!(
        world
            .recalled()
            .name(&"beta/dots".parse().unwrap())
            .unwrap()
            .releases[&"1.0.0".parse().unwrap()]
            .is_yanked
    );

    let taken = rekeyed(&consortium(), "beta", 102, |keys| keys[0].until = Some(2));
    world.root = root_of(&taken);
    let findings = world.findings();
    let [
        Finding::Invalid { index: 3, .. },
        Finding::KeyChanged { .. },
        void,
    ] = &findings[..]
    else {
        panic!("{findings:?}");
    };
    assert!(is_void(void, 2), "{findings:?}");
    let known = world.recalled();
    let known =
        &known.name(&"beta/dots".parse().unwrap()).unwrap().releases[&"1.0.0".parse().unwrap()];
    assert!(known.counts && !known.is_yanked);
    assert_eq!(world.findings().len(), 1, "the alarm alone");
    // Given back, it counts again, and nothing else is told of that.
    world.root = root_of(&rekeyed(&taken, "beta", 102, |keys| keys[0].until = None));
    let findings = world.findings();
    assert!(
        matches!(
            &findings[..],
            [Finding::Invalid { .. }, Finding::KeyChanged { .. }]
        ),
        "{findings:?}"
    );
    assert_eq!(world.recalled().size(), 4);
}

#[test]
fn a_release_that_does_not_count_is_not_the_newest() {
    let mut world = World::new();
    let older = world.sign(versioned("beta/dots", "1.0.0", "one").to_payload(), 2);
    world.entries = vec![
        world.sign(versioned("beta/dots", "1.1.0", "a thief").to_payload(), 2),
        older.clone(),
    ];
    world.serve();
    assert!(world.findings().is_empty());
    let shown = |world: &World| {
        let release = verify_release(&*world.root, &Asked::Anything, &older, 1).unwrap();
        let reference = "beta/dots@1".parse().unwrap();
        world.recalled().check_newest(&reference, &release)
    };
    assert!(matches!(
        shown(&world),
        Err(AuditError::Withheld { index: 0, .. })
    ));
    world.root = root_of(&rekeyed(&consortium(), "beta", 102, |keys| {
        keys[0].from = 1;
    }));
    assert!(world.findings().iter().any(|one| is_void(one, 0)));
    shown(&world).unwrap();
}

#[test]
fn who_has_no_keyring_is_judged_when_there_is_one() {
    let mut world = World::new();
    let gamma: registry_schema::name::MemberName = "gamma".parse().unwrap();
    let joined = changed(&consortium(), |plan| {
        plan.add_member(&gamma, key(103).public(), 0).unwrap();
    });
    world.root = root_of(&joined);
    let base = release("gamma/dots", "one");
    world.entries = vec![
        world.sign(base.to_payload(), 3),
        world.sign(release("gamma/mine", "a thief").to_payload(), 2),
        world.sign(yank(&base, 1).to_payload(), 3),
    ];
    world.serve();
    let findings = world.findings();
    assert_eq!(findings.len(), 3, "{findings:?}");
    assert!((0..3).all(|at| is_unjudged(&findings[at as usize], at)));
    assert!(world.findings().is_empty(), "told once");
    // Its keyring is there: what it signed counts, what it did not sign is an alarm.
    let signed = rekeyed(&joined, "gamma", 103, |keys| {
        keys.push(KeyEntry::statement(&key(3).public(), 0).unwrap());
    });
    world.root = root_of(&signed);
    let findings = world.findings();
    assert!(
        matches!(
            &findings[..],
            [Finding::Invalid { index: 1, .. }, Finding::KeyAdded { .. }]
        ),
        "{findings:?}"
    );
    let known = world.recalled();
    let known =
        &known.name(&"gamma/dots".parse().unwrap()).unwrap().releases[&"1.0.0".parse().unwrap()];
    assert!(known.counts && known.is_yanked);
    // Without it again, what was judged stays judged, and what comes is not.
    let lost = changed(&signed, |plan| {
        plan.replace_key(&gamma, key(104).public()).unwrap();
    });
    world.root = root_of(&lost);
    world
        .entries
        .push(world.sign(yank(&base, 2).to_payload(), 3));
    world.serve();
    let findings = world.findings();
    let [
        Finding::Invalid { index: 1, .. },
        Finding::KeyGone { .. },
        unjudged,
    ] = &findings[..]
    else {
        panic!("{findings:?}");
    };
    assert!(is_unjudged(unjudged, 3), "{findings:?}");
}

#[test]
fn all_yanked_releases_of_a_name_get_their_turn() {
    let mut memory = Memory::new(&root_of(&consortium()));
    let name: registry_schema::name::Name = "beta/dots".parse().unwrap();
    for minor in 0..120 {
        let known = ReleaseMemory {
            index: minor,
            statement: Digest::of(b"statement"),
            content: Digest::of(b"content"),
            counts: true,
            is_yanked: true,
            yanks: vec![minor],
            evaluations: Vec::new(),
        };
        let releases = &mut memory.name_mut(&name).releases;
        releases.insert(semver::Version::new(1, minor, 0), known);
    }
    let mut turns = Vec::new();
    for _ in 0..3 {
        let turn = memory.next_yanked(&name, 50);
        assert_eq!(turn.len(), 50);
        turns.extend(turn);
    }
    let distinct: BTreeSet<_> = turns.iter().collect();
    assert_eq!(distinct.len(), 120);
    assert_eq!(turns[100..120].iter().collect::<BTreeSet<_>>().len(), 20);
    assert_eq!(turns[120].minor, 0, "and then from the first");
}
