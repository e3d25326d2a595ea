//! How long a label takes to be learnt from, with a folder of many images whose features are known.
//!
//! `cargo bench -p hub-client --bench label -- [IMAGES [DIMENSION]]`, 10,000 and 1280 when absent. Makes a
//! folder of tiny pictures and a cache of features for them, serves the page in this process, and asks it over
//! the loopback as a browser does. Prints the time until the first state, until all features are there, the
//! median of label to new state and columns with twenty labels, and the memory beyond the features, as JSON.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a benchmark"
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use hub_client::dataset::ImageSet;
use hub_client::features::{FeatureCache, Origin};
use hub_client::head::{ExtractorRelease, HeadStore};
use hub_client::label_app::{LabelApp, Serving, SessionExtractor, Setup};
use hub_client::runtime::{ExtractorFiles, ExtractorSpec, RuntimeOptions};
use hub_client::worker::Worker;
use registry_schema::digest::Digest;
use serde_json::{Value, json};

/// Labels that are set, half of each class.
const LABELS: usize = 20;

fn main() {
    let mut numbers = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    let mut number = |otherwise: usize| {
        numbers
            .next()
            .map_or(otherwise, |text| text.parse().unwrap())
    };
    let (images, dimension) = (number(10_000), number(1280));
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    let cache = folder.path().join("cache");
    let origin = Origin {
        release: "bench@1.0.0".parse().unwrap(),
        statement: Digest::of(b"bench"),
        space: "bench@1".parse().unwrap(),
        dimension,
    };
    prepare(&pictures, &cache, &origin, images);

    let began = Instant::now();
    let (told, address) = mpsc::channel();
    let setup = setup(&pictures, &cache, folder.path(), origin);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let serving = Serving {
            port: Some(0),
            ready: Box::new(|url| told.send(url.to_owned()).unwrap()),
            again: std::sync::Arc::new(|_| {}),
        };
        let served = LabelApp::open(setup)
            .unwrap()
            .serve(serving, std::future::pending());
        runtime.block_on(served).unwrap();
    });
    let page = Page::open(&address.recv().unwrap());
    page.state();
    let usable = began.elapsed();
    while page.state()["images"]["embedded"].as_u64() != Some(images as u64) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let loaded = began.elapsed();
    let mut times = Vec::new();
    for label in 0..LABELS {
        let class = ["even", "odd"][label % 2];
        let image = label * (images / LABELS) / 2 * 2 + label % 2;
        let started = Instant::now();
        let state = page.label(image, class);
        let columns = page.get("/api/columns");
        times.push(started.elapsed());
        assert_eq!(columns.len(), 16 + 30 * images);
        assert_eq!(state["labels"], json!(label + 1));
    }
    times.sort_unstable();
    let milliseconds = |time: Duration| (time.as_secs_f64() * 1e4).round() / 10.0;
    println!(
        "{}",
        json!({
            "images": images,
            "dimension": dimension,
            "usable_ms": milliseconds(usable),
            "loaded_ms": milliseconds(loaded),
            "label_median_ms": milliseconds(times[LABELS / 2]),
            "label_worst_ms": milliseconds(times[LABELS - 1]),
            "beyond_features_mib": resident_mib() - (images * dimension * 4) as f64 / f64::from(1 << 20),
        })
    );
}

/// Tiny files that begin like pictures, their features in the cache, and their states as an earlier run
/// would have noted them.
fn prepare(pictures: &Path, cache: &Path, origin: &Origin, images: usize) {
    std::fs::create_dir_all(pictures).unwrap();
    let features = FeatureCache::open(&cache.join("features"), origin).unwrap();
    let mut random = 1_u64;
    let mut seen = Vec::new();
    for image in 0..images {
        let name = format!("{image:06}.png");
        let path = pictures.join(&name);
        let bytes = [b"\x89PNG\r\n\x1a\n", image.to_le_bytes().as_slice()].concat();
        std::fs::write(&path, &bytes).unwrap();
        let shift = if image % 2 == 0 { 0.3 } else { -0.3 };
        let mut next = |place: usize| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let share = (random >> 40) as f32 / (1 << 24) as f32;
            share + if place < 40 { shift } else { 0.0 }
        };
        let vector: Vec<f32> = (0..origin.dimension).map(&mut next).collect();
        let digest = Digest::of(&bytes);
        features.insert(&digest, &vector).unwrap();
        let metadata = path.metadata().unwrap();
        let changed = metadata
            .modified()
            .unwrap()
            .duration_since(UNIX_EPOCH)
            .unwrap();
        seen.push(json!({
            "name": name,
            "size_bytes": metadata.len(),
            "changed_at": changed.as_nanos() as u64,
            "image": digest,
        }));
    }
    features.flush().unwrap();
    let whole = pictures.canonicalize().unwrap();
    let name = Digest::of(whole.as_os_str().as_encoded_bytes()).to_hex();
    std::fs::create_dir_all(cache.join("label")).unwrap();
    let path = cache.join("label").join(format!("{name}.json"));
    std::fs::write(path, serde_json::to_vec(&seen).unwrap()).unwrap();
}

fn setup(pictures: &Path, cache: &Path, home: &Path, origin: Origin) -> Setup {
    let spec = json!({
        "input": {"tensor": "input", "width": 8, "height": 8, "normalize": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}},
        "output": {"tensor": "features", "dimension": origin.dimension},
    });
    let part = |name: &str| spec[name].clone();
    Setup {
        images: ImageSet::walk(pictures).unwrap(),
        journal: pictures.join("labels.jsonl"),
        extractor: SessionExtractor {
            release: ExtractorRelease {
                name: "bench".parse().unwrap(),
                version: "1.0.0".parse().unwrap(),
                digest: origin.statement,
            },
            origin,
            files: ExtractorFiles {
                graph: PathBuf::from("there is none: all features are known"),
                spec: ExtractorSpec {
                    input: serde_json::from_value(part("input")).unwrap(),
                    output: serde_json::from_value(part("output")).unwrap(),
                },
            },
        },
        worker: Worker::new(RuntimeOptions::default()),
        cache: cache.to_owned(),
        heads: HeadStore::new(home),
        head: None,
        rivals: Box::new(|| Ok(Vec::new())),
        threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        stop: std::sync::Arc::default(),
    }
}

/// The page, as a browser sees it.
struct Page {
    port: u16,
    cookie: String,
}

impl Page {
    fn open(url: &str) -> Self {
        let port = url.split([':', '/']).nth(4).unwrap().parse().unwrap();
        let mut page = Self {
            port,
            cookie: String::new(),
        };
        let (head, _) = page.ask("GET", &url[url.find("/?").unwrap()..], b"");
        let cookie = head
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "));
        page.cookie = cookie.unwrap().split(';').next().unwrap().to_owned();
        page
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let (port, cookie, length) = (self.port, &self.cookie, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n\
             Cookie: {cookie}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        (
            String::from_utf8_lossy(&bytes[..end]).into_owned(),
            bytes.split_off(end + 4),
        )
    }

    fn get(&self, path: &str) -> Vec<u8> {
        self.ask("GET", path, b"").1
    }

    fn state(&self) -> Value {
        serde_json::from_slice(&self.get("/api/state")).unwrap()
    }

    fn label(&self, image: usize, class: &str) -> Value {
        let body = json!({"set": [{"image": image, "class": class}]}).to_string();
        let (_, bytes) = self.ask("POST", "/api/labels", body.as_bytes());
        serde_json::from_slice(&bytes).unwrap()
    }
}

/// Memory of this process, where the system tells.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}
