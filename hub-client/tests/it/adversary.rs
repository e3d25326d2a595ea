//! What a dishonest operator can do who has the hub's own keys, and what is held against it.

use std::path::{Path, PathBuf};

use registry_schema::envelope::Envelope;
use registry_schema::keys::SecretKey;
use registry_schema::log::note::{KeyKind, Note, NoteSignature, SignerKey};
use serde_json::Value;

use super::hostile_hub::{Proxy, get};
use super::lying_log::{LyingLog, forged, key_of, signed_by, text, unsigned};
use super::witnesses::Witnessed;
use super::world::{Run, World};

/// A machine that has pinned the trust root and has not seen the log yet.
pub(crate) struct Newcomer<'a> {
    world: &'a World,
    name: String,
}

impl<'a> Newcomer<'a> {
    pub(crate) fn to(world: &'a World) -> Self {
        let root = world.folder.path();
        let number = std::fs::read_dir(root).unwrap().count();
        let name = format!("newcomer-{number}");
        std::fs::create_dir_all(root.join(&name).join("project")).unwrap();
        copy(&root.join("beta/home"), &root.join(&name).join("home"));
        Self { world, name }
    }

    /// Runs `hub` against an address.
    pub(crate) fn hub(&self, arguments: &[&str], url: &str) -> Run {
        let line = [arguments, &["--hub", url]].concat();
        let mut command = self.world.command(&self.name, &line);
        command.env("HUB_TOKEN", self.world.token("beta", &[]));
        Run::of(command)
    }

    /// Runs `hub` without one.
    pub(crate) fn alone(&self, arguments: &[&str]) -> Run {
        self.world.hub(&self.name, arguments)
    }

    pub(crate) fn pull(&self, reference: &str, hub: &Proxy) -> Run {
        self.hub(&["pull", reference, "--no-lock"], &hub.url)
    }

    /// Where it keeps things.
    pub(crate) fn home(&self) -> PathBuf {
        self.world.home(&self.name)
    }

    /// Pulls and expects an integrity error that holds `words`, and nothing visible.
    #[track_caller]
    pub(crate) fn refuses(&self, reference: &str, hub: &Proxy, words: &str) {
        self.pull(reference, hub).fails(4, words);
        let listed = self.alone(&["list", "--json"]).json();
        let releases = listed["releases"].as_array().unwrap();
        assert!(releases.is_empty(), "nothing may be visible: {releases:?}");
    }
}

/// Settings and pinned trust, without what was seen or pulled.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if path.is_file() {
            std::fs::copy(&path, to.join(name)).unwrap();
        } else if !["log", "store", "cache"].iter().any(|other| *other == name) {
            copy(&path, &to.join(name));
        }
    }
}

/// A world whose log has `dots@2.0.0` by alpha and `alpha/dots@2.0.0`, with a hub that speaks plain HTTP.
pub(crate) fn two_releases() -> Option<(World, LyingLog)> {
    let mut world = World::start()?;
    world.publish(&world.author("dots", "2.0.0", "three_features", 3));
    world.publish(&world.author("alpha/dots", "2.0.0", "three_features", 3));
    world.restart_without_tls();
    let log = LyingLog::of(&world);
    Some((world, log))
}

/// Answers about `dots` with another envelope.
fn instead(envelope: &[u8]) -> impl Fn(&str, &mut Value) + Send + Sync + 'static {
    let envelope = text(envelope);
    move |path, answer| {
        if path.contains("/_/dots/releases/") && answer["envelope"].is_string() {
            answer["envelope"] = envelope.clone();
        }
    }
}

#[test]
fn what_the_log_has_must_be_signed_by_who_may() {
    let Some((world, log)) = two_releases() else {
        return;
    };
    let release = log.entries[0].clone();
    // The forged log is as good as the real one: what follows is refused for its signatures alone.
    let same = log.clone().hub(&world, |_, _| ());
    Newcomer::to(&world).pull("dots@2", &same).ok();

    let stranger = SecretKey::from_seed(&[77; 32]);
    let beta = key_of(&world, "beta");
    for (bad, words) in [
        (signed_by(&release, &[&beta]), "which is no key of an owner"),
        (
            signed_by(&release, &[&stranger]),
            "which is no key of an owner",
        ),
        (
            forged(&release, &stranger),
            "was changed after it was signed",
        ),
        (unsigned(&release), "signed by 0 of the 1 owners"),
    ] {
        let hub = log.with(&[&bad]).hub(&world, instead(&bad));
        Newcomer::to(&world).refuses("dots@2", &hub, words);
    }
    // A name that two own, signed by one of them.
    let joint = String::from_utf8(payload(&release)).unwrap();
    let joint = joint.replace("\"dots", "\"joint").into_bytes();
    let half = Envelope::sign(joint, &[&beta]).to_bytes();
    let hub = log.and(&half).hub(&world, instead(&half));
    let (url, token) = (hub.url.clone(), world.token("beta", &[]));
    let renamed = move |path: &str| {
        let asked = path.contains("/_/joint/releases/");
        asked.then(|| get(&url, "/api/v1/extractors/_/dots/releases/2", &token))
    };
    let hub = Proxy::answering(hub.url, renamed, |_, body| body);
    Newcomer::to(&world).refuses("joint@2", &hub, "signed by 1 of the 2 owners");
}

/// What alpha never said, signed with its key: `dots@2.0.0` with another summary.
pub(crate) fn forged_release(world: &World, log: &LyingLog, summary: &str) -> Vec<u8> {
    let owner = key_of(world, "alpha");
    let text = String::from_utf8(payload(&log.entries[0])).unwrap();
    let text = text.replace("Channel means", summary);
    Envelope::sign(text.into_bytes(), &[&owner]).to_bytes()
}

fn payload(entry: &[u8]) -> Vec<u8> {
    let envelope = Envelope::parse(entry).unwrap();
    envelope.payload().to_vec()
}

/// Answers are refused when they hold control characters; an entry holds them escaped, and the error about it
/// repeats them.
#[test]
fn nothing_that_a_hub_logs_steers_a_terminal() {
    let Some((world, log)) = two_releases() else {
        return;
    };
    let bad = br#"{"\u001b[2J\u202epayload": ""}"#;
    let hub = log.with(&[bad]).hub(&world, instead(bad));
    let run = Newcomer::to(&world).pull("dots@2", &hub);
    assert!(run.stderr.contains("[2J\u{fffd}payload"), "{run}");
    let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!run.stderr.contains(steers), "{:?}", run.stderr);
}

#[test]
fn a_revoked_key_signs_nothing_that_is_logged_later() {
    let Some((world, log)) = two_releases() else {
        return;
    };
    let shown = world.consortium("alpha", &["show", "--json"]).json();
    let members = shown["members"].as_array().unwrap();
    let alpha = members.iter().find(|one| one["member"] == "alpha").unwrap();
    let stolen = alpha["keys"][0].as_str().unwrap().to_owned();
    world.hub("alpha", &["keygen", "--name", "new"]).ok();
    let new = world.home("alpha").join("keys/new.pub.pem");
    let rotate = ["rotate-keys", "--member", "alpha", "--key", "default"];
    let keys = [
        "--retire",
        &stolen,
        "--until",
        "2",
        "--add",
        new.to_str().unwrap(),
    ];
    world
        .consortium("alpha", &[&rotate[..], &keys].concat())
        .ok();
    // What it signed before is good, at its place; the thief's copy of it is not.
    let honest = log.clone().hub(&world, |_, _| ());
    Newcomer::to(&world).pull("dots@2", &honest).ok();
    let thief = key_of(&world, "alpha");
    let later = signed_by(&log.entries[0], &[&thief]);
    let hub = log.and(&later).hub(&world, instead(&later));
    let words = "counts from log index 0 until before 2";
    Newcomer::to(&world).refuses("dots@2", &hub, words);
}

#[test]
fn a_release_that_is_not_in_the_log_is_none() {
    let Some((world, log)) = two_releases() else {
        return;
    };
    let not_proven = "does not prove that the statement is in the log";
    // Signed by its owner, kept from the log: in answers with the proof of another entry, of another log, of none.
    let hidden = forged_release(&world, &log, "Channel modes");
    let logged = log.with(&[&hidden]).hub(&world, instead(&hidden));
    let words = Newcomer::to(&world).pull("dots@2", &logged);
    assert!(
        !words.stderr.contains(not_proven),
        "once logged, it counts: {words}"
    );
    let unlogged = log.clone().hub(&world, instead(&hidden));
    Newcomer::to(&world).refuses("dots@2", &unlogged, not_proven);
    // An inclusion proof for another leaf.
    let (own, other) = (log.proof(0), log.proof(1));
    let swapped = Proxy::start(world.server.url.clone(), move |path, body| {
        if path.contains("/_/dots/releases/") {
            let (own, other) = (own.lines().nth(2).unwrap(), other.lines().nth(2).unwrap());
            super::hostile_hub::replace(&body, own, other)
        } else {
            body
        }
    });
    Newcomer::to(&world).refuses("dots@2", &swapped, not_proven);
    let moved = Proxy::start(world.server.url.clone(), |path, body| {
        if path.contains("/_/dots/releases/") {
            super::hostile_hub::replace(&body, "index 0\\n", "index 1\\n")
        } else {
            body
        }
    });
    Newcomer::to(&world).refuses("dots@2", &moved, not_proven);
}

#[test]
fn what_members_say_is_signed_also_when_the_log_has_it() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.publish(&world.author("dots", "2.0.0", "three_features", 3));
    let warn = [
        "advisory",
        "dots@2.0.0",
        "--severity",
        "high",
        "--text",
        "Seen.",
    ];
    world
        .hub("gamma", &[&warn[..], &["--title", "Blind"]].concat())
        .ok();
    world
        .hub(
            "alpha",
            &["yank", "dots@2.0.0", "--reason", "wrong colours"],
        )
        .ok();
    world.restart_without_tls();
    let log = LyingLog::of(&world);
    let honest = log.clone().hub(&world, |_, _| ());
    let run = Newcomer::to(&world).pull("dots@2.0.0", &honest).ok();
    assert!(run.stderr.contains("Blind"), "{run}");
    let [_, advisory, yank] = &log.entries[..] else {
        panic!("three statements were logged")
    };
    let (beta, stranger) = (key_of(&world, "beta"), SecretKey::from_seed(&[77; 32]));
    for bad in [
        signed_by(advisory, &[&beta]),
        forged(advisory, &stranger),
        unsigned(advisory),
    ] {
        let said = text(&bad);
        let hub = log.and(&bad).hub(&world, move |path, answer| {
            if path.ends_with("/advisories") {
                answer["advisories"][0]["envelope"] = said.clone();
            }
        });
        let words = "`gamma` has not signed this statement";
        Newcomer::to(&world).refuses("dots@2.0.0", &hub, words);
    }
    for (bad, words) in [
        (signed_by(yank, &[&beta]), "which is no key of an owner"),
        (forged(yank, &stranger), "was changed after it was signed"),
        (unsigned(yank), "signed by 0 of the 1 owners"),
    ] {
        let said = text(&bad);
        let hub = log.and(&bad).hub(&world, move |path, answer| {
            if path.contains("/releases/") {
                answer["yanks"][0] = said.clone();
            }
        });
        Newcomer::to(&world).refuses("dots@2.0.0", &hub, words);
    }
}

#[test]
fn without_the_quorum_of_witnesses_nothing_is_believed() {
    let Some(hub) = Witnessed::start() else {
        return;
    };
    let world = &hub.world;
    world.publish(&world.author("dots", "2.0.0", "three_features", 3));
    let all = hub.checkpoint(|note| note.signatures().len() == 4);
    let log = LyingLog::of(world);
    let none = "lacks the quorum `all-of-us` of witnesses";

    // As many of the real cosignatures as `count`; two are the quorum.
    let keeping = |count: usize| {
        let keep = move |body: Vec<u8>| -> Vec<u8> {
            let text = String::from_utf8_lossy(&body).into_owned();
            strip_cosignatures(&text, count).into_bytes()
        };
        Proxy::start(world.server.url.clone(), move |path, body| {
            let is_of_log = path == "/log/checkpoint" || path.contains("/releases/");
            if is_of_log { keep(body) } else { body }
        })
    };
    Newcomer::to(world).pull("dots@2", &keeping(2)).ok();
    Newcomer::to(world).refuses("dots@2", &keeping(1), none);
    Newcomer::to(world).refuses("dots@2", &keeping(0), none);

    // Witnesses of the operator's own: of the same names, and with the right key's number on a wrong signature.
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap();
    let names = all.signatures()[1..].iter().map(|one| one.name.clone());
    let cosigners = names.map(|name| {
        let key = SecretKey::from_seed(&[78; 32]);
        (SignerKey::new(name, KeyKind::Cosignature, key), now)
    });
    let mut own = log.clone();
    own.cosigners = cosigners.collect();
    let impostors = own.clone().hub(world, |_, _| ());
    Newcomer::to(world).refuses("dots@2", &impostors, none);
    let note = claiming(&own.checkpoint(), &all);
    let claimed = Proxy::answering(
        world.server.url.clone(),
        {
            let note = note.to_string().into_bytes();
            move |path| (path == "/log/checkpoint").then(|| note.clone())
        },
        move |path, body| {
            if !path.contains("/releases/") {
                return body;
            }
            let mut answer: Value = serde_json::from_slice(&body).unwrap();
            let proof = answer["proof"].as_str().unwrap();
            let (head, _) = proof.split_once("\n\n").unwrap();
            answer["proof"] = format!("{head}\n\n{note}").into();
            answer.to_string().into_bytes()
        },
    );
    Newcomer::to(world).refuses("dots@2", &claimed, "signatures are not good");
}

/// Keeps the first `count` cosignatures of every checkpoint in a text, be it in JSON or not.
fn strip_cosignatures(text: &str, count: usize) -> String {
    let mut parts = text.split("\u{2014} ");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    let mut found = 0;
    for part in parts {
        let is_cosignature = part.contains(".example/w ");
        found = if is_cosignature { found + 1 } else { 0 };
        if !is_cosignature || found <= count {
            kept += &format!("\u{2014} {part}");
            continue;
        }
        // What follows the line stays.
        let end = ["\\n", "\n"]
            .iter()
            .filter_map(|end| Some(part.find(end)? + end.len()))
            .min();
        kept += &part[end.unwrap_or(part.len())..];
    }
    kept
}

/// The signatures of one note under the key ids of another.
fn claiming(signed: &Note, real: &Note) -> Note {
    let mut note = Note::new(signed.text().to_owned()).unwrap();
    for (signature, real) in signed.signatures().iter().zip(real.signatures()) {
        let signature = NoteSignature {
            key_id: real.key_id,
            ..signature.clone()
        };
        note.add(signature).unwrap();
    }
    note
}
