//! A hub that shows different histories to different machines, an old one, or none that can be read.

use std::path::PathBuf;
use std::process::Command;

use registry_schema::limits;

use super::adversary::{Newcomer, forged_release, two_releases};
use super::hostile_hub::Proxy;
use super::log_judges::has_go;
use super::lying_log::LyingLog;
use super::witnesses::Witnessed;
use super::world::{Run, World, files_below};

/// The folder of evidence that a machine has, if any.
fn evidence(home: &std::path::Path) -> Option<PathBuf> {
    let files = files_below(home).into_iter().map(|(path, _)| path);
    let mut readme = files.filter(|path| path.ends_with("README.txt") && is_evidence(path));
    Some(readme.next()?.parent()?.to_owned())
}

fn is_evidence(path: &std::path::Path) -> bool {
    path.to_string_lossy().contains("/evidence/")
}

/// Go's judgement of evidence; `None` without Go, which has then been said.
fn judged_by_go(world: &World, folder: &std::path::Path) -> Option<Run> {
    if !has_go() {
        return None;
    }
    let policy = std::fs::read_to_string(world.folder.path().join("log.policy")).unwrap();
    let key = policy.split_whitespace().nth(1).unwrap().to_owned();
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/go/check_evidence.go");
    let mut command = Command::new("go");
    command
        .args(["run", program])
        .arg(folder)
        .arg(key)
        .env("GO111MODULE", "off")
        .env("GOPATH", "/usr/share/gocode")
        .env("GOFLAGS", "-buildvcs=false");
    Some(Run::of(command))
}

/// The drill "the operator lies" of docs/TRUST.md.
#[test]
fn another_history_is_caught_and_proven_to_anybody() {
    let Some((world, log)) = two_releases() else {
        return;
    };
    let honest = log.clone().hub(&world, |_, _| ());
    let other = forged_release(&world, &log, "Channel modes");
    // As long as the real one, longer, and longer with another second entry alone.
    let cases = [
        (
            log.with(&[&other, &log.entries[1]]),
            "two logs of 2 entries\n",
        ),
        (
            log.with(&[&other, &log.entries[1], &log.entries[0]]),
            "the log of 3 entries does not continue the one of 2\n",
        ),
        (
            log.with(&[&log.entries[0], &other, &log.entries[1]]),
            "the log of 3 entries does not continue the one of 2\n",
        ),
    ];
    for (fork, verdict) in cases {
        let victim = Newcomer::to(&world);
        victim.pull("dots@2", &honest).ok();
        let lying = fork.hub(&world, |_, _| ());
        let caught = "shows another history than before";
        victim.pull("alpha/dots@2", &lying).fails(4, caught);
        let folder = evidence(&victim.home()).expect("there is evidence");
        if let Some(run) = judged_by_go(&world, &folder) {
            assert_eq!(run.ok().stdout, verdict);
        }
        // From now on also what it says truly is not believed, by no command, until a person says so.
        let distrusted = "has shown two histories";
        victim.pull("alpha/dots@2", &honest).fails(4, distrusted);
        victim
            .hub(&["show", "dots@2"], &honest.url)
            .fails(4, distrusted);
        victim.alone(&["trust", "--forget-log"]).ok();
        victim.pull("alpha/dots@2", &honest).ok();
        assert!(evidence(&victim.home()).is_none(), "it is put aside");
    }
}

#[test]
fn a_proof_of_another_history_is_caught_too() {
    let Some((world, log)) = two_releases() else {
        return;
    };
    // The checkpoint everybody sees, and for one victim a release that only another history has.
    let other = forged_release(&world, &log, "Channel modes");
    let fork = log.with(&[&other, &log.entries[1]]);
    let (proof, envelope) = (fork.proof(0), String::from_utf8(other).unwrap());
    let split = log.hub(&world, move |path, answer| {
        if path.contains("/_/dots/releases/") {
            answer["envelope"] = envelope.clone().into();
            answer["proof"] = proof.clone().into();
        }
    });
    let victim = Newcomer::to(&world);
    victim.pull("dots@2", &split).fails(4, "another history");
    assert!(evidence(&victim.home()).is_some());
}

#[test]
fn a_log_that_becomes_shorter_is_refused() {
    let Some((world, log)) = two_releases() else {
        return;
    };
    let honest = log.clone().hub(&world, |_, _| ());
    let user = Newcomer::to(&world);
    user.pull("dots@2", &honest).ok();
    let rolled_back = log.with(&[&log.entries[0]]).hub(&world, |_, _| ());
    let words = "had 2 entries when this machine last saw it, and now it shows 1";
    user.pull("dots@2.0.0", &rolled_back).fails(4, words);
    assert!(evidence(&user.home()).is_none(), "an old copy is not a lie");
    user.pull("alpha/dots@2", &honest).ok();
}

#[test]
fn a_log_that_stands_still_is_refused_after_a_while() {
    let Some(hub) = Witnessed::start() else {
        return;
    };
    let world = &hub.world;
    world.publish(&world.author("dots", "2.0.0", "three_features", 3));
    hub.checkpoint(|note| note.signatures().len() == 4);
    // What real witnesses said some days ago, beside a trust root that is of today.
    let shown = |seconds_ago: u64| {
        let mut log = LyingLog::of(world);
        let time = u64::try_from(jiff::Timestamp::now().as_second()).unwrap() - seconds_ago;
        let keys = hub.witnesses.iter().map(|witness| (witness.secret(), time));
        log.cosigners = keys.collect();
        log.hub(world, |_, _| ())
    };
    let young = shown(limits::CHECKPOINT_AGE_SECONDS - 600);
    Newcomer::to(world).pull("dots@2", &young).ok();
    let old = shown(limits::CHECKPOINT_AGE_SECONDS + 600);
    let words = "was last seen by its witnesses at";
    Newcomer::to(world).refuses("dots@2", &old, words);
    // The trust root is followed all the same, as that may be the repair; nobody is left to think that the log was seen.
    let trusting = Newcomer::to(world).hub(&["trust", "--json"], &old.url);
    let warning: serde_json::Value = serde_json::from_str(&trusting.stderr).unwrap();
    trusting.json();
    let warning = warning["warning"].as_str().unwrap();
    assert!(warning.starts_with("the log was not checked") && warning.contains(words));
}

/// What a hub may send in the place of the files of its log.
#[test]
fn malformed_files_of_the_log_are_refused() {
    let Some((world, log)) = two_releases() else {
        return;
    };
    let note = log.checkpoint().to_string();
    let long = vec![b'a'; limits::NOTE_BYTES + 1];
    let lines = format!(
        "{note}{}",
        "\u{2014} a.b/c AAAAAAA=\n".repeat(limits::NOTE_SIGNATURES)
    );
    let other_origin = note.replacen("extractor-hub", "extractor-bub", 2);
    let flipped = note.replacen("\n2\n", "\n3\n", 1);
    let notes: Vec<(Vec<u8>, &str)> = vec![
        (b"<html>".to_vec(), "checkpoint cannot be read"),
        (b"\xff\xfe\n\n".to_vec(), "checkpoint cannot be read"),
        (
            note.trim_end().as_bytes().to_vec(),
            "checkpoint cannot be read",
        ),
        (lines.into_bytes(), "checkpoint cannot be read"),
        (long, "larger than"),
        (other_origin.into_bytes(), "checkpoint does not count"),
        (flipped.into_bytes(), "checkpoint does not count"),
    ];
    for (bytes, words) in notes {
        let hub = with_file(&world, log.clone(), "/log/checkpoint", bytes);
        let run = Newcomer::to(&world).pull("dots@2", &hub);
        assert!(run.code == 4 || run.code == 5, "{run}");
        assert!(
            run.stderr.contains(words) && !run.stderr.contains("panicked"),
            "{words}: {run}"
        );
    }

    // Somebody who saw one entry must be shown that two continue it.
    let shorter = log.with(&[&log.entries[0]]).hub(&world, |_, _| ());
    let tile = log.file("tile/0/000.p/2").unwrap();
    let mut wrong = tile.clone();
    wrong[0] ^= 1;
    let tiles: Vec<(Vec<u8>, &str)> = vec![
        (wrong, "tiles do not fit its checkpoint"),
        (tile[..63].to_vec(), "tile"),
        ([&tile[..], &[0]].concat(), ""),
        (vec![0; 1 << 20], ""),
        (Vec::new(), ""),
    ];
    for (bytes, words) in tiles {
        let user = Newcomer::to(&world);
        user.pull("dots@2", &shorter).ok();
        let hub = with_file(&world, log.clone(), "/log/tile/0/000.p/2", bytes);
        let run = user.pull("alpha/dots@2", &hub);
        assert!(run.code == 4 || run.code == 5, "{run}");
        assert!(
            run.stderr.contains(words) && !run.stderr.contains("panicked"),
            "{words}: {run}"
        );
        assert!(
            evidence(&user.home()).is_none(),
            "rubbish proves nothing: {run}"
        );
    }

    let proof = log.proof(0);
    let hash = proof.lines().nth(2).unwrap().to_owned();
    let long = format!("{hash}\n").repeat(limits::PROOF_HASHES + 1);
    for (bad, words) in [
        (String::new(), "cannot be read"),
        (proof.replacen("@v1", "@v2", 1), "cannot be read"),
        (proof.replacen("index 0", "index 00", 1), "cannot be read"),
        (
            proof.replacen("index 0", "index 18446744073709551616", 1),
            "cannot be read",
        ),
        (proof.replacen(&hash, "AAAA", 1), "cannot be read"),
        (
            proof.replacen(&format!("{hash}\n"), &long, 1),
            "cannot be read",
        ),
        (
            proof.replacen(&format!("{hash}\n"), "", 1),
            "does not prove",
        ),
        (proof.replacen("index 0", "index 2", 1), "does not prove"),
        (
            "x".repeat(limits::PROOF_FILE_BYTES + 1),
            "past the limit of",
        ),
    ] {
        let hub = Proxy::start(world.server.url.clone(), move |path, body| {
            if !path.contains("/_/dots/releases/") {
                return body;
            }
            let mut answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
            answer["proof"] = bad.clone().into();
            answer.to_string().into_bytes()
        });
        Newcomer::to(&world).refuses("dots@2", &hub, words);
    }
}

/// A hub that sends other bytes for one file.
fn with_file(world: &World, log: LyingLog, file: &'static str, bytes: Vec<u8>) -> Proxy {
    let own = move |path: &str| match path == file {
        true => Some(bytes.clone()),
        false => log.file(path.strip_prefix("/log/")?),
    };
    Proxy::answering(world.server.url.clone(), own, |_, body| body)
}

#[test]
fn a_hidden_yank_is_found_by_who_reads_the_log() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.publish(&world.author("dots", "2.0.0", "three_features", 3));
    world
        .hub(
            "alpha",
            &["yank", "dots@2.0.0", "--reason", "wrong colours"],
        )
        .ok();
    world.restart_without_tls();
    let log = LyingLog::of(&world);
    let honest = log.clone().hub(&world, |_, _| ());
    let hiding = log.hub(&world, |path, answer| {
        if path.contains("/releases/") {
            answer["yanks"] = serde_json::json!([]);
        }
    });
    let monitor = ["audit", "--monitor", "--member", "beta"];
    Newcomer::to(&world).hub(&monitor, &honest.url).ok();
    // A pull of the exact version cannot know; the log does.
    Newcomer::to(&world).pull("dots@2.0.0", &hiding).ok();
    let run = Newcomer::to(&world).hub(&monitor, &hiding.url);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(
        (run.code == 4 || run.code == 7) && said.contains("a yank statement of dots@2.0.0"),
        "{run}"
    );
}
