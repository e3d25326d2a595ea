//! Files, key ids and names as others write them.

use super::*;

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
