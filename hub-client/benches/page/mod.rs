//! The page of `hub label` on images whose features are known, served in this process, and a browser in small.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};
use std::time::{Duration, UNIX_EPOCH};

use hub_client::dataset::ImageSet;
use hub_client::features::{FeatureCache, Origin};
use hub_client::head::{ExtractorRelease, HeadStore};
use hub_client::label_app::{LabelApp, Serving, SessionExtractor, Setup};
use hub_client::runtime::{ExtractorFiles, ExtractorSpec, RuntimeOptions};
use hub_client::worker::Worker;
use registry_schema::digest::Digest;
use serde_json::{Value, json};

/// How often it is asked whether the head has learnt.
const ASK_EVERY: Duration = Duration::from_millis(1);

/// Features of so many numbers, of an extractor that does not exist.
pub(crate) fn origin(dimension: usize) -> Origin {
    Origin {
        release: "bench@1.0.0".parse().unwrap(),
        statement: Digest::of(b"bench"),
        space: "bench@1".parse().unwrap(),
        dimension,
    }
}

/// Files in a new folder that begin like pictures, one for each vector in their order, with the vectors in the
/// cache of features and the states of the files as an earlier run would have noted them.
pub(crate) fn prepare(folder: &Path, origin: &Origin, vectors: impl Iterator<Item = Vec<f32>>) {
    let (pictures, cache) = (folder.join("pictures"), folder.join("cache"));
    std::fs::create_dir_all(&pictures).unwrap();
    let features = FeatureCache::open(&cache.join("features"), origin).unwrap();
    let mut seen = Vec::new();
    for (image, vector) in vectors.enumerate() {
        let name = format!("{image:06}.png");
        let path = pictures.join(&name);
        let bytes = [b"\x89PNG\r\n\x1a\n", image.to_le_bytes().as_slice()].concat();
        std::fs::write(&path, &bytes).unwrap();
        let digest = Digest::of(&bytes);
        features.insert(&digest, &vector).unwrap();
        let metadata = path.metadata().unwrap();
        let changed = metadata.modified().unwrap();
        let changed = changed.duration_since(UNIX_EPOCH).unwrap();
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

fn setup(folder: &Path, origin: Origin, stop: Arc<AtomicBool>) -> Setup {
    let pictures = folder.join("pictures");
    let spec = json!({
        "input": {"tensor": "input", "width": 8, "height": 8, "normalize": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}},
        "output": {"tensor": "features", "dimension": origin.dimension},
    });
    let part = |name: &str| spec[name].clone();
    Setup {
        images: Arc::new(ImageSet::walk(&pictures).unwrap()),
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
            is_demo: false,
        },
        worker: Worker::new(RuntimeOptions::default()),
        cache: folder.join("cache"),
        heads: HeadStore::new(folder),
        head: None,
        rivals: Arc::new(|| Ok(Vec::new())),
        taken: Arc::new(|_| {}),
        threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        stop,
    }
}

/// The page, as a browser sees it. It ends when this is dropped.
pub(crate) struct Page {
    port: u16,
    cookie: String,
    session: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    served: Option<std::thread::JoinHandle<()>>,
}

impl Page {
    /// Serves what [`prepare`] has put into a folder.
    pub(crate) fn serve(folder: &Path, origin: Origin) -> Self {
        let (told, address) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let setup = setup(folder, origin, Arc::default());
        let served = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .unwrap();
            let serving = Serving {
                port: Some(0),
                ready: Box::new(|url| told.send(url.to_owned()).unwrap()),
                again: Arc::new(|_| {}),
            };
            let stopped = async {
                let _ = stopped.await;
            };
            let served = LabelApp::open(setup).unwrap().serve(serving, stopped);
            runtime.block_on(served).unwrap();
        });
        let url = address.recv().unwrap();
        let mut page = Self {
            port: url.split([':', '/']).nth(4).unwrap().parse().unwrap(),
            cookie: String::new(),
            session: String::new(),
            stop: Some(stop),
            served: Some(served),
        };
        let (head, _) = page.ask("GET", &url[url.find("/?").unwrap()..], b"");
        let cookie = head
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "));
        page.cookie = cookie.unwrap().split(';').next().unwrap().to_owned();
        page.session = page.state()["session"].as_str().unwrap().to_owned();
        page
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let (port, cookie, session) = (self.port, &self.cookie, &self.session);
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n\
             Cookie: {cookie}\r\nX-Hub-Session: {session}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
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

    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        self.ask("GET", path, b"").1
    }

    pub(crate) fn state(&self) -> Value {
        serde_json::from_slice(&self.get("/api/state")).unwrap()
    }

    /// Labels an image, and waits until the head has learnt from it.
    pub(crate) fn label(&self, image: usize, class: &str, is_check: bool) -> Value {
        let set = json!([{"image": image, "class": class, "audit": is_check}]);
        let body = json!({ "set": set }).to_string();
        self.ask("POST", "/api/labels", body.as_bytes());
        self.until(|state| state["done"]["labels"] == true)
    }

    /// Waits until the state is as wished.
    pub(crate) fn until(&self, wished: impl Fn(&Value) -> bool) -> Value {
        loop {
            let state = self.state();
            if wished(&state) {
                return state;
            }
            std::thread::sleep(ASK_EVERY);
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(served) = self.served.take() {
            let _ = served.join();
        }
    }
}
