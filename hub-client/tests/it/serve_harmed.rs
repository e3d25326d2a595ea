//! `hub serve` when too much is asked, when its worker ends or hangs, and when it is told to stop or to look again.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use serde_json::json;

use super::http::{parse, request};
use super::serve::{member, train};
use super::serve_client::{Serve, error_of, output, question, signal};
use super::world::{files_below, fixture, picture};

/// Distinct pictures.
fn pictures(count: u32) -> Vec<Vec<u8>> {
    let made = (0..count).map(|seed| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let image = picture(16 + seed, [220, 40, 50], seed);
        image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    });
    made.collect()
}

/// Exists as long as the process does.
fn process(id: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{id}"))
}

#[test]
fn what_comes_together_is_embedded_together_and_too_much_is_refused() {
    let Some((world, _)) = member() else { return };
    let serve = Serve::start(&world, "beta", &["colours", "--max-queue", "6"]);
    let pictures = pictures(8);
    let worker = serve.worker();
    signal(worker, "STOP");
    std::thread::scope(|scope| {
        let ask = |place: usize| {
            let (serve, picture) = (&serve, pictures[place].as_slice());
            scope.spawn(move || serve.infer("colours", &[picture]))
        };
        let mut asked = vec![ask(0)];
        serve.until_taken(1.0);
        asked.extend((1..7).map(ask));
        serve.until(|| serve.metric("hub_serve_queue_length") >= 6.0);
        let refused = serve.infer("colours", &[&pictures[7]]);
        error_of(&refused, 503);
        assert_eq!(refused.header("retry-after"), Some("1"));
        signal(worker, "CONT");
        for one in asked {
            let answer = one.join().unwrap().json();
            assert_eq!(output(&answer, "label")["data"], json!(["red"]));
        }
    });
    assert_eq!(serve.metric("hub_serve_batch_pictures_count"), 2.0);
    assert_eq!(serve.metric("hub_serve_batch_pictures_sum"), 7.0);
    assert_eq!(serve.metric("hub_serve_queue_length"), 0.0);
    assert_eq!(
        serve.metric("hub_serve_request_duration_seconds_count"),
        7.0
    );
}

#[test]
fn a_worker_that_ends_is_started_again() {
    let Some((world, _)) = member() else { return };
    let serve = Serve::start(&world, "beta", &["colours"]);
    let pictures = pictures(3);
    let restarts = || serve.metric("hub_serve_worker_restarts_total");

    // While nothing is asked.
    signal(serve.worker(), "KILL");
    serve.until(|| restarts() == 1.0 && serve.get("/v2/health/ready").status == 200);

    // With two pictures in it, twice; the second time each is alone.
    let together = [pictures[0].as_slice(), &pictures[1]];
    let end_with = |pictures: &[&[u8]]| {
        let before = serve.metric("hub_serve_queue_duration_seconds_count");
        let (worker, restarted) = (serve.worker(), restarts());
        signal(worker, "STOP");
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| serve.infer("colours", pictures));
            serve.until_taken(before + 1.0);
            signal(worker, "KILL");
            let error = error_of(&asked.join().unwrap(), 500);
            assert!(
                error.contains("ended while this request was in it"),
                "{error}"
            );
            assert!(error.contains("signal: 9"), "{error}");
        });
        let is_again = || restarts() == restarted + 1.0;
        serve.until(|| is_again() && serve.get("/v2/health/ready").status == 200);
    };
    end_with(&together);
    let other = serve.infer("colours", &[&pictures[2]]).json();
    assert_eq!(output(&other, "label")["data"], json!(["red"]));
    end_with(&together[..1]);

    // It is not tried a third time; the other one, which was there once, is fine.
    let error = error_of(&serve.infer("colours", &[&pictures[2], &pictures[0]]), 500);
    assert!(
        error.starts_with("picture 1 has ended the process"),
        "{error}"
    );
    let other = serve.infer("colours", &[&pictures[1]]).json();
    assert_eq!(output(&other, "label")["data"], json!(["red"]));
    assert_eq!(restarts(), 3.0);
    assert!(serve.log().contains("starting it again"), "{}", serve.log());
}

#[test]
fn a_worker_that_hangs_is_ended() {
    let Some((world, _)) = member() else { return };
    let serve = Serve::start(&world, "beta", &["colours", "--timeout-seconds", "5"]);
    let pictures = pictures(2);
    let hanging = serve.worker();
    signal(hanging, "STOP");
    let error = error_of(&serve.infer("colours", &[&pictures[0]]), 504);
    assert!(error.contains("5 seconds"), "{error}");
    serve.until(|| serve.metric("hub_serve_worker_restarts_total") >= 1.0);
    assert!(
        !process(hanging).exists(),
        "gone before the next one is there"
    );
    serve.until(|| serve.get("/v2/health/ready").status == 200);
    serve.infer("colours", &[&pictures[1]]).json();
}

#[test]
fn a_graph_that_was_changed_is_not_loaded_again() {
    let Some((world, _)) = member() else { return };
    let serve = Serve::start(&world, "beta", &["colours", "--quiet"]);
    let graph = std::fs::read(fixture("means")).unwrap();
    let stored = files_below(&world.home("beta").join("store/blobs"));
    let mut stored = stored.into_iter();
    let (path, _) = stored.find(|(_, bytes)| *bytes == graph).unwrap();
    let mut changed = graph.clone();
    changed[100] ^= 1;
    std::fs::write(&path, &changed).unwrap();
    signal(serve.worker(), "KILL");
    serve.until(|| serve.log().contains("cannot be started"));
    error_of(&serve.infer("colours", &[&pictures(1)[0]]), 503);
    // As it was signed, it is.
    std::fs::write(&path, &graph).unwrap();
    serve.until(|| serve.get("/v2/health/ready").status == 200);
    serve.infer("colours", &[&pictures(1)[0]]).json();
    // What went wrong is said, though there are no remarks.
    let log = serve.log();
    assert!(
        log.contains("starting it again") && log.contains("model.onnx"),
        "{log}"
    );
    assert!(!log.contains(" POST "), "{log}");
}

#[test]
fn requests_under_way_are_finished_before_it_stops() {
    let Some((world, _)) = member() else { return };
    let mut serve = Serve::start(&world, "beta", &["colours"]);
    let pictures = pictures(1);
    // A connection on which nothing comes does not hold it up.
    let _idle = TcpStream::connect(("127.0.0.1", serve.port)).unwrap();
    let worker = serve.worker();
    signal(worker, "STOP");
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| serve.infer("colours", &[&pictures[0]]));
        serve.until_taken(1.0);
        serve.signal("TERM");
        serve.until(|| serve.log().contains("stopping"));
        signal(worker, "CONT");
        let answer = asked.join().unwrap();
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(output(&answer.json(), "label")["data"], json!(["red"]));
    });
    let status = serve.wait();
    assert!(status.success(), "{status} {}", serve.log());
}

#[test]
fn a_hang_up_takes_the_newest_version() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let serve = Serve::start(&world, "beta", &["colours"]);
    let version = || serve.get("/v2/models/colours").json()["versions"].clone();
    assert_eq!(version(), json!(["1"]));
    let worker = serve.worker();
    train(&world, "colours", &pictures);
    assert_eq!(version(), json!(["1"]), "not before it is told");
    serve.signal("HUP");
    serve.until(|| version() == json!(["2"]));
    error_of(&serve.get("/v2/models/colours/versions/1"), 404);
    assert_eq!(serve.worker(), worker, "the same extractor goes on");

    // What cannot be loaded changes nothing.
    let broken = world.home("beta").join("heads/colours/v0003.head");
    std::fs::write(&broken, "hub-head/3\nnothing").unwrap();
    serve.signal("HUP");
    serve.until(|| serve.log().contains("still served"));
    assert_eq!(version(), json!(["2"]));
    let one = std::fs::read(pictures.join("green/000.png")).unwrap();
    let answer = serve.infer("colours", &[&one]).json();
    assert_eq!(output(&answer, "label")["data"], json!(["green"]));
}

#[test]
fn a_hang_up_that_changes_the_extractor_refuses_nobody() {
    let Some((world, images)) = member() else {
        return;
    };
    let serve = Serve::start(&world, "beta", &["colours", "--timeout-seconds", "120"]);
    let before = serve.worker();
    world.publish(&world.author("dots", "1.1.0", "means", 4));
    world.hub("beta", &["pull", "dots@1.1.0", "--no-lock"]).ok();
    let images = images.to_str().unwrap();
    let line = ["train", "colours", "--extractor", "dots@1.1.0"];
    world
        .hub("beta", &[&line[..], &["--images", images]].concat())
        .ok();

    // A request whose head was found, and whose body is not there yet.
    let body = question(&[&pictures(1)[0]]).to_string();
    let headers = [("Expect", "100-continue")];
    let path = "/v2/models/colours/infer";
    let sent = request(serve.port, "POST", path, &headers, body.as_bytes());
    let (start, rest) = sent.split_at(sent.len() - 1);
    let mut stream = TcpStream::connect(("127.0.0.1", serve.port)).unwrap();
    stream.write_all(start).unwrap();
    let mut told = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut told).unwrap();
    assert!(
        told.starts_with(b"HTTP/1.1 100 "),
        "{}",
        told.escape_ascii()
    );
    serve.signal("HUP");
    let served = || serve.get("/v2/models/colours").json()["versions"].clone();
    serve.until(|| served() == json!(["2"]));
    stream.write_all(rest).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = parse(&answer).json();
    assert_eq!(answer["model_version"], "1");
    assert_eq!(output(&answer, "label")["data"], json!(["red"]));

    // With it the extractor before is gone.
    serve.until(|| !process(before).exists());
    let answer = serve.infer("colours", &[&pictures(1)[0]]).json();
    assert_eq!(answer["model_version"], "2");
}
