//! What `hub doctor` finds, and does not call well.

use serde_json::Value;

use super::world::{Run, World};

/// The state and the words of one of the checks.
fn check(run: &Run, what: &str) -> (String, String) {
    let told: Value = serde_json::from_str(&run.stdout).unwrap();
    let checks = told["checks"].as_array().unwrap();
    let one = checks.iter().find(|one| one["what"] == what);
    let one = one.unwrap_or_else(|| panic!("no check of {what}: {run}"));
    let text = |key: &str| one[key].as_str().unwrap().to_owned();
    (text("state"), text("detail"))
}

#[test]
fn a_yanked_release_and_a_wrong_token_are_told() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.hub("beta", &["pull", "dots@1.0.0", "--no-lock"]).ok();
    let doctor = || world.hub("beta", &["doctor", "--json"]);
    assert_eq!(check(&doctor(), "dots@1.0.0").0, "ok");
    let yank = ["yank", "dots@1.0.0", "--reason", "wrong crop"];
    world.hub("alpha", &yank).ok();
    world.hub("beta", &["pull", "dots@1.0.0", "--no-lock"]).ok();
    let (state, words) = check(&doctor(), "dots@1.0.0");
    assert_eq!(state, "warn");
    assert!(
        words.ends_with("yanked by its owners: wrong crop"),
        "{words}"
    );

    // An open hub asks for no token, and believes no wrong one.
    world.restart_with(&["--public"]);
    let line = ["doctor", "--json", "--hub", &world.server.url];
    let run = world.hub("beta", &line);
    assert_eq!(check(&run, "token").0, "ok", "{run}");
    let mut command = world.command("beta", &line);
    command.env("HUB_TOKEN", "hub_wrong");
    let run = Run::of(command);
    assert_eq!(check(&run, "token").0, "fail", "{run}");
    assert_eq!(run.code, 1);
}
