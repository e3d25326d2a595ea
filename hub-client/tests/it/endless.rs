//! Graphs that pass inspection and then never end, or take all memory: ended, and named.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hub_client::config::{Folders, UserConfig};
use hub_client::keys;
use hub_client::publish::AuthorFolder;
use hub_client::registry::{Progress, Registry};
use registry_schema::envelope::Envelope;
use registry_schema::manifest::ProbeVectors;
use registry_schema::onnx::write::Message;
use registry_schema::onnx::{
    AttributeValue, Dimension, ElementType, ModelHeader, attribute, float_tensor, int64_tensor,
    node, value_info,
};
use registry_schema::statement::ReleaseStatement;

use super::world::{Run, World};

/// Longer than any of these runs may take by far: what is not ended fails here instead of hanging.
const PATIENCE: Duration = Duration::from_secs(120);

/// A graph whose features go through a loop of 2^62 steps.
fn endless() -> Vec<u8> {
    looped(&[node("Identity", &["value"], &["next"], &[])])
}

/// The same, and each step doubles what it carries: 32 steps are 64 GiB.
fn hungry() -> Vec<u8> {
    let axis = [attribute("axis", AttributeValue::Integer(0))];
    looped(&[node("Concat", &["value", "value"], &["next"], &axis)])
}

/// [batch, 3, 8, 8] to [batch, 4], the last step of which is a loop that makes `next` of `value`.
fn looped(step: &[Message]) -> Vec<u8> {
    let some = |name: &str| Dimension::Named(name.to_owned());
    let keep = node("Identity", &["going"], &["goes_on"], &[]);
    let inside = step
        .iter()
        .chain([&keep])
        .fold(Message::new().text(2, "body"), |graph, one| {
            graph.message(1, one)
        })
        .message(11, &value_info("number", ElementType::Int64, &[]))
        .message(11, &value_info("going", ElementType::Bool, &[]))
        .message(
            11,
            &value_info(
                "value",
                ElementType::Float32,
                &[some("rows"), Dimension::Fixed(4)],
            ),
        )
        .message(12, &value_info("goes_on", ElementType::Bool, &[]))
        .message(
            12,
            &value_info(
                "next",
                ElementType::Float32,
                &[some("more"), Dimension::Fixed(4)],
            ),
        );
    let body = Message::new()
        .text(1, "body")
        .message(6, &inside)
        .integer(20, 5);
    let nodes = [
        node("GlobalAveragePool", &["input"], &["pooled"], &[]),
        node("Flatten", &["pooled"], &["flat"], &[]),
        node("Gemm", &["flat", "weights"], &["start"], &[]),
        node("Loop", &["steps", "", "start"], &["features"], &[body]),
    ];
    let batch_of = |sizes: &[u64]| {
        std::iter::once(some("batch"))
            .chain(sizes.iter().map(|&size| Dimension::Fixed(size)))
            .collect::<Vec<_>>()
    };
    let graph = nodes
        .iter()
        .fold(Message::new().text(2, "looped"), |graph, one| {
            graph.message(1, one)
        })
        .message(
            5,
            &float_tensor("weights", &[3, 4], (0_u8..12).map(f32::from)),
        )
        .message(5, &int64_tensor("steps", &[], &[1 << 62]))
        .message(
            11,
            &value_info("input", ElementType::Float32, &batch_of(&[3, 8, 8])),
        )
        .message(
            12,
            &value_info("features", ElementType::Float32, &batch_of(&[4])),
        );
    let header = ModelHeader {
        ir_version: 8,
        opset: 13,
        producer: "tests",
        metadata: &[],
    };
    header.with_graph(&graph).into_bytes()
}

/// An author's folder with such a graph, declared as the manifest asks for.
fn folder(world: &World, name: &str, graph: &[u8]) -> PathBuf {
    let folder = world.draft(name, "1.0.0", "means", 4);
    std::fs::write(folder.join("model.onnx"), graph).unwrap();
    let manifest = folder.join("extractor.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(manifest, text + "\n[graph]\ncontrol_flow = true\n").unwrap();
    folder
}

/// What a member does who wants to harm the others: signs and sends without running anything, with
/// vectors made up.
fn publish_unchecked(world: &World, folder: &Path) {
    let mut folder = AuthorFolder::open(folder).unwrap();
    let vectors: BTreeMap<String, Vec<f32>> = folder
        .probe_images()
        .into_keys()
        .map(|name| (name, vec![1.0; 4]))
        .collect();
    folder.write_vectors(&ProbeVectors::new(vectors)).unwrap();
    let manifest = folder.manifest().clone();
    let (name, version) = (manifest.name.clone(), manifest.version.clone());
    let statement = ReleaseStatement::new(manifest, folder.release_files().unwrap()).unwrap();
    let folders = Folders::under(&world.home("alpha"));
    let key = keys::load(&folders, "default").unwrap();
    let envelope = Envelope::sign(statement.to_payload(), &[&key]).to_bytes();
    let hub = UserConfig::load(&folders).unwrap().hub.unwrap();
    let registry = Registry::new(&hub).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        for file in statement.files() {
            let path = folder.path_of(&file.path).unwrap();
            registry
                .upload(
                    &name,
                    &file.digest,
                    file.size_bytes,
                    path,
                    &Progress::silent(),
                )
                .await
                .unwrap();
        }
        registry.publish(&name, &version, &envelope).await.unwrap();
    });
}

/// The command's end, which must come by itself.
fn end_of(mut command: Command) -> Run {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let line = format!("{command:?}");
    let mut child = command.spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("{line} did not end by itself");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Run::with_output(line, &child.wait_with_output().unwrap())
}

#[test]
fn an_endless_graph_is_stopped_at_its_time_limit() {
    let Some(world) = World::start() else { return };
    let folder = folder(&world, "dots", &endless());
    let mut check = world.command("alpha", &["check", folder.to_str().unwrap()]);
    check.env("HUB_PROBE_SECONDS", "2");
    end_of(check).fails(4, "time limit: its probes took longer than 2 seconds");
    assert!(!folder.join("probes/vectors.json").exists());

    publish_unchecked(&world, &folder);
    let mut pull = world.command("beta", &["pull", "dots@1", "--json"]);
    pull.env("HUB_PROBE_SECONDS", "2");
    let run = end_of(pull).fails(4, "time limit");
    let error: serde_json::Value = serde_json::from_str(&run.stderr).unwrap();
    assert_eq!(error["error"]["code"], "limit", "{run}");
    assert_nothing_installed(&world);
}

#[test]
fn a_hungry_graph_is_stopped_at_its_memory_limit() {
    let Some(world) = World::start() else { return };
    let folder = folder(&world, "dots", &hungry());
    let mut check = world.command("alpha", &["check", folder.to_str().unwrap()]);
    check.env("HUB_PROBE_MIB", "300");
    end_of(check).fails(4, "memory limit of 300 MiB");
    assert!(!folder.join("probes/vectors.json").exists());

    publish_unchecked(&world, &folder);
    let mut pull = world.command("beta", &["pull", "dots@1"]);
    pull.env("HUB_PROBE_MIB", "300");
    end_of(pull).fails(4, "memory limit of 300 MiB");
    assert_nothing_installed(&world);
    // The limit that everybody has holds as well; nobody needs to set one.
    end_of(world.command("beta", &["pull", "dots@1"])).fails(4, "memory limit of 4096 MiB");
    // What is no number is said, and not taken for no limit.
    let mut pull = world.command("beta", &["pull", "dots@1"]);
    pull.env("HUB_PROBE_MIB", "plenty");
    end_of(pull).fails(2, "HUB_PROBE_MIB");
}

#[track_caller]
fn assert_nothing_installed(world: &World) {
    let listed = world.hub("beta", &["list", "--json"]).json();
    assert!(listed["releases"].as_array().unwrap().is_empty());
}

/// However the command is ended, the process that runs the extractor ends with it.
#[test]
fn no_worker_outlives_its_command() {
    let Some(world) = World::start() else { return };
    let folder = folder(&world, "dots", &endless());
    for signal in ["-INT", "-TERM", "-KILL"] {
        let mut check = world
            .command("alpha", &["check", folder.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Past loading, in the loop.
        let worker = child_of(&mut check, 50);
        Command::new("kill")
            .args([signal, &check.id().to_string()])
            .status()
            .unwrap();
        let status = check.wait().unwrap();
        if signal != "-KILL" {
            let mut said = String::new();
            check
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut said)
                .unwrap();
            assert_eq!(status.code(), Some(130), "{signal}: {said}");
        }
        let deadline = Instant::now() + PATIENCE;
        while is_running(worker) {
            assert!(Instant::now() < deadline, "{signal}: the worker goes on");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    assert!(!folder.join("probes/vectors.json").exists());
}

/// The process that a command has started, when that has used so many hundredths of a second of processor time.
pub(crate) fn child_of(command: &mut Child, hundredths: u64) -> u32 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut children = processes().into_iter().filter(|&(id, parent, ticks)| {
            parent == command.id() && ticks >= hundredths && is_running(id)
        });
        if let Some((id, ..)) = children.next() {
            return id;
        }
        assert!(
            command.try_wait().unwrap().is_none(),
            "it has ended already"
        );
        assert!(Instant::now() < deadline, "no worker was started");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Process, parent, and processor time in hundredths of a second, of every process there is.
fn processes() -> Vec<(u32, u32, u64)> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let status = |id: u32| {
        let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // After the name, which stands in parentheses: state, parent, …, user time, system time.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some((id, fields.get(1)?.parse().ok()?, ticks(11)? + ticks(12)?))
    };
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(status)
        .collect()
}

fn is_running(id: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat"))
        .ok()
        .and_then(|text| Some(!text.rsplit_once(") ")?.1.starts_with('Z')))
        .unwrap_or(false)
}
