//! The page of `hub label` in a real Chromium: the steps are in `tests/label/steps`.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::browser::browser_tools;
use crate::world::{COLOURS, Run, World, picture};

/// A member with an extractor, and pictures of two colours.
struct Bench {
    world: World,
    pictures: PathBuf,
    tools: PathBuf,
}

impl Bench {
    fn new(each: u32) -> Option<Self> {
        let tools = browser_tools()?;
        let world = World::start()?;
        world.publish(&world.author("dots", "1.0.0", "means", 4));
        world.hub("beta", &["pull", "dots@1"]).ok();
        let pictures = world.pictures("beta", &COLOURS[..2], each);
        Some(Self {
            world,
            pictures,
            tools,
        })
    }

    /// Forty pictures, and a file that is none.
    fn of_forty() -> Option<Self> {
        let bench = Self::new(20)?;
        std::fs::write(bench.pictures.join("broken.png"), b"\x89PNG, and no more").unwrap();
        Some(bench)
    }

    fn label(&self) -> Labelling {
        let mut command = self.world.command(
            "beta",
            &[
                "label",
                "--extractor",
                "dots@1",
                "--no-open",
                "--json",
                "--images",
            ],
        );
        command.arg(&self.pictures);
        Labelling::start(command)
    }

    /// Starts `hub label`, runs a step in a browser, and kills what was started.
    #[track_caller]
    fn step(&self, step: &str, more: &[&Path]) {
        self.label().step(&self.tools, step, more);
    }
}

/// A running `hub label`.
struct Labelling {
    child: Child,
    url: String,
}

impl Labelling {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let first = serde_json::Deserializer::from_reader(said)
            .into_iter::<Value>()
            .next();
        let url = first.unwrap().unwrap()["url"].as_str().unwrap().to_owned();
        Self { child, url }
    }

    /// Runs a step in a browser.
    #[track_caller]
    fn step(&self, tools: &Path, step: &str, more: &[&Path]) {
        let mut command = Command::new("node");
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/label/run.mjs"))
            .args([step, &self.url])
            .args(more)
            .env("HUB_LABEL_PAGE", tools);
        Run::of(command).ok();
    }
}

impl Drop for Labelling {
    /// SIGKILL: what was acknowledged must be there nevertheless.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn twenty_labels_survive_a_kill_and_become_a_head() {
    let Some(bench) = Bench::of_forty() else {
        return;
    };
    let outside = bench.world.project("beta").join("outside.png");
    picture(16, [200, 60, 70], 99).save(&outside).unwrap();

    bench.step("label", &[]);
    bench.step("resume", &[&outside]);

    let outside = outside.to_str().unwrap();
    let predicted = bench
        .world
        .hub("beta", &["predict", "colours", outside, "--json"])
        .ok();
    assert!(predicted.stdout.contains("\"red\""), "{predicted}");
}

#[test]
fn every_screen_is_for_everyone() {
    let Some(bench) = Bench::of_forty() else {
        return;
    };
    bench.step("label", &[]);
    bench.step("choosing", &[]);
    bench.step("hurry", &[]);
    bench.step("changing", &[]);
    bench.step("accessible", &[]);
}

#[test]
fn nothing_jumps_and_the_map_is_for_the_mouse() {
    let Some(bench) = Bench::of_forty() else {
        return;
    };
    bench.step("label", &[]);
    bench.step("still", &[]);
    bench.step("map", &[]);
    bench.step("enough", &[]);
}

#[test]
fn another_extractor_is_taken_by_one_press_in_all_tabs() {
    let Some(bench) = Bench::of_forty() else {
        return;
    };
    let world = &bench.world;
    world.publish(&world.author("alpha/three", "1.0.0", "three_features", 3));
    world.hub("beta", &["pull", "alpha/three@1"]).ok();
    bench.step("label", &[]);
    bench.step("extractors", &[]);
    let heads = world.hub("beta", &["head", "list", "--json"]).ok();
    assert!(heads.stdout.contains("alpha/three@1.0.0"), "{heads}");
}

#[test]
fn the_demo_is_the_whole_page_for_who_has_nothing() {
    let (Some(tools), Some(world)) = (browser_tools(), World::start()) else {
        return;
    };
    std::fs::create_dir_all(world.project("newcomer")).unwrap();
    let line = ["label", "--demo", "--no-open", "--json"];
    let labelling = Labelling::start(world.command("newcomer", &line));
    labelling.step(&tools, "demo", &[]);
}

#[test]
fn ten_thousand_pictures_are_as_handy_as_forty() {
    let Some(bench) = Bench::new(5_000) else {
        return;
    };
    bench.step("thousands", &[]);
}
