//! The labelling page's server, with the real `hub`, extractor and journal.

use std::path::{Path, PathBuf};
use std::process::Command;

use hub_client::head::HeadStore;
use serde_json::{Value, json};

use super::label_client::{Label, next_version};
use super::world::{Run, World, picture};

const COLOURS: [(&str, [u8; 3]); 3] = [
    ("red", [220, 40, 50]),
    ("green", [30, 190, 60]),
    ("blue", [40, 60, 210]),
];

/// A member with an extractor, twelve pictures of each of three colours, and two files that cannot be used.
fn member() -> Option<(World, PathBuf)> {
    let world = World::start()?;
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.hub("beta", &["pull", "dots@1"]).ok();
    let pictures = world.pictures("beta", &COLOURS, 12);
    std::fs::write(pictures.join("empty.png"), b"").unwrap();
    let whole = std::fs::read(pictures.join("red/000.png")).unwrap();
    std::fs::write(pictures.join("cut.png"), &whole[..whole.len() / 2]).unwrap();
    Some((world, pictures))
}

fn command(world: &World, pictures: &Path) -> Command {
    let images = pictures.to_str().unwrap();
    let line = [
        "label",
        "--extractor",
        "dots@1",
        "--images",
        images,
        "--head",
        "colours",
    ];
    world.command("beta", &line)
}

fn is_loaded(state: &Value) -> bool {
    state["done"]["images"] == true
}

/// Five of each of two colours.
fn ten() -> Vec<(String, &'static str)> {
    let of =
        |class: &'static str| (0..5).map(move |index| (format!("{class}/{index:03}.png"), class));
    of("red").chain(of("green")).collect()
}

fn label_ten(label: &Label) -> Value {
    let ten = ten();
    let ten: Vec<(&str, &str)> = ten
        .iter()
        .map(|(name, class)| (name.as_str(), *class))
        .collect();
    label.label(&ten)
}

fn images(list: &Value) -> Vec<usize> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| usize::try_from(one["image"].as_u64().unwrap()).unwrap())
        .collect()
}

#[test]
fn from_the_first_label_to_a_head() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let label = Label::start(command(&world, &pictures));
    assert!(label.get("/").body.starts_with(b"<!doctype html>"));
    let state = label
        .until(|state| is_loaded(state) && !state["suggestions"].as_array().unwrap().is_empty());

    // What is there, and what is not.
    assert_eq!(
        (&state["images"]["total"], &state["images"]["embedded"]),
        (&json!(37), &json!(36))
    );
    assert_eq!(state["images"]["failed_total"], 2, "{state:#}");
    let failed = state["images"]["failed"].to_string();
    assert!(
        failed.contains("cut.png") && failed.contains("the file is empty"),
        "{failed}"
    );
    assert_eq!(state["extractor"], "dots@1.0.0");
    assert_eq!(state["needs"], "name two things to tell apart");
    assert_eq!(state["accuracy"], Value::Null);
    let names = label.names();
    let cut = names.iter().position(|name| name == "cut.png").unwrap();
    let labels = |image: usize, class: &str| json!({"set": [{"image": image, "class": class}]});
    label
        .post("/api/labels", &labels(cut, "red"))
        .refused(400, "image");
    label
        .post("/api/labels", &labels(99, "red"))
        .refused(404, "not_found");
    label
        .post("/api/labels", &labels(1, " "))
        .refused(400, "labels");

    // Classes, then labels.
    label.post("/api/classes", &json!({"add": "green"})).json();
    let state = label.post("/api/classes", &json!({"add": "red"})).json();
    assert_eq!(state["needs"], "label two of green and two of red");
    let state = label.label(&[("green/000.png", "green"), ("red/000.png", "red")]);
    assert_eq!(
        (&state["needs"], &state["accuracy"]),
        (&json!("label one more of green"), &Value::Null)
    );
    let state = label_ten(&label);
    assert_eq!(
        state["classes"],
        json!([{"name": "green", "labels": 5}, {"name": "red", "labels": 5}])
    );
    let accuracy = &state["accuracy"];
    assert_eq!(
        (&accuracy["share"], &accuracy["coin"]),
        (&json!(1.0), &json!(0.5))
    );
    assert_eq!(accuracy["confusion"], json!([[5, 0], [0, 5]]));
    let sentence = accuracy["sentence"].as_str().unwrap();
    assert!(sentence.ends_with(" in 100, from 10 labels"), "{sentence}");
    assert_eq!(state["suspects"], json!([]));

    let columns = labelled_columns(&label, &names, cut);
    // A head that never saw blue finds it unlike what it was shown.
    let blue = names
        .iter()
        .position(|name| name == "blue/004.png")
        .unwrap();
    assert_eq!(columns.doubt[blue] & 2, 2);
    let first = images(&state["suggestions"])[0];
    assert_eq!(columns.order[first], 0);

    saved_as_trained(&world, &pictures, &label);
}

/// The columns say what the state says.
fn labelled_columns(label: &Label, names: &[String], cut: usize) -> Columns {
    let columns = Columns::of(label);
    assert_eq!(columns.label[cut], 255);
    assert_eq!(columns.doubt[cut] & 8, 8);
    for (image, name) in names.iter().enumerate().filter(|(image, _)| *image != cut) {
        let class = match &name[..3] {
            "gre" => 0,
            "red" => 1,
            _ => continue,
        };
        assert_eq!(columns.answer[image], class, "{name}");
        let is_labelled = name.as_bytes()[name.len() - 7..] < b"005.png"[..];
        assert_eq!(
            columns.label[image],
            if is_labelled { class } else { 255 },
            "{name}"
        );
    }
    columns
}

/// The head is the one of `hub train`, to the last bit.
fn saved_as_trained(world: &World, pictures: &Path, label: &Label) {
    let saved = label.post("/api/save", &json!({"name": "colours"})).json();
    assert_eq!(
        (&saved["head"], &saved["version"]),
        (&json!("colours"), &json!(1))
    );
    label
        .post("/api/save", &json!({"name": "No Name"}))
        .refused(400, "usage");
    let journal = pictures.join("labels.jsonl");
    let (images, journal) = (pictures.to_str().unwrap(), journal.to_str().unwrap());
    let train = [
        "train",
        "colours",
        "--extractor",
        "dots@1",
        "--images",
        images,
        "--labels",
        journal,
    ];
    let trained = world.hub("beta", &train);
    assert_eq!(trained.code, 6, "two files cannot be used: {trained}");
    let heads = HeadStore::new(&world.home("beta"));
    let name = "colours".parse().unwrap();
    let [page, train] = [1, 2].map(|version| heads.load(&name, Some(version)).unwrap());
    assert_eq!(
        (page.weights(), page.bias()),
        (train.weights(), train.bias())
    );
    assert_eq!(
        (page.transform(), page.abstention()),
        (train.transform(), train.abstention())
    );
    assert_eq!(
        (page.training(), page.temperature()),
        (train.training(), train.temperature())
    );
    let unseen = pictures.join("green/011.png");
    let predicted = world.hub(
        "beta",
        &["predict", "colours", unseen.to_str().unwrap(), "--json"],
    );
    assert_eq!(predicted.json()["predictions"][0]["class"], "green");
    let next = [
        "next",
        "--extractor",
        "dots@1",
        "--images",
        images,
        "--labels",
        journal,
        "--json",
    ];
    let next = world.hub("beta", &next);
    assert!(next.stdout.contains("\"labelled\": 10"), "{next}");
}

/// The columns of all images.
struct Columns {
    label: Vec<u8>,
    answer: Vec<u8>,
    doubt: Vec<u8>,
    x: Vec<f32>,
    group: Vec<u16>,
    order: Vec<u32>,
}

impl Columns {
    fn of(label: &Label) -> Self {
        let bytes = label.get("/api/columns").body;
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!(word(0), 0x4C42_4C31);
        let n = word(4) as usize;
        assert_eq!(bytes.len(), 16 + n * 30);
        let column = |place: usize| bytes[16 + place * n..16 + (place + 1) * n].to_vec();
        let float =
            |place: usize, row: usize| f32::from_bits(word(16 + 4 * n + 4 * (place * n + row)));
        let after = 16 + 24 * n;
        let half =
            |row: usize| u16::from_le_bytes([bytes[after + 2 * row], bytes[after + 2 * row + 1]]);
        Self {
            label: column(0),
            answer: column(1),
            doubt: column(2),
            x: (0..n).map(|row| float(3, row)).collect(),
            group: (0..n).map(half).collect(),
            order: (0..n).map(|row| word(after + 2 * n + 4 * row)).collect(),
        }
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill_and_can_be_undone() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let label = Label::start(command(&world, &pictures));
    label.until(is_loaded);
    // Nobody else may write into the journal meanwhile.
    Run::of({
        let mut second = command(&world, &pictures);
        second.arg("--no-open");
        second
    })
    .fails(1, "in use by another program");
    label_ten(&label);
    let skip = json!({"set": [{"image": 0, "mark": "skip"}, {"image": 1, "mark": "exclude"}]});
    let before = label.post("/api/labels", &skip).json();
    assert_eq!(
        (&before["skipped"], &before["excluded"]),
        (&json!(1), &json!(1))
    );
    label.kill();

    let label = Label::start(command(&world, &pictures));
    let after = label.until(|state| is_loaded(state) && state["accuracy"] != Value::Null);
    for same in [
        "classes", "skipped", "excluded", "labels", "accuracy", "undo",
    ] {
        assert_eq!(before[same], after[same], "{same}");
    }
    // Undo goes back past the restart, redo as far as this session has undone.
    assert_eq!(after["redo"], false);
    let state = label.post("/api/undo", &json!({})).json();
    assert_eq!(
        (&state["skipped"], &state["redo"]),
        (&json!(0), &json!(true))
    );
    let state = label.post("/api/undo", &json!({})).json();
    assert_eq!(
        (&state["labels"], &state["undo"]),
        (&json!(0), &json!(false))
    );
    assert_eq!(state["accuracy"], Value::Null);
    label.post("/api/redo", &json!({})).json();
    let state = label.post("/api/redo", &json!({})).json();
    for same in ["classes", "skipped", "excluded", "labels", "accuracy"] {
        assert_eq!(before[same], state[same], "{same}");
    }

    // Labels of a file; what is not here is told.
    let csv = "path,label\nblue/000.png,blue\nblue/001.png,blue\nelsewhere.png,blue\n";
    let taken = label
        .send("/api/labels/import", "text/csv", csv.as_bytes())
        .json();
    assert_eq!((&taken["taken"], &taken["labels"]), (&json!(2), &json!(12)));
    assert!(
        taken["unknown"][0]
            .as_str()
            .unwrap()
            .contains("elsewhere.png"),
        "{taken:#}"
    );
    let renamed = label
        .post("/api/classes", &json!({"rename": ["blue", "navy"]}))
        .json();
    assert_eq!(renamed["classes"][2], json!({"name": "navy", "labels": 2}));
    let exported = label.get("/api/download/labels.csv");
    let text = String::from_utf8(exported.body).unwrap();
    assert!(
        text.contains("blue/001.png,navy\n") && text.lines().count() == 13,
        "{text}"
    );

    // Gone is gone.
    label
        .post("/api/forget", &json!({"really": "yes"}))
        .refused(400, "usage");
    let state = label
        .post("/api/forget", &json!({"really": "delete all labels"}))
        .json();
    assert_eq!(
        (&state["labels"], &state["undo"]),
        (&json!(0), &json!(false))
    );
    let journal = std::fs::read_to_string(pictures.join("labels.jsonl")).unwrap();
    assert!(!journal.contains("navy"), "{journal}");
}

#[test]
fn two_pages_see_the_same_and_ctrl_c_ends_both() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let mut label = Label::start(command(&world, &pictures));
    label.until(is_loaded);
    let mut events = label.events();
    let first = next_version(&mut events);
    let version = label_ten(&label)["version"].as_u64().unwrap();
    assert!(version > first);
    while next_version(&mut events) < version {}
    // The address again, in the browser that has its cookie: a reload.
    let again = label.get(&label.path());
    assert_eq!((again.status, again.header("location")), (303, Some("/")));
    let interrupt = Command::new("kill")
        .args(["-INT", &label.child.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    assert!(
        label.child.wait().unwrap().success(),
        "Ctrl-C is the way to end it"
    );
}

#[test]
fn the_whole_is_looked_at_and_pictures_are_shown() {
    let Some((world, pictures)) = member() else {
        return;
    };
    std::fs::copy(
        pictures.join("blue/003.png"),
        pictures.join("green/copy.png"),
    )
    .unwrap();
    picture(16, [250, 250, 20], 1)
        .save(pictures.join("yellow.png"))
        .unwrap();
    let label = Label::start(command(&world, &pictures));
    let state = label.until(|state| state["done"]["map"] == true);
    let names = label.names();
    let name = |image: &Value| names[usize::try_from(image.as_u64().unwrap()).unwrap()].as_str();
    assert_eq!(name(&state["outliers"]["unlike"][0]), "yellow.png");
    let copies = state["copies"].as_array().unwrap().iter();
    assert!(copies.clone().any(|group| {
        let group: Vec<&str> = group.as_array().unwrap().iter().map(name).collect();
        group.contains(&"blue/003.png") && group.contains(&"green/copy.png")
    }));
    let state = label.post("/api/groups", &json!({"count": 4})).json();
    assert_eq!(state["groups"].as_array().unwrap().len(), 4);
    let columns = Columns::of(&label);
    let place = |name: &str| names.iter().position(|one| one == name).unwrap();
    let (one, other) = (place("red/003.png"), place("red/007.png"));
    assert_eq!(columns.group[one], columns.group[other]);
    assert!(columns.x[one].abs() <= 1.0 && columns.x[place("cut.png")].is_nan());

    // A label is shared by copies.
    label.label(&[("blue/003.png", "blue")]);
    assert_eq!(Columns::of(&label).label[place("green/copy.png")], 0);

    let small = label.get(&format!("/thumb/{one}/x"));
    assert_eq!(
        (small.status, small.header("content-type")),
        (200, Some("image/jpeg"))
    );
    assert!(small.header("cache-control").unwrap().contains("immutable"));
    assert_eq!(image::load_from_memory(&small.body).unwrap().width(), 16);
    assert_eq!(label.get(&format!("/picture/{one}")).status, 200);
    assert_eq!(
        label.get(&format!("/thumb/{}/x", place("cut.png"))).status,
        404
    );
    assert_eq!(label.get("/assets/../mod.rs").status, 404);

    label_ten(&label);
    let near = label.get(&format!("/api/neighbours/{one}?count=5")).json();
    for similar in near["nearest"].as_array().unwrap() {
        assert!(name(&similar["image"]).starts_with("red/"), "{near:#}");
    }
    for other in near["nearest_other"].as_array().unwrap() {
        assert!(!name(&other["image"]).starts_with("red/"), "{near:#}");
    }
    label
        .get(&format!("/api/neighbours/{}", place("cut.png")))
        .refused(409, "image");

    // A picture from elsewhere.
    let elsewhere = world.project("beta").join("elsewhere.png");
    picture(16, [35, 185, 70], 77).save(&elsewhere).unwrap();
    let bytes = std::fs::read(&elsewhere).unwrap();
    let tried = label.send("/api/try", "image/png", &bytes).json();
    let green = label.state()["classes"]
        .as_array()
        .unwrap()
        .iter()
        .position(|one| one["name"] == "green");
    assert_eq!(
        tried["answer"].as_u64().map(|answer| answer as usize),
        green,
        "{tried:#}"
    );
    assert!(name(&tried["nearest"][0]["image"]).starts_with("green/"));
    let near = label
        .send(
            "/api/neighbours?count=3",
            "application/octet-stream",
            &bytes,
        )
        .json();
    assert_eq!(
        (near["nearest"].as_array().unwrap().len(), &near["answer"]),
        (3, &tried["answer"])
    );
    label
        .send("/api/try", "image/png", b"no picture")
        .refused(400, "image");
    label
        .send("/api/try", "text/html", &bytes)
        .refused(400, "usage");
    assert_eq!(label.names().len(), names.len(), "nothing was added");
}

#[test]
fn what_is_taken_away_answers_as_the_page_does() {
    let Some((world, pictures)) = member() else {
        return;
    };
    world.publish(&world.author("alpha/three", "1.0.0", "three_features", 3));
    world.hub("beta", &["pull", "alpha/three@1"]).ok();
    let label = Label::start(command(&world, &pictures));
    label
        .get("/api/download/answers.csv")
        .refused(409, "labels");
    label.until(is_loaded);
    label_ten(&label);
    let answers = String::from_utf8(label.get("/api/download/answers.csv").body).unwrap();
    assert_eq!(answers.lines().count(), 37, "{answers}");
    assert!(answers.contains("red/011.png,,red,"), "{answers}");
    for file in ["head.onnx", "fused.onnx", "image.onnx"] {
        let taken = label.get(&format!("/api/download/{file}"));
        let said = String::from_utf8_lossy(&taken.body);
        let checked = taken
            .header("x-hub-checked")
            .unwrap_or_else(|| panic!("{said}"));
        assert!(
            checked.starts_with("identical to what you saw: 10 of 10"),
            "{checked}"
        );
        let named = taken.header("content-disposition").unwrap();
        assert!(named.contains(file), "{named}");
    }
    let report = String::from_utf8(label.get("/api/download/report.html").body).unwrap();
    assert!(
        report.contains("from 10 labels") && !report.contains("<script"),
        "{report}"
    );
    assert_eq!(label.get("/api/download/passwd").status, 404);

    let state = label
        .post("/api/coverage", &json!({"coverage": 0.6}))
        .json();
    assert_eq!(state["accuracy"]["coverage"], 0.6);
    label
        .post("/api/coverage", &json!({"coverage": 2.0}))
        .refused(400, "usage");

    label.post("/api/compare", &json!({})).json();
    label.until(|_| label.get("/api/compare").json()["running"] == false);
    let compared = label.get("/api/compare").json();
    let rows = compared["rows"].as_array().unwrap();
    assert_eq!(
        (rows.len(), &compared["labels"]),
        (2, &json!(10)),
        "{compared:#}"
    );
    assert_eq!(
        (&rows[0]["extractor"], &rows[0]["verdict"]),
        (&json!("dots@1.0.0"), &json!("in use"))
    );
    assert_eq!(
        (&rows[1]["extractor"], &rows[1]["licence"]),
        (&json!("alpha/three@1.0.0"), &json!("MIT"))
    );
}

/// A method, a path and headers.
type Attempt<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

#[test]
fn strangers_get_nothing() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let label = Label::start_unopened(command(&world, &pictures));
    let (own, path) = (format!("127.0.0.1:{}", label.port), label.path());
    let origin = format!("http://{own}");
    let evil = ("Origin", "http://evil.example");
    // Nobody has used the secret, and none of these does.
    let guess = format!("/?secret={}", "0".repeat(64));
    let attempts: [Attempt<'_>; 12] = [
        ("GET", "/", &[]),
        ("GET", &guess, &[]),
        ("GET", "/?secret=", &[]),
        ("GET", &path, &[("Host", "evil.example")]),
        ("GET", &path, &[("Host", "127.0.0.1")]),
        ("GET", &path, &[evil]),
        ("GET", &path, &[("Origin", "null")]),
        ("GET", &path, &[("Sec-Fetch-Site", "cross-site")]),
        ("GET", &path, &[("Sec-Fetch-Site", "same-site")]),
        ("POST", &path, &[("Origin", &origin)]),
        ("GET", "/api/state", &[("Cookie", "hub-label-0=guess")]),
        ("GET", "/assets/index.html", &[]),
    ];
    for (method, path, headers) in attempts {
        let answer = label.raw(method, path, headers, b"");
        assert_eq!(
            (answer.status, answer.body.len()),
            (403, 0),
            "{method} {path} {headers:?}"
        );
        assert!(answer.header("set-cookie").is_none());
        assert!(
            answer
                .header("content-security-policy")
                .unwrap()
                .contains("default-src 'self'")
        );
    }
    // The secret works, once.
    let opened = label.raw("GET", &path, &[("Sec-Fetch-Site", "none")], b"");
    assert_eq!(opened.status, 303);
    let cookie = opened
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let again = label.raw("GET", &path, &[], b"");
    assert_eq!((again.status, again.body.len()), (403, 0));
    // The cookie opens what comes from this page alone.
    let body = br#"{"add": "x"}"#;
    let with = |headers: &[(&str, &str)]| {
        let all = [
            &[
                ("Cookie", cookie.as_str()),
                ("Content-Type", "application/json"),
            ],
            headers,
        ]
        .concat();
        label.raw("POST", "/api/classes", &all, body).status
    };
    assert_eq!(with(&[]), 403, "no origin");
    assert_eq!(with(&[evil]), 403);
    assert_eq!(with(&[("Origin", &origin), ("Host", "evil.example")]), 403);
    assert_eq!(
        with(&[("Origin", &origin), ("Sec-Fetch-Site", "cross-site")]),
        403
    );
    let local = format!("localhost:{}", label.port);
    assert_eq!(
        with(&[("Origin", &origin), ("Host", &local)]),
        403,
        "two names are two sites"
    );
    assert_eq!(
        with(&[("Origin", &format!("http://{local}")), ("Host", &local)]),
        200
    );
    let headers = [
        ("Cookie", cookie.as_str()),
        ("Origin", &origin),
        ("Content-Type", "text/plain"),
    ];
    label
        .raw("POST", "/api/classes", &headers, body)
        .refused(400, "usage");
    let state = label
        .raw("GET", "/api/state", &[("Cookie", &cookie)], b"")
        .json();
    assert_eq!(state["classes"].as_array().unwrap().len(), 1);
}

/// In a network namespace with nothing but the loopback, everything works, and nothing else was spoken to.
#[test]
fn nothing_outside_is_reached() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let inner = command(&world, &pictures);
    let script = "ip link set lo up && exec \"$0\" \"$@\"";
    let is_possible = Command::new("unshare")
        .args([
            "--net",
            "sh",
            "-c",
            "ip link set lo up && command -v nsenter bash",
        ])
        .output()
        .is_ok_and(|output| output.status.success());
    if !is_possible {
        eprintln!("skipped: network namespaces need root, `unshare`, `nsenter`, `ip` and `bash`");
        return;
    }
    let mut outer = Command::new("unshare");
    outer
        .args(["--net", "sh", "-c", script])
        .arg(inner.get_program())
        .args(inner.get_args());
    outer.env_clear();
    outer.envs(
        inner
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    outer.current_dir(inner.get_current_dir().unwrap());
    let label = Label::start_unopened(outer);
    let inside = |request: &[u8]| {
        let file = world.folder.path().join("request");
        std::fs::write(&file, request).unwrap();
        let talk = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{}; cat \"$0\" >&3; cat <&3",
            label.port
        );
        let output = Command::new("nsenter")
            .args([
                "--net",
                "--target",
                &label.child.id().to_string(),
                "bash",
                "-c",
                &talk,
            ])
            .arg(&file)
            .output()
            .unwrap();
        super::label_client::parse(&output.stdout)
    };
    let request = |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| {
        inside(&super::label_client::request(
            label.port, method, path, headers, body,
        ))
    };
    let opened = request("GET", &label.path(), &[], b"");
    let cookie = opened
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let cookie = ("Cookie", cookie.as_str());
    loop {
        if is_loaded(&request("GET", "/api/state", &[cookie], b"").json()) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let origin = format!("http://127.0.0.1:{}", label.port);
    let headers = [
        cookie,
        ("Origin", origin.as_str()),
        ("Content-Type", "application/json"),
    ];
    let body = br#"{"set": [{"image": 1, "class": "x"}]}"#;
    assert_eq!(
        request("POST", "/api/labels", &headers, body).json()["labels"],
        1
    );
    // Every connection of the namespace has the loopback at both ends.
    let connections =
        std::fs::read_to_string(format!("/proc/{}/net/tcp", label.child.id())).unwrap();
    for line in connections.lines().skip(1) {
        let ends: Vec<&str> = line.split_whitespace().skip(1).take(2).collect();
        let is_inside = |end: &str| end.starts_with("0100007F") || end.starts_with("00000000");
        assert!(ends.iter().all(|end| is_inside(end)), "{connections}");
    }
}

#[test]
fn the_demo_needs_no_pictures() {
    let Some((world, _)) = member() else { return };
    let label = Label::start(world.command("beta", &["label", "--demo"]));
    let state = label.until(is_loaded);
    assert_eq!(
        (&state["images"]["embedded"], &state["extractor"]),
        (&json!(120), &json!("dots@1.0.0"))
    );
    world
        .hub("gamma", &["label", "--demo"])
        .fails(3, "no extractor is installed");
    world
        .hub("beta", &["label", "--images", "nowhere"])
        .fails(2, "--extractor");
}
