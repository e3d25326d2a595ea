//! What is in `examples/` and no other test runs: a recipe of the catalogue that needs no weights, and the choosing rule
//! in numpy by which docs/CATALOGUE-EVIDENCE.md is made.

use std::path::Path;
use std::process::Command;

use super::judges::python;
use super::world::{Run, World};

/// A program in `tests/python` that runs `hub` as beta.
fn as_beta(world: &World, python: &str, name: &str, arguments: &[&str]) -> Run {
    let mut command = world.program("beta", python);
    command
        .arg(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/python")
                .join(name),
        )
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    Run::of(command)
}

#[test]
fn a_recipe_without_weights_builds_what_its_names_say() {
    let (Some(python), Some(world)) = (python(), World::start()) else {
        return;
    };
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples/extractors/colours-and-textures/build.py");
    let mut build = Command::new(&python);
    build.arg(recipe).arg(world.folder.path());
    build.env("PYTHONDONTWRITEBYTECODE", "1");
    Run::of(build).ok();
    let folder = world.folder.path().join("colours-and-textures-1.0.0");
    // Bare names belong to somebody; members may publish below their own.
    let card = folder.join("extractor.toml");
    let text = std::fs::read_to_string(&card).unwrap();
    let own = text.replacen("name = \"colours", "name = \"alpha/colours", 1);
    std::fs::write(&card, own).unwrap();
    let folder_name = folder.to_str().unwrap();
    world.hub("alpha", &["check", folder_name]).ok();
    world.publish(&folder);
    let release = "alpha/colours-and-textures@1.0.0";
    world.hub("beta", &["pull", release]).ok();
    let known = world.folder.path().join("known-pictures");
    let arguments = [known.to_str().unwrap(), release, folder_name];
    as_beta(&world, &python, "check_named_features.py", &arguments).ok();
}

#[test]
fn the_choosing_rule_in_numpy_is_that_of_hub_choose() {
    let (Some(python), Some(world)) = (python(), World::start()) else {
        return;
    };
    let releases = ["dots@1.0.0", "alpha/three@1.0.0", "alpha/normal@1.0.0"];
    for (release, graph, dimension) in [
        (releases[0], "means", 4),
        (releases[1], "three_features", 3),
        (releases[2], "normalized", 4),
    ] {
        let (name, version) = release.split_once('@').unwrap();
        world.publish(&world.author(name, version, graph, dimension));
        world.hub("beta", &["pull", release]).ok();
    }
    let pictures = world.project("beta").join("pictures");
    let arguments = [&[pictures.to_str().unwrap()][..], &releases].concat();
    as_beta(&world, &python, "check_choices.py", &arguments).ok();
}
