//! `hub label` as it runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::{Answer, parse, request};

/// Time within which what is waited for has to come; a slow machine gets it all.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running `hub label`.
pub(crate) struct Label {
    pub(crate) child: Child,
    pub(crate) url: String,
    pub(crate) port: u16,
    cookie: String,
    /// What changes name.
    session: String,
    _stdout: BufReader<ChildStdout>,
}

impl Label {
    /// Starts it and opens its address.
    pub(crate) fn start(command: Command) -> Self {
        let mut started = Self::start_unopened(command);
        let path = started.path();
        started.cookie = cookie_of(&started.raw("GET", &path, &[], b""));
        started.session = session_of(&started.state());
        started
    }

    /// Starts it; nobody has used its secret.
    pub(crate) fn start_unopened(mut command: Command) -> Self {
        let mut child = command
            .args(["--json", "--no-open"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        while !text.ends_with("}\n") {
            if stdout.read_line(&mut text).unwrap() == 0 {
                let mut said = String::new();
                child
                    .stderr
                    .take()
                    .unwrap()
                    .read_to_string(&mut said)
                    .unwrap();
                panic!("it did not start: {text}{said}");
            }
        }
        let opened: Value = serde_json::from_str(&text).unwrap();
        let url = opened["url"].as_str().unwrap().to_owned();
        let port = url.split([':', '/']).nth(4).unwrap().parse().unwrap();
        Self {
            child,
            url,
            port,
            cookie: String::new(),
            session: String::new(),
            _stdout: stdout,
        }
    }

    /// The path with the secret.
    pub(crate) fn path(&self) -> String {
        self.url[self.url.find("/?").unwrap()..].to_owned()
    }

    /// Sends exactly this, with `Host` unless the headers have one.
    pub(crate) fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .write_all(&request(self.port, method, path, headers, body))
            .unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        parse(&bytes)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.raw("GET", path, &[("Cookie", &self.cookie)], b"")
    }

    /// Sends a change, as the page does.
    pub(crate) fn send(&self, path: &str, kind: &str, body: &[u8]) -> Answer {
        self.send_as(path, kind, body, &[("X-Hub-Session", &self.session)])
    }

    /// The same with other headers in the place of the session's name.
    pub(crate) fn send_as(
        &self,
        path: &str,
        kind: &str,
        body: &[u8],
        more: &[(&str, &str)],
    ) -> Answer {
        let origin = format!("http://127.0.0.1:{}", self.port);
        let own = [
            ("Cookie", self.cookie.as_str()),
            ("Origin", &origin),
            ("Content-Type", kind),
            ("Sec-Fetch-Site", "same-origin"),
        ];
        self.raw("POST", path, &[&own, more].concat(), body)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(path, "application/json", body.to_string().as_bytes())
    }

    /// The same of a program that may be killed meanwhile; whether it was acknowledged.
    pub(crate) fn is_taken(&self, path: &str, body: &Value) -> bool {
        let origin = format!("http://127.0.0.1:{}", self.port);
        let headers = [
            ("Cookie", self.cookie.as_str()),
            ("Origin", &origin),
            ("Content-Type", "application/json"),
            ("X-Hub-Session", &self.session),
        ];
        let body = body.to_string();
        let bytes = request(self.port, "POST", path, &headers, body.as_bytes());
        let mut answer = Vec::new();
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return false;
        };
        // What was said before it broke off counts.
        let _ = stream
            .write_all(&bytes)
            .and_then(|()| stream.read_to_end(&mut answer));
        answer.starts_with(b"HTTP/1.1 200 ")
    }

    pub(crate) fn state(&self) -> Value {
        self.get("/api/state").json()
    }

    /// Waits until the state is as wished.
    #[track_caller]
    pub(crate) fn until(&self, wished: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let state = self.state();
            if wished(&state) {
                return state;
            }
            assert!(started.elapsed() < PATIENCE, "{state:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The paths of all images.
    pub(crate) fn names(&self) -> Vec<String> {
        serde_json::from_value(self.get("/api/names").json()).unwrap()
    }

    /// Sends a change, and waits until the head has learnt from it and suggestions follow.
    #[track_caller]
    pub(crate) fn change(&self, path: &str, body: &Value) -> Value {
        self.post(path, body).json();
        self.settled()
    }

    /// Waits until the head has learnt from all labels and suggestions follow.
    #[track_caller]
    pub(crate) fn settled(&self) -> Value {
        self.until(|state| state["done"]["labels"] == true && state["done"]["suggestions"] == true)
    }

    /// Labels images by their names.
    #[track_caller]
    pub(crate) fn label(&self, images: &[(&str, &str)]) -> Value {
        let names = self.names();
        let place = |name: &str| names.iter().position(|one| one == name).unwrap();
        let set = images
            .iter()
            .map(|(name, class)| json!({"image": place(name), "class": class}))
            .collect::<Vec<_>>();
        self.change("/api/labels", &json!({ "set": set }))
    }

    /// A connection on which events come.
    pub(crate) fn events(&self) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let headers = [("Cookie", self.cookie.as_str())];
        stream
            .write_all(&request(self.port, "GET", "/api/events", &headers, b""))
            .unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        BufReader::new(stream)
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Label {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The cookie that a used secret was turned into.
#[track_caller]
pub(crate) fn cookie_of(answer: &Answer) -> String {
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    cookie.split(';').next().unwrap().to_owned()
}

/// What changes name.
pub(crate) fn session_of(state: &Value) -> String {
    state["session"].as_str().unwrap().to_owned()
}

/// The next version that events tell.
pub(crate) fn next_version(events: &mut BufReader<TcpStream>) -> u64 {
    loop {
        let mut line = String::new();
        assert_ne!(events.read_line(&mut line).unwrap(), 0, "the events ended");
        if let Some(data) = line.strip_prefix("data: ") {
            let data: Value = serde_json::from_str(data).unwrap();
            return data["version"].as_u64().unwrap();
        }
    }
}
