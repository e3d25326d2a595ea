//! A pull takes from an installed release what the new one has in common with it, and whatever a hub
//! says of that, what is installed is what was signed.

use std::path::PathBuf;

use registry_schema::digest::Digest;
use serde_json::{Value, json};

use super::hostile_hub::Proxy;
use super::interruptions::{digits, with_ballast};
use super::world::{Run, World};

const BALLAST_BYTES: usize = 12 << 20;

/// Bytes at the end that are others in 1.1.0.
const CHANGED_BYTES: usize = BALLAST_BYTES / 20;

/// A hub with two releases whose large files differ in their last 5 %, and those files.
fn two_releases() -> Option<(World, [Vec<u8>; 2])> {
    let world = World::start()?;
    let earlier = digits(1, BALLAST_BYTES);
    let mut later = earlier.clone();
    later[BALLAST_BYTES - CHANGED_BYTES..].copy_from_slice(&digits(2, CHANGED_BYTES));
    for (version, ballast) in [("1.0.0", &earlier), ("1.1.0", &later)] {
        world.publish(&with_ballast(&world, "dots", version, ballast));
    }
    Some((world, [earlier, later]))
}

fn blob(world: &World, member: &str, bytes: &[u8]) -> PathBuf {
    let hex = Digest::of(bytes).to_hex();
    let blobs = world.home(member).join("store/blobs/sha256");
    blobs.join(&hex[..2]).join(hex)
}

fn number(pulled: &Value, key: &str) -> u64 {
    pulled[key].as_u64().unwrap()
}

#[test]
fn a_new_release_moves_little_more_than_what_changed() {
    let Some((mut world, [earlier, later])) = two_releases() else {
        return;
    };
    let pull = |world: &World, member, reference: &str| {
        let line = ["pull", reference, "--no-lock", "--json"];
        world.hub(member, &line).json()
    };
    let first = pull(&world, "beta", "dots@1.0.0");
    assert_eq!(
        number(&first, "fetched_bytes"),
        number(&first, "size_bytes")
    );
    let second = pull(&world, "beta", "dots@1.1.0");
    let (fetched, reused) = (
        number(&second, "fetched_bytes"),
        number(&second, "reused_bytes"),
    );
    assert!((fetched as f64) < 1.3 * CHANGED_BYTES as f64, "{second}");
    assert!(
        fetched + reused < number(&second, "size_bytes"),
        "small files are here already"
    );
    assert_eq!(std::fs::read(blob(&world, "beta", &later)).unwrap(), later);
    world.hub("beta", &["verify", "dots@1.1.0"]).ok();

    // Back from the later to the earlier one; from a server that has forgotten what it had compared.
    world.hub("beta", &["rm", "dots@1.0.0"]).ok();
    std::fs::remove_dir_all(world.folder.path().join("hub/chunks")).unwrap();
    world.restart();
    let line = ["pull", "dots@1.0.0", "--no-lock", "--verbose"];
    let run = world.hub("beta", &line).ok();
    assert!(run.stdout.contains("taken from another release"), "{run}");
    assert_eq!(
        std::fs::read(blob(&world, "beta", &earlier)).unwrap(),
        earlier
    );

    // A mirror takes the same way.
    let folder = world.folder.path().join("mirror");
    let folder = folder.to_str().unwrap();
    let mirror = |reference: &str| {
        let line = ["mirror", "--to", folder, reference, "--json"];
        number(&world.hub("beta", &line).json(), "fetched_bytes")
    };
    assert!(mirror("dots@1.0.0") > BALLAST_BYTES as u64);
    assert!((mirror("dots@1.1.0") as f64) < 1.3 * CHANGED_BYTES as f64);
}

#[test]
fn a_pull_that_was_cut_off_goes_on_with_what_is_here() {
    let Some((world, [_, later])) = two_releases() else {
        return;
    };
    world.hub("beta", &["pull", "dots@1.0.0", "--no-lock"]).ok();
    let hex = Digest::of(&later).to_hex();
    let partial = world.home("beta").join(format!("store/partial/{hex}.part"));
    // In what is copied, and in what is fetched.
    for at in [1_000_003, BALLAST_BYTES - 1003] {
        std::fs::write(&partial, &later[..at]).unwrap();
        let line = ["pull", "dots@1.1.0", "--no-lock", "--json"];
        let pulled = world.hub("beta", &line).json();
        let moved = number(&pulled, "fetched_bytes") + number(&pulled, "reused_bytes");
        // The other files are here already, all but those in which the version is.
        let others = number(&pulled, "size_bytes") - later.len() as u64;
        let missing = (later.len() - at) as u64;
        assert!(
            (missing..=missing + others).contains(&moved),
            "{at}: {pulled}"
        );
        world.hub("beta", &["verify", "dots@1.1.0"]).ok();
        world.hub("beta", &["rm", "dots@1.1.0"]).ok();
    }
}

#[test]
fn whatever_a_hub_says_of_a_delta_what_was_signed_is_installed() {
    let Some((mut world, [earlier, later])) = two_releases() else {
        return;
    };
    world.restart_without_tls();
    let url = world.server.url.clone();
    let pull = |proxy: &Proxy, reference: &str| {
        let line = [
            "pull",
            reference,
            "--no-lock",
            "--verbose",
            "--hub",
            proxy.url(),
        ];
        let mut command = world.command("beta", &line);
        command.env("HUB_TOKEN", world.token("beta", &[]));
        Run::of(command).ok()
    };
    pull(&Proxy::start(url.clone(), |_, body| body), "dots@1.0.0");
    let again = |words: &str, answer: Vec<u8>| {
        let proxy = Proxy::start(url.clone(), move |path, body| {
            if path.contains("/delta?") {
                answer.clone()
            } else {
                body
            }
        });
        let run = pull(&proxy, "dots@1.1.0");
        let line = run.stderr.lines().find(|line| line.contains("came whole"));
        assert!(
            line.is_some_and(|line| line.contains(words)),
            "{words}: {run}"
        );
        assert!(!run.stdout.contains("taken from"), "{run}");
        assert_eq!(std::fs::read(blob(&world, "beta", &later)).unwrap(), later);
        world.hub("beta", &["rm", "dots@1.1.0"]).ok();
    };
    let size = BALLAST_BYTES as u64;
    let parts = |parts: &[(u64, Option<u64>)]| {
        let part =
            |&(size_bytes, at): &(u64, Option<u64>)| json!({"size_bytes": size_bytes, "at": at});
        let parts: Vec<_> = parts.iter().map(part).collect();
        json!({ "parts": parts }).to_string().into_bytes()
    };
    // No lists: an older hub's problem, a page, something endless.
    again("cannot be understood", b"<html>".to_vec());
    again(
        "cannot be understood",
        b"{\"title\":\"not found\"}".to_vec(),
    );
    again("larger than", vec![b' '; 17 << 20]);
    // Lists of no blob.
    again("make 0 bytes", parts(&[]));
    again("make", parts(&[(size - 1, Some(0))]));
    again("not within", parts(&[(size, Some(1))]));
    again("not within", parts(&[(size, Some(u64::MAX))]));
    again("is empty", parts(&[(0, None), (size, Some(0))]));
    again("more than 65536", parts(&vec![(1, None); 65_537]));
    again("nothing in common", parts(&[(size, None)]));
    // Lists of another blob.
    again("other bytes", parts(&[(size, Some(0))]));
    again(
        "other bytes",
        parts(&[(1000, Some(5)), (size - 1000, None)]),
    );

    // A good list, and an earlier blob that was harmed since, or cut short.
    let honest = Proxy::start(url.clone(), |_, body| body);
    let path = blob(&world, "beta", &earlier);
    for harm in [1_000_000, BALLAST_BYTES - CHANGED_BYTES - 400_000] {
        let mut bytes = earlier.clone();
        bytes[harm] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let run = pull(&honest, "dots@1.1.0");
        assert!(
            run.stderr.contains("came whole: the hub sent other bytes"),
            "{run}"
        );
        assert_eq!(std::fs::read(blob(&world, "beta", &later)).unwrap(), later);
        world.hub("beta", &["rm", "dots@1.1.0"]).ok();
    }
}
