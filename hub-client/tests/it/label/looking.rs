//! Groups, odd ones, copies, the map, pictures, and what is like one.

use serde_json::{Value, json};

use super::client::Label;
use super::{Columns, command, label_ten, member};
use crate::world::picture;

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
        let images = group["images"].as_array().unwrap().iter();
        let group: Vec<&str> = images.map(name).collect();
        group.contains(&"blue/003.png") && group.contains(&"green/copy.png")
    }));
    label.post("/api/groups", &json!({"count": 4})).json();
    label.until(|state| state["groups"].as_array().unwrap().len() == 4);
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
