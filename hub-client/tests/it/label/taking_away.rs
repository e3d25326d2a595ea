//! What is taken away, and extractors compared.

use serde_json::json;

use super::client::Label;
use super::{command, is_loaded, label_ten, member};

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
        // As files of `hub head export` do.
        let tells_of_graph =
            ["hub.preprocessing", "hub.graph_release"].map(|key| said.contains(key));
        assert_eq!(tells_of_graph, [file != "head.onnx"; 2], "{file}");
    }
    let report = String::from_utf8(label.get("/api/download/report.html").body).unwrap();
    assert!(
        report.contains("from 10 labels") && !report.contains("<script"),
        "{report}"
    );
    assert_eq!(label.get("/api/download/passwd").status, 404);

    let state = label.change("/api/coverage", &json!({"coverage": 0.6}));
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
