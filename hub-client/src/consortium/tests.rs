#![allow(clippy::unwrap_used, reason = "tests")]

use registry_schema::log::note::VerifierKey;

use super::*;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
const LOG: &str = "hub.example.org/log1+b30413d9+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
const WITNESS: &str =
    "witness.example.net/w1+63fbd762+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY";

struct Office {
    folder: tempfile::TempDir,
    folders: Folders,
}

impl Office {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::under(folder.path());
        for name in ["alpha", "beta", "gamma", "online", "spare"] {
            keys::generate(&folders, name).unwrap();
        }
        Self { folder, folders }
    }

    fn public(&self, name: &str) -> String {
        let path = self.folders.keys().join(format!("{name}.pub.pem"));
        path.display().to_string()
    }

    fn key(&self, name: &str) -> PublicKey {
        keys::load_public(Path::new(&self.public(name))).unwrap()
    }

    fn founding(&self) -> Draft {
        let members = ["alpha", "beta", "gamma"]
            .map(|name| format!("{name}={}", self.public(name)).parse().unwrap());
        found(
            &Founding {
                name: "test",
                members: &members,
                threshold: None,
                names: &["dots=alpha,beta:2".parse().unwrap()],
                log_policy: &format!("log {LOG}\nquorum none\n"),
                online_key: &self.key("online"),
            },
            NOW,
        )
        .unwrap()
    }

    fn founded(&self) -> Bundle {
        let path = self.folder.path().join("founding.draft");
        write_new(&self.founding(), &path).unwrap();
        for name in ["alpha", "beta"] {
            let nothing: [&str; 0] = [];
            sign(&self.folders, &path, &nothing, Some(name), &nothing, NOW).unwrap();
        }
        let online = keys::load(&self.folders, "online").unwrap();
        Bundle::found(&read(&path).unwrap(), &online, NOW).unwrap()
    }
}

#[test]
fn members_owners_and_witnesses_are_read_as_written() {
    let member: MemberKey = "alpha=a.pem".parse().unwrap();
    assert_eq!(member.key_path, "a.pem");
    let name: NameOwners = "passport-extractor=alpha,beta:2".parse().unwrap();
    assert_eq!((name.owners.len(), name.threshold), (2, 2));
    let witness: LogWitness = format!("w1={WITNESS},https://w1.example.net")
        .parse()
        .unwrap();
    assert_eq!(witness.url.as_deref(), Some("https://w1.example.net"));
    for bad in ["alpha", "alpha=", "Al=a.pem", "=a.pem"] {
        assert!(bad.parse::<MemberKey>().is_err(), "{bad}");
    }
    for bad in ["x1", "x1=", "x1=alpha:two", "X=alpha", "x1=alpha,,beta"] {
        assert!(bad.parse::<NameOwners>().is_err(), "{bad}");
    }
    for bad in [
        "w1",
        "w1=",
        "w1=key",
        &format!("w 1={WITNESS}"),
        &format!("w1={WITNESS},"),
    ] {
        assert!(bad.parse::<LogWitness>().is_err(), "{bad}");
    }
}

#[test]
fn a_draft_is_written_once_changed_in_place_and_signed_in_turn() {
    let office = Office::new();
    let path = office.folder.path().join("a.draft");
    write_new(&office.founding(), &path).unwrap();
    assert!(
        write_new(&office.founding(), &path).is_err(),
        "never replaced"
    );
    let nothing: [&str; 0] = [];
    let early = NOW - jiff::SignedDuration::from_hours(48);
    let alpha = Some("alpha");
    let refused = sign(&office.folders, &path, &nothing, alpha, &nothing, early);
    let words = refused.unwrap_err().to_string();
    assert!(words.contains("proposed before it is signed"), "{words}");
    let releases = ["spare"];
    let (draft, signed) = sign(&office.folders, &path, &nothing, alpha, &releases, NOW).unwrap();
    assert_eq!(signed, ["root 1", "targets 1", "keyring of alpha"]);
    let keyring = &draft.files()["keyring/alpha.json"];
    for (name, is_in_it) in [("spare", true), ("alpha", false)] {
        let pem = office.key(name).to_pem().unwrap();
        assert_eq!(keyring.contains(pem.lines().nth(1).unwrap()), is_in_it);
    }
    assert!(!draft.status().unwrap().is_complete());
    let stranger = sign(
        &office.folders,
        &path,
        &nothing,
        Some("spare"),
        &nothing,
        NOW,
    );
    assert!(matches!(
        stranger,
        Err(ConsortiumError::Draft(DraftError::NotYours { .. }))
    ));
    // A change takes the signatures away; one that is refused leaves the file alone.
    let before = std::fs::read(&path).unwrap();
    let refused = edit(&path, |plan| {
        plan.threshold = 3;
        Ok(())
    });
    assert!(refused.is_err());
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let draft = edit(&path, |plan| {
        plan.threshold = 1;
        Ok(())
    })
    .unwrap();
    assert!(draft.status().unwrap().parts[0].signed.is_empty());
}

#[test]
fn a_member_retires_a_stolen_key_alone() {
    let office = Office::new();
    let bundle = office.founded();
    let rotation = KeyRotation {
        add: vec![office.key("spare")],
        retire: vec![office.key("alpha").id()],
        from: 50,
        until: 40,
        note: Some("laptop stolen".into()),
        ..KeyRotation::default()
    };
    let alpha: MemberName = "alpha".parse().unwrap();
    let rotate = |key: &str, rotation: &KeyRotation| {
        rotate_keys(&office.folders, &bundle, &alpha, key, rotation, NOW)
    };
    let draft = rotate("alpha", &rotation).unwrap();
    assert!(draft.status().unwrap().is_complete());
    let file = KeyringFile::parse(&alpha, &draft.files()["keyring/alpha.json"]).unwrap();
    assert_eq!((file.keys[0].until, file.keys[1].from), (Some(40), 50));
    assert_eq!(file.keys[0].note.as_deref(), Some("laptop stolen"));
    assert!(rotate("beta", &rotation).is_err(), "not beta's keyring");
    let unknown = KeyRotation {
        retire: vec![office.key("gamma").id()],
        ..KeyRotation::default()
    };
    assert!(matches!(
        rotate("alpha", &unknown),
        Err(ConsortiumError::Draft(DraftError::UnknownKey { .. }))
    ));
}

#[test]
fn witnesses_are_written_as_a_policy_that_reads_back() {
    let log: VerifierKey = LOG.parse().unwrap();
    let policy = Policy::of_log(&log);
    let witness = |name: &str| LogWitness {
        name: name.to_owned(),
        key: WITNESS.parse().unwrap(),
        url: Some("https://w.example.net".into()),
    };
    let text = with_witnesses(&policy, &[witness("w1")], 1).unwrap();
    let read = Policy::parse(&text).unwrap();
    assert_eq!((read.logs().len(), read.witnesses().len()), (1, 1));
    assert!(!read.is_quorum_none());
    assert!(
        Policy::parse(&with_witnesses(&policy, &[], 0).unwrap())
            .unwrap()
            .is_quorum_none()
    );
    for (count, quorum) in [(1, 2), (1, 0), (0, 1)] {
        let witnesses = vec![witness("w1"); count];
        assert!(with_witnesses(&policy, &witnesses, quorum).is_err());
    }
}

#[test]
fn the_policy_file_of_the_first_version_is_moved_over() {
    let office = Office::new();
    let pem = |name: &str| std::fs::read_to_string(office.public(name)).unwrap();
    let text = format!(
        "v = 1\nconsortium = \"old\"\n\
         [members.alpha]\nkeys = ['''{}''', '''{}''']\n\
         [members.beta]\nkeys = ['''{}''']\n\
         [names.dots]\nowners = [\"alpha\", \"beta\"]\nthreshold = 2\n",
        pem("alpha"),
        pem("spare"),
        pem("beta")
    );
    let path = office.folder.path().join("consortium.toml");
    std::fs::write(&path, &text).unwrap();
    let log_policy = format!("log {LOG}\nquorum none\n");
    let online_key = office.key("online");
    let wish = Founding {
        name: "",
        members: &[],
        threshold: None,
        names: &[],
        log_policy: &log_policy,
        online_key: &online_key,
    };
    let mut draft = found_from_policy(&path, &wish, NOW).unwrap();
    for name in ["alpha", "beta"] {
        let key = keys::load(&office.folders, name).unwrap();
        draft.sign(&key, &[]).unwrap();
    }
    let online = keys::load(&office.folders, "online").unwrap();
    let bundle = Bundle::found(&draft, &online, NOW).unwrap();
    let verified = bundle.verify(&bundle.anchor(), NOW).unwrap();
    assert_eq!(verified.consortium.consortium, "old");
    let owners = verified
        .consortium
        .owners(&"dots".parse().unwrap(), 0)
        .unwrap();
    assert_eq!((owners.owners.len(), owners.threshold), (2, 2));
    let file = KeyringFile::parse(
        &"alpha".parse().unwrap(),
        &bundle.files["keyring/alpha.json"],
    );
    assert_eq!(file.unwrap().statement_keys(0).len(), 2);
    std::fs::write(&path, text.replace("v = 1", "v = 2")).unwrap();
    assert!(found_from_policy(&path, &wish, NOW).is_err());
}
