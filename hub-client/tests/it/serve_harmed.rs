//! `hub serve` when too much is asked, when its worker ends or hangs, and when it is told to stop or to look again.

use serde_json::json;

use super::serve::{member, train};
use super::serve_client::{Serve, error_of, output, signal};
use super::world::picture;

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
        let worker = serve.worker();
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
        serve.until(|| serve.get("/v2/health/ready").status == 200);
    };
    end_with(&together);
    assert_eq!(restarts(), 2.0);
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
    let serve = Serve::start(&world, "beta", &["colours", "--timeout-seconds", "2"]);
    let pictures = pictures(2);
    signal(serve.worker(), "STOP");
    let error = error_of(&serve.infer("colours", &[&pictures[0]]), 504);
    assert!(error.contains("2 seconds"), "{error}");
    serve.until(|| serve.metric("hub_serve_worker_restarts_total") == 1.0);
    serve.until(|| serve.get("/v2/health/ready").status == 200);
    serve.infer("colours", &[&pictures[1]]).json();
}

#[test]
fn requests_under_way_are_finished_before_it_stops() {
    let Some((world, _)) = member() else { return };
    let mut serve = Serve::start(&world, "beta", &["colours"]);
    let pictures = pictures(1);
    // A connection on which nothing comes does not hold it up.
    let _idle = std::net::TcpStream::connect(("127.0.0.1", serve.port)).unwrap();
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
