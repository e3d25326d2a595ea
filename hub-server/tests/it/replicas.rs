//! Several servers of one database in PostgreSQL: what one records all show, whoever dies the others
//! go on, and what was acknowledged stays.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use registry_schema::api::{HubInfo, ProblemCode, Published, ReleaseDetail};
use registry_schema::envelope::Envelope;
use registry_schema::tuf::draft::Draft as TrustDraft;
use registry_schema::tuf::files::KeyEntry;
use reqwest::StatusCode;

use crate::cluster::{Cluster, Database};
use crate::consortium::{HubKeys, founding};
use crate::draft::Draft;
use crate::killing::{Publisher, check_all};
use crate::log::{checkpoint, release};
use crate::model_signature::{attach, bundle};
use crate::trust;
use crate::witnesses::Witness;
use crate::world::{ALPHA, PATIENCE, World, eventually, header, hub_server, key, problem};

/// Two servers of one hub.
pub(crate) fn pair(database: &Arc<Database>) -> (World, World) {
    let first = World::start_on(Some(Arc::clone(database)), &[], |_| None);
    let second = first.replica(&[]);
    (first, second)
}

fn path(name: &str) -> String {
    format!("/api/v1/extractors/{name}/releases/1.0.0")
}

#[tokio::test]
async fn what_one_server_records_the_other_shows_at_once() {
    let Some(database) = Database::make() else {
        return;
    };
    let (first, second) = pair(&database);
    for number in 0..6_u64 {
        let (here, there) = match number % 2 {
            0 => (&first, &second),
            _ => (&second, &first),
        };
        let one = release(&format!("alpha/extractor-{number}"));
        here.published(&one).await;
        let shown = there.get(&path(&one.name.to_string())).await;
        assert_eq!(shown.status(), StatusCode::OK);
        assert_eq!(checkpoint(there).await.checkpoint().size, number + 1);
        // The same again, and the proof, from the other one.
        assert_eq!(there.put(&one).await.status(), StatusCode::OK);
    }
    let (is_good, said) = second.verify_log();
    assert!(is_good && said.contains("entries 6"), "{said}");
    // What is attached is no entry, and answers were kept.
    let one = release("alpha/extractor-0");
    let detail: ReleaseDetail = second.json(&path("alpha/extractor-0")).await;
    assert_eq!(detail.model_signature, None);
    let signature = bundle(Envelope::parse(&one.envelope).unwrap().payload());
    first.upload(&one.name, &signature).await;
    let attached = attach(&first, &first.token, &one, &signature).await;
    assert_eq!(attached.status(), StatusCode::CREATED);
    let detail: ReleaseDetail = second.json(&path("alpha/extractor-0")).await;
    assert!(detail.model_signature.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_write_at_once_and_the_log_is_one() {
    let Some(database) = Database::make() else {
        return;
    };
    let (first, second) = pair(&database);
    let publishing = (0..16).map(|number| {
        let world = [&first, &second][number % 2];
        let one = release(&format!("alpha/extractor-{number}"));
        async move {
            let answer = world.publish(&one).await;
            let status = answer.status();
            let text = answer.text().await.unwrap();
            assert_eq!(status, StatusCode::CREATED, "{text}");
            let published: Published = serde_json::from_str(&text).unwrap();
            published.log_index
        }
    });
    let places: BTreeSet<u64> = futures_util::future::join_all(publishing)
        .await
        .into_iter()
        .collect();
    assert_eq!(places, (0..16).collect());
    let (is_good, said) = first.verify_log();
    assert!(is_good, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_stops_nobody_and_loses_nothing() {
    let Some(database) = Database::make() else {
        return;
    };
    let (first, second) = pair(&database);
    let mut worlds = [first, second];
    let mut publishers = Vec::new();
    for number in 0..6 {
        publishers.push(Publisher::start(&worlds[0], number).await);
    }
    let policy = worlds[0].log_policy();
    let (acknowledged, mut alone) = (AtomicU64::new(0), 0);
    for round in 0..8 {
        let dying = round % 2;
        let mut server = worlds[dying].take_server();
        let is_over = AtomicBool::new(false);
        let all = publishers
            .iter_mut()
            .enumerate()
            .map(|(number, publisher)| {
                let world = &worlds[number % 2];
                publisher.go_on(world, &policy, &acknowledged, &is_over)
            });
        let killing = async {
            tokio::time::sleep(Duration::from_millis(100 + 17 * round as u64)).await;
            server.kill().unwrap();
            let before = acknowledged.load(Ordering::SeqCst);
            // The other one goes on, by itself.
            let until = Instant::now() + PATIENCE;
            while acknowledged.load(Ordering::SeqCst) < before + 10 {
                assert!(Instant::now() < until, "the other server has stopped, too");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            alone += 10;
            is_over.store(true, Ordering::SeqCst);
        };
        tokio::join!(futures_util::future::join_all(all), killing);
        server.wait().unwrap();
        worlds[dying].serve(&[]);
    }
    assert!(acknowledged.into_inner() > alone);
    check_all(&worlds[0], &publishers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_killed_loses_nothing_that_was_acknowledged() {
    let Some(cluster) = Cluster::of_its_own() else {
        return;
    };
    let cluster = Arc::new(cluster);
    let (first, second) = pair(&Database::make_in(&cluster));
    let worlds = [first, second];
    let mut publishers = Vec::new();
    for number in 0..6 {
        publishers.push(Publisher::start(&worlds[0], number).await.patient());
    }
    let policy = worlds[0].log_policy();
    let acknowledged = AtomicU64::new(0);
    for round in 0..4 {
        let is_over = AtomicBool::new(false);
        let all = publishers
            .iter_mut()
            .enumerate()
            .map(|(number, publisher)| {
                let world = &worlds[number % 2];
                publisher.go_on(world, &policy, &acknowledged, &is_over)
            });
        let cluster = Arc::clone(&cluster);
        let killing = async {
            tokio::time::sleep(Duration::from_millis(200 + 37 * round)).await;
            let begun = tokio::task::spawn_blocking(move || {
                cluster.kill();
                cluster.begin();
            });
            begun.await.unwrap();
            let before = acknowledged.load(Ordering::SeqCst);
            let until = Instant::now() + PATIENCE;
            while acknowledged.load(Ordering::SeqCst) < before + 10 {
                assert!(Instant::now() < until, "{}", worlds[0].log());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            is_over.store(true, Ordering::SeqCst);
        };
        tokio::join!(futures_util::future::join_all(all), killing);
    }
    check_all(&worlds[1], &publishers).await;
}

#[tokio::test]
async fn a_database_that_is_away_is_said_to_be_and_comes_back() {
    let Some(cluster) = Cluster::of_its_own() else {
        return;
    };
    let cluster = Arc::new(cluster);
    let mut world = World::start_on(Some(Database::make_in(&cluster)), &[], |_| None);
    let one = release("alpha/squares");
    world.published(&one).await;
    cluster.stop();
    let begun = Instant::now();
    for way in [
        path("alpha/squares"),
        "/log/checkpoint".to_owned(),
        "/readyz".to_owned(),
    ] {
        let answer = world.get(&way).await;
        assert_eq!(header(&answer, "retry-after"), "5", "{way}");
        let said = problem(answer, ProblemCode::Unavailable).await;
        assert!(said.contains("cannot be reached"), "{said}");
    }
    let refused = world.put(&release("alpha/circles")).await;
    problem(refused, ProblemCode::Unavailable).await;
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "all of it is said sooner than four requests would wait for a busy database"
    );
    assert_eq!(world.get("/healthz").await.status(), StatusCode::OK);
    cluster.begin();
    let until = Instant::now() + PATIENCE;
    while world.get(&path("alpha/squares")).await.status() != StatusCode::OK {
        assert!(Instant::now() < until, "{}", world.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.published(&release("alpha/circles")).await;
    // A server that starts first waits.
    world.kill();
    cluster.stop();
    let late = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(2));
        cluster.begin();
    });
    world.serve(&[]);
    late.join().unwrap();
    assert_eq!(
        world.get(&path("alpha/circles")).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn servers_that_start_at_once_make_the_tables_once() {
    let Some(database) = Database::make() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let keys = HubKeys::of(&data);
    let at_once = |args: &[&str]| {
        let one = |number: usize| {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hub-server"));
            let _ = number;
            command
                .args(args)
                .args(["--data", data.to_str().unwrap()])
                .env("HUB_SERVER_DATABASE", database.url())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let all: Vec<_> = (0..6).map(one).collect();
        all.into_iter()
            .map(|child| child.wait_with_output().unwrap())
            .collect::<Vec<_>>()
    };
    for output in at_once(&["token", "list"]) {
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && said.contains("holds no hub"),
            "{said}"
        );
    }
    let file = folder.path().join("founding.draft");
    let draft = founding(&keys.log_policy(), &keys.online)
        .to_text()
        .unwrap();
    std::fs::write(&file, draft).unwrap();
    let made = at_once(&["init", "--root", file.to_str().unwrap()]);
    let good = made.iter().filter(|output| output.status.success()).count();
    assert_eq!(good, 1, "{made:?}");
    for output in at_once(&["token", "list"]) {
        assert!(output.status.success(), "{output:?}");
    }
}

#[tokio::test]
async fn a_server_with_other_keys_does_not_start() {
    let Some(database) = Database::make() else {
        return;
    };
    let world = World::start_on(Some(database), &[], |_| None);
    world.published(&release("alpha/squares")).await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let refused = |word: &str| {
        let mut command = world.command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]);
        let output = command.arg(&data).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(word), "{said}");
    };
    refused("holds no hub");
    std::fs::create_dir(&data).unwrap();
    refused("copy `keys/`");
    HubKeys::of(&data);
    refused("online key");
    for file in ["online.pem", "online.pub.pem"] {
        let file = format!("keys/{file}");
        std::fs::copy(world.data().join(&file), data.join(&file)).unwrap();
    }
    refused("does not name this hub's log");
}

#[tokio::test]
async fn a_change_of_the_trust_root_holds_at_all_servers_at_once() {
    let Some(database) = Database::make() else {
        return;
    };
    let (first, second) = pair(&database);
    let state = trust::served(&first).await;
    let alpha = "alpha".parse().unwrap();
    let now = jiff::Timestamp::now();
    let mut draft = TrustDraft::change_keyring(&state, &alpha, now, |keyring| {
        keyring
            .keys
            .push(KeyEntry::statement(&key(11).public(), 0)?);
        Ok(())
    })
    .unwrap();
    draft.sign(&key(ALPHA), &[]).unwrap();
    let changed = trust::publish(&first, &draft).await;
    assert_eq!(changed.status(), StatusCode::OK);
    let info: HubInfo = second.json("/api/v1").await;
    let expected: HubInfo = first.json("/api/v1").await;
    assert_eq!(info.trust_root, expected.trust_root);
    let by_new_key = Draft::new("alpha/squares", "1.0.0").sign(&[11]);
    second.published(&by_new_key).await;
    assert!(first.verify_log().0);
}

#[tokio::test]
async fn witnesses_are_asked_by_one_server_and_by_another_when_it_is_gone() {
    let Some(database) = Database::make() else {
        return;
    };
    let witness = Witness::start();
    let policy =
        |key: &registry_schema::log::note::VerifierKey| Some(witness.policy(&key.to_string()));
    let first = World::start_on(Some(database), &[], policy);
    let second = first.replica(&[]);
    for (number, world) in [&first, &second, &first, &second].into_iter().enumerate() {
        world
            .published(&release(&format!("alpha/extractor-{number}")))
            .await;
    }
    let words = "this server asks the witnesses";
    let asks = |world: &World| world.log().contains(words);
    eventually(
        || (asks(&first) || asks(&second)).then_some(()),
        || first.log() + &second.log(),
    );
    assert!(asks(&first) != asks(&second), "one of them");
    let (mut asking, mut other) = match asks(&first) {
        true => (first, second),
        false => (second, first),
    };
    asking.kill();
    let more = release("alpha/more");
    other.upload_all(&more).await;
    other.published(&more).await;
    let size = checkpoint(&other).await.checkpoint().size;
    assert_eq!(size, 5);
    other.until_logged(words);
    other.kill();
}

#[test]
fn the_database_is_spoken_to_under_tls_with_a_certificate_that_is_checked() {
    let Some(cluster) = Cluster::with_tls() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other_file = folder.path().join("other.pem");
    std::fs::write(&other_file, other.cert.pem()).unwrap();
    let list = |host: &str, roots: &std::path::Path| {
        let url = cluster.tls_url(host, roots);
        let output = hub_server(&["token", "list", "--database", &url], &data);
        String::from_utf8(output.stderr).unwrap()
    };
    let good = list("localhost", &cluster.certificate());
    assert!(good.contains("holds no hub"), "{good}");
    let unknown = list("localhost", &other_file);
    assert!(
        unknown.contains("UnknownIssuer") || unknown.contains("certificate"),
        "{unknown}"
    );
    assert!(!unknown.contains("holds no hub"), "{unknown}");
    // The certificate is for the name alone.
    let elsewhere = list("127.0.0.1", &cluster.certificate());
    assert!(elsewhere.contains("certificate"), "{elsewhere}");
}
