//! What is private needs no network, and opens none.

use std::process::Command;

use super::missing;
use super::world::{Run, World};

/// In a network namespace without any interface, not even a connection to oneself is possible.
#[test]
fn local_commands_work_without_a_network() {
    let Some(world) = World::start() else { return };
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "true"]);
    if !missing::may(&mut unshare, "nobody here may make a network namespace") {
        return;
    }
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.hub("beta", &["pull", "dots@1"]).ok();
    world.publish(&world.author("dots", "1.1.0", "means", 4));
    world.hub("beta", &["pull", "dots@1.1.0"]).ok();
    let pictures = world.pictures(
        "beta",
        &[("red", [220, 40, 50]), ("green", [30, 190, 60])],
        6,
    );
    let first = pictures.join("red/000.png");
    let (pictures, first) = (pictures.to_str().unwrap(), first.to_str().unwrap());
    let look = ["--extractor", "dots@1", "--images", pictures];
    let similar = [&["similar", first], &look[..]].concat();
    let groups = [&["clusters"], &look[..]].concat();
    let next = [
        &["next", "--labels", "folders", "--html", "next.html"],
        &look[..],
    ]
    .concat();
    let commands: [&[&str]; 16] = [
        &["pull", "dots@1", "--locked"],
        &["list"],
        &["verify", "dots@1"],
        &["embed", "dots@1", pictures, "-o", "features.parquet"],
        &[
            "train",
            "colours",
            "--extractor",
            "dots@1",
            "--images",
            pictures,
        ],
        &["predict", "colours", pictures],
        &["eval", "colours", "--images", pictures],
        &similar,
        &groups,
        &next,
        &[
            "head",
            "export",
            "colours",
            "--format",
            "fused-onnx",
            "-o",
            "head.onnx",
        ],
        &["head", "upgrade", "colours", "--images", pictures, "--yes"],
        &["head", "history", "colours"],
        &["head", "diff", "colours", "--images", pictures],
        &["head", "explain", "colours", "--image", first],
        &["head", "rollback", "colours"],
    ];
    for arguments in commands {
        let inner = world.command("beta", arguments);
        let mut command = Command::new("unshare");
        command
            .arg("--net")
            .arg(inner.get_program())
            .args(inner.get_args())
            .env_clear();
        command.envs(
            inner
                .get_envs()
                .filter_map(|(key, value)| Some((key, value?))),
        );
        command.current_dir(inner.get_current_dir().unwrap());
        Run::of(command).ok();
    }
    // The namespace really has no network: what needs one fails, in words.
    let inner = world.command("beta", &["search"]);
    let mut command = Command::new("unshare");
    command
        .arg("--net")
        .arg(inner.get_program())
        .args(inner.get_args())
        .env_clear();
    command.envs(
        inner
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    Run::of(command).fails(5, "cannot be reached");
}
