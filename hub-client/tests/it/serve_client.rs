//! `hub serve` as it runs, and requests over a socket.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::http::{Answer, parse, request};
use super::world::{World, read};

/// Time within which what is waited for has to come; a slow machine gets it all.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running `hub serve`.
pub(crate) struct Serve {
    child: Child,
    pub(crate) port: u16,
    log: PathBuf,
    _stdout: BufReader<ChildStdout>,
}

impl Serve {
    /// Starts it as a member, and waits until it is ready.
    pub(crate) fn start(world: &World, member: &str, arguments: &[&str]) -> Self {
        let serve = Self::start_unready(world, member, arguments);
        serve.until(|| serve.get("/v2/health/ready").status == 200);
        serve
    }

    /// Starts it, and waits until it listens.
    pub(crate) fn start_unready(world: &World, member: &str, arguments: &[&str]) -> Self {
        let line = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let log = world.folder.path().join("serve.log");
        let mut child = world
            .command(member, &line)
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let port = first.trim().rsplit(':').next().unwrap().parse();
        let port = port.unwrap_or_else(|_| panic!("it did not start: {first}{}", read(&log)));
        Self {
            child,
            port,
            log,
            _stdout: stdout,
        }
    }

    /// What it has said on standard error.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // What is refused before it is read may be refused while it is sent.
        let _ = stream.write_all(&request(self.port, method, path, headers, body));
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        assert!(!bytes.is_empty(), "no answer to {path}: {}", self.log());
        parse(&bytes)
    }

    /// Asks a head about pictures, as JSON.
    pub(crate) fn infer(&self, head: &str, pictures: &[&[u8]]) -> Answer {
        let body = question(pictures).to_string();
        let path = format!("/v2/models/{head}/infer");
        self.send("POST", &path, &[], body.as_bytes())
    }

    /// The values of a metric whose line begins with this, added up.
    pub(crate) fn metric(&self, start: &str) -> f64 {
        let text = self.get("/metrics").body;
        let text = String::from_utf8(text).unwrap();
        let lines = text.lines().filter(|line| line.starts_with(start));
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    /// Waits until it is so.
    #[track_caller]
    pub(crate) fn until(&self, is_so: impl Fn() -> bool) {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < PATIENCE, "{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until its one worker has been given so many pictures in all since the start.
    #[track_caller]
    pub(crate) fn until_taken(&self, pictures: f64) {
        self.until(|| self.metric("hub_serve_queue_duration_seconds_count") >= pictures);
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// The number of the process that runs its extractor.
    #[track_caller]
    pub(crate) fn worker(&self) -> u32 {
        let id = self.child.id();
        let tasks = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
        let children = tasks.map(|task| read(&task.unwrap().path().join("children")));
        let children: Vec<String> = children.collect();
        let all = children.join(" ");
        let mut all = all.split_whitespace().map(|id| id.parse().unwrap());
        let worker = all.next();
        assert!(all.next().is_none(), "one worker: {children:?}");
        worker.unwrap_or_else(|| panic!("no worker: {}", self.log()))
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal(process: u32, name: &str) {
    let status = Command::new("kill")
        .args([format!("-{name}"), process.to_string()])
        .status()
        .unwrap();
    assert!(status.success(), "kill -{name} {process}");
}

/// A request with pictures in base64.
pub(crate) fn question(pictures: &[&[u8]]) -> Value {
    let data: Vec<String> = pictures.iter().map(|one| STANDARD.encode(one)).collect();
    json!({"inputs": [{"name": "image", "shape": [pictures.len()], "datatype": "BYTES", "data": data}]})
}

/// A request with pictures in a binary part, and how long its JSON part is.
pub(crate) fn binary_question(pictures: &[&[u8]], outputs: &Value) -> (Vec<u8>, String) {
    let part: Vec<u8> = pictures
        .iter()
        .flat_map(|one| [&u32::try_from(one.len()).unwrap().to_le_bytes()[..], one].concat())
        .collect();
    let mut question = json!({"inputs": [{"name": "image", "shape": [pictures.len()], "datatype": "BYTES",
        "parameters": {"binary_data_size": part.len()}}]});
    let fields = question.as_object_mut().unwrap();
    fields.extend(outputs.as_object().unwrap().clone());
    let header = question.to_string();
    let length = header.len().to_string();
    ([header.into_bytes(), part].concat(), length)
}

/// An output of an answer in JSON.
#[track_caller]
pub(crate) fn output<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let outputs = answer["outputs"].as_array().unwrap();
    let found = outputs.iter().find(|output| output["name"] == name);
    found.unwrap_or_else(|| panic!("no `{name}` in {answer:#}"))
}

/// The text of an error, which must have this status.
#[track_caller]
pub(crate) fn error_of(answer: &Answer, status: u16) -> String {
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, status, "{text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body.as_object().unwrap().len(), 1, "{text}");
    body["error"].as_str().unwrap().to_owned()
}
