//! Heads over HTTP: the real `hub serve` with real extractors answers as `hub predict` does.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::serve_client::{Serve, binary_question, error_of, output};
use super::world::{World, picture};

pub(crate) const COLOURS: [(&str, [u8; 3]); 2] = [("red", [220, 40, 50]), ("green", [30, 190, 60])];

/// A member with an extractor and a head that tells red from green.
pub(crate) fn member() -> Option<(World, PathBuf)> {
    let world = World::start()?;
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.hub("beta", &["pull", "dots@1"]).ok();
    let pictures = world.pictures("beta", &COLOURS, 12);
    train(&world, "colours", &pictures);
    Some((world, pictures))
}

pub(crate) fn train(world: &World, head: &str, pictures: &Path) {
    let images = pictures.to_str().unwrap();
    let line = ["train", head, "--extractor", "dots@1", "--images", images];
    world.hub("beta", &line).ok();
}

/// Pictures that the head has not seen: of its colours, between them, and of another.
fn unseen(world: &World) -> Vec<(String, Vec<u8>)> {
    let folder = world.project("beta").join("unseen");
    std::fs::create_dir_all(&folder).unwrap();
    let colours = [
        ("a-red.png", [220, 40, 50]),
        ("b-green.bmp", [30, 190, 60]),
        ("c-between.png", [130, 120, 60]),
        ("d-blue.jpg", [20, 30, 230]),
    ];
    let made = colours.iter().zip(100..).map(|((name, colour), seed)| {
        let path = folder.join(name);
        picture(16, *colour, seed).save(&path).unwrap();
        (path.display().to_string(), std::fs::read(&path).unwrap())
    });
    made.collect()
}

fn predicted(world: &World, head: &str, pictures: &[(String, Vec<u8>)]) -> Vec<Value> {
    let paths = pictures.iter().map(|(path, _)| path.as_str());
    let line: Vec<&str> = ["predict", head, "--json"]
        .into_iter()
        .chain(paths)
        .collect();
    let answer = world.hub("beta", &line).json();
    answer["predictions"].as_array().unwrap().clone()
}

/// Compares an answer in JSON with what `hub predict` says, to the last bit.
#[track_caller]
fn is_as_predicted(answer: &Value, predicted: &[Value]) {
    let classes = output(answer, "classes")["data"].as_array().unwrap();
    let probabilities = output(answer, "probabilities")["data"].as_array().unwrap();
    let plausible = output(answer, "plausible")["data"].as_array().unwrap();
    let shape = &output(answer, "probabilities")["shape"];
    assert_eq!(*shape, json!([predicted.len(), classes.len()]));
    for (row, one) in predicted.iter().enumerate() {
        let data = |name: &str| &output(answer, name)["data"][row];
        assert_eq!(data("label"), &one["class"]);
        assert_eq!(data("distance"), &one["distance"], "every bit");
        for (place, class) in classes.iter().enumerate() {
            let class = class.as_str().unwrap();
            let at = row * classes.len() + place;
            assert_eq!(probabilities[at], one["probabilities"][class], "every bit");
            let list = one["plausible"].as_array().unwrap();
            assert_eq!(
                plausible[at],
                json!(list.iter().any(|found| found == class))
            );
        }
        let state = match (&one["unlike_anything_shown"], &one["unsure"]) {
            (Value::Bool(true), _) => "unlike",
            (_, Value::Bool(true)) => "unsure",
            _ => "answered",
        };
        assert_eq!(data("state"), state);
    }
}

#[test]
fn answers_are_those_of_predict_to_the_last_bit() {
    let Some((world, _)) = member() else { return };
    let unseen = unseen(&world);
    let predicted = predicted(&world, "colours", &unseen);
    let states = ["unsure", "unlike_anything_shown"].map(|doubt| {
        let doubtful = predicted.iter().filter(|one| one[doubt] == true);
        doubtful.count()
    });
    assert!(states[1] > 0 && states[1] < 4, "all kinds: {predicted:#?}");
    let serve = Serve::start(&world, "beta", &["colours"]);
    let bytes: Vec<&[u8]> = unseen.iter().map(|(_, bytes)| bytes.as_slice()).collect();

    // In JSON, all at once and one by one.
    let answer = serve.infer("colours", &bytes).json();
    assert_eq!(
        (&answer["model_name"], &answer["model_version"]),
        (&json!("colours"), &json!("1"))
    );
    is_as_predicted(&answer, &predicted);
    for (one, expected) in bytes.iter().zip(&predicted) {
        let answer = serve.infer("colours/versions/1", &[one]).json();
        is_as_predicted(&answer, std::slice::from_ref(expected));
    }

    // As binary data, there and back.
    let wanted = json!({"id": "7", "outputs": [{"name": "probabilities", "parameters": {"binary_data": true}}, {"name": "label"}]});
    let (body, length) = binary_question(&bytes, &wanted);
    let headers = [("Inference-Header-Content-Length", length.as_str())];
    let answer = serve.send("POST", "/v2/models/colours/infer", &headers, &body);
    assert_eq!(
        answer.header("content-type"),
        Some("application/octet-stream")
    );
    let length: usize = answer
        .header("inference-header-content-length")
        .unwrap()
        .parse()
        .unwrap();
    let (header, binary) = answer.body.split_at(length);
    let header: Value = serde_json::from_slice(header).unwrap();
    assert_eq!(header["id"], "7");
    assert_eq!(header["outputs"].as_array().unwrap().len(), 2);
    let probability =
        |row: usize, class: &str| predicted[row]["probabilities"][class].as_f64().unwrap() as f32;
    let expected = (0..bytes.len())
        .flat_map(|row| ["green", "red"].map(|class| probability(row, class).to_le_bytes()));
    assert_eq!(binary, expected.collect::<Vec<_>>().concat());

    // One picture and nothing else.
    let raw = [
        ("Inference-Header-Content-Length", "0"),
        ("Accept", "application/json"),
    ];
    let answer = serve.send("POST", "/v2/models/colours/infer", &raw, bytes[1]);
    is_as_predicted(&answer.json(), &predicted[1..2]);

    // What was said is counted.
    let said = |state: &str| {
        serve.metric(&format!(
            "hub_serve_pictures_total{{head=\"colours\",version=\"1\",state=\"{state}\"}}"
        ))
    };
    assert_eq!(said("answered") + said("unsure") + said("unlike"), 13.0);
    assert!(said("unlike") >= 2.0);
    assert_eq!(
        serve.metric("hub_serve_requests_total{head=\"colours\",version=\"1\",code=\"200\"}"),
        7.0
    );
    let log = serve.log();
    assert!(
        log.contains(" POST /v2/models/colours/infer 200 ") && !log.contains("/metrics"),
        "{log}"
    );
}

#[test]
fn the_service_tells_what_it_serves() {
    let Some((world, pictures)) = member() else {
        return;
    };
    train(&world, "colours", &pictures);
    let serve = Serve::start(&world, "beta", &["colours", "colours@1"]);
    let server = serve.get("/v2").json();
    assert_eq!(server["name"], "extractor-hub");
    assert_eq!(server["extensions"], json!(["binary_tensor_data"]));
    assert_eq!(serve.get("/v2/health/live").json(), json!({"live": true}));
    assert_eq!(serve.get("/v2/health/ready").json()["ready"], true);
    let head = serve.get("/v2/models/colours").json();
    assert_eq!(head, serve.get("/v2/models/colours/versions/1").json());
    let tensor = |name: &str, datatype: &str, shape: &[i64]| json!({"name": name, "datatype": datatype, "shape": shape});
    let expected = json!({
        "name": "colours",
        "versions": ["1", "2"],
        "platform": "hub_head",
        "inputs": [tensor("image", "BYTES", &[-1])],
        "outputs": [
            tensor("label", "BYTES", &[-1]),
            tensor("state", "BYTES", &[-1]),
            tensor("probabilities", "FP32", &[-1, 2]),
            tensor("plausible", "BOOL", &[-1, 2]),
            tensor("distance", "FP64", &[-1]),
            tensor("classes", "BYTES", &[2]),
        ],
    });
    assert_eq!(head, expected);
    let ready = serve.get("/v2/models/colours/versions/2/ready").json();
    assert_eq!(ready, json!({"name": "colours", "ready": true}));
    for path in [
        "/v2/models/shapes",
        "/v2/models/shapes/ready",
        "/v2/models/colours/versions/3",
        "/v2/models/colours/versions/01",
        "/",
    ] {
        error_of(&serve.get(path), 404);
    }
    assert!(error_of(&serve.infer("shapes", &[b"x"]), 404).contains("`shapes`"));
    assert_eq!(
        serve.metric("hub_serve_requests_total{head=\"\",version=\"\",code=\"404\"}"),
        1.0
    );
    assert_eq!(
        serve.metric("hub_serve_extractor_ready{"),
        1.0,
        "both versions share it"
    );

    // Under a name that is not its own, as a page elsewhere would make a browser ask.
    let elsewhere = serve.send("GET", "/v2", &[("Host", "evil.example")], b"");
    assert!(error_of(&elsewhere, 421).contains("--host"));
    let text = serve.get("/metrics");
    assert!(
        text.header("content-type")
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    assert!(text.body.ends_with(b"# EOF\n"));
}

#[test]
fn a_bad_picture_harms_nobody_else() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let serve = Serve::start(&world, "beta", &["colours", "--max-request-mib", "1"]);
    let good = std::fs::read(pictures.join("red/000.png")).unwrap();
    let cut = &good[..good.len() / 2];
    for (bad, words) in [
        (cut, "truncated"),
        (&b""[..], "is empty"),
        (b"<html>", "is not an image"),
    ] {
        let error = error_of(&serve.infer("colours", &[&good, bad]), 400);
        assert!(
            error.starts_with("picture 1 cannot be used: the picture "),
            "{error}"
        );
        assert!(error.contains(words), "{error}");
    }
    // While a bad one and a good one are embedded together, only the bad one is refused.
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8)
            .map(|place| {
                let (serve, good) = (&serve, &good);
                let bytes = if place % 2 == 0 { good.as_slice() } else { cut };
                scope.spawn(move || serve.infer("colours", &[bytes]).status)
            })
            .collect();
        let codes: Vec<u16> = asked.into_iter().map(|one| one.join().unwrap()).collect();
        assert_eq!(codes, [200, 400].repeat(4));
    });
    assert_eq!(serve.metric("hub_serve_worker_restarts_total"), 0.0);

    let error = error_of(
        &serve.send("POST", "/v2/models/colours/infer", &[], b"{}"),
        400,
    );
    assert!(error.contains("no inference request"), "{error}");
    let error = error_of(
        &serve.send(
            "POST",
            "/v2/models/colours/infer",
            &[],
            &vec![b' '; (1 << 20) + 1],
        ),
        413,
    );
    assert!(error.contains("1048576 bytes"), "{error}");
    let encoded = serve.send(
        "POST",
        "/v2/models/colours/infer",
        &[("Content-Encoding", "gzip")],
        b"x",
    );
    error_of(&encoded, 415);
    let wanted = json!({"outputs": [{"name": "logits"}]});
    let (body, length) = binary_question(&[&good], &wanted);
    let headers = [("Inference-Header-Content-Length", length.as_str())];
    let error = error_of(
        &serve.send("POST", "/v2/models/colours/infer", &headers, &body),
        400,
    );
    assert!(
        error.contains("`logits`") && error.contains("`probabilities`"),
        "{error}"
    );
}

#[test]
fn heads_that_share_an_extractor_share_the_features() {
    let Some((world, pictures)) = member() else {
        return;
    };
    train(&world, "again", &pictures);
    let serve = Serve::start(&world, "beta", &["colours", "again"]);
    let one = std::fs::read(pictures.join("red/000.png")).unwrap();
    for head in ["colours", "again", "colours"] {
        let answer = serve.infer(head, &[&one, &one]).json();
        assert_eq!(output(&answer, "label")["data"], json!(["red", "red"]));
    }
    assert_eq!(
        serve.metric("hub_serve_batch_pictures_sum"),
        1.0,
        "embedded once"
    );
    // Twenty more, all alike: what comes is nearer to one labelled picture than those are to one another.
    for _ in 0..20 {
        serve.infer("colours", &[&one]).json();
    }
    let drift = serve.metric("hub_serve_drift{head=\"colours\",version=\"1\"}");
    assert!(drift > 0.0 && drift < 1.5, "{drift}");
    let blue = picture(24, [20, 30, 230], 3);
    let path = world.project("beta").join("blue.png");
    blue.save(&path).unwrap();
    let blue = std::fs::read(&path).unwrap();
    let many = vec![blue.as_slice(); 200];
    serve.infer("colours", &many).json();
    let later = serve.metric("hub_serve_drift{head=\"colours\",version=\"1\"}");
    assert!(later > 3.0, "{drift} → {later}");
}

#[test]
fn what_cannot_be_served_is_said_before_anything_is() {
    let Some((world, _)) = member() else { return };
    let serve = |arguments: &[&str]| {
        world.hub(
            "beta",
            &[&["serve", "--listen", "127.0.0.1:0"], arguments].concat(),
        )
    };
    serve(&["shapes"]).fails(3, "no head `shapes`");
    serve(&["colours@7"]).fails(3, "version 7");
    serve(&["colours", "colours@1"]).fails(2, "named twice");
    let patient = ["colours", "--max-wait-ms", "2000", "--timeout-seconds", "2"];
    serve(&patient).fails(2, "less time than --timeout-seconds");
    let remote = world.hub("beta", &["serve", "colours", "--listen", "0.0.0.0:0"]);
    let remote = remote.fails(2, "no authentication");
    assert!(remote.stderr.contains("--allow-remote"), "{remote}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let busy = world.hub("beta", &["serve", "colours", "--listen", &address]);
    busy.fails(1, "cannot listen at");
}
