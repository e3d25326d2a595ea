//! A consortium in a temporary folder: a running hub, members with keys, tokens and pinned trust.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use image::{Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

/// Where the onnxruntime library is. Without it nothing here can run: that fails in CI, and is said plainly
/// elsewhere.
pub(crate) fn runtime_library() -> Option<PathBuf> {
    let path = std::env::var_os("ORT_DYLIB_PATH")
        .map(PathBuf::from)
        .filter(|path| path.is_file());
    if path.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "ORT_DYLIB_PATH must name the onnxruntime library in CI"
        );
        eprintln!(
            "skipped: ORT_DYLIB_PATH does not name an onnxruntime library; `make test` sets it"
        );
    }
    path
}

/// The server program, built beside `hub`.
fn server_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = Path::new(env!("CARGO_BIN_EXE_hub")).with_file_name("hub-server");
        assert!(
            program.is_file(),
            "{} is missing: run `cargo build -p hub-server`",
            program.display()
        );
        program
    })
}

/// A running `hub-server`.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    pub(crate) certificate: String,
}

impl Server {
    pub(crate) fn start(data: &Path, listen: &str, tls: &[&str]) -> Self {
        let mut child = Command::new(server_program())
            .args(["serve", "--listen", listen, "--data"])
            .arg(data)
            .args(tls)
            .stdout(Stdio::piped())
            .stderr(
                std::fs::File::options()
                    .create(true)
                    .append(true)
                    .open(data.with_extension("log"))
                    .unwrap(),
            )
            .spawn()
            .unwrap();
        let mut url = None;
        let mut certificate = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(rest) = line.strip_prefix("certificate ") {
                certificate = rest.to_owned();
            } else if let Some(rest) = line.strip_prefix("listening on ") {
                url = Some(rest.to_owned());
                break;
            }
        }
        let url = url.unwrap_or_else(|| {
            panic!(
                "the server did not start: {}",
                read(&data.with_extension("log"))
            )
        });
        Self {
            child,
            url,
            certificate,
        }
    }

    /// SIGKILL: what a power cut looks like to the process.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder everything is in, the hub, and its members alpha, beta and gamma. Bare names: `dots` belongs to
/// alpha, `joint` to alpha and beta together.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) server: Server,
    /// The fingerprint of the first root.
    pub(crate) first_root: String,
}

/// What the pictures of [`World::with_colours`] show: folder and colour.
pub(crate) const COLOURS: [(&str, [u8; 3]); 3] = [
    ("red", [220, 40, 50]),
    ("green", [30, 190, 60]),
    ("blue", [40, 60, 210]),
];

impl World {
    /// `None` when there is no onnxruntime library, which has then been said.
    pub(crate) fn start() -> Option<Self> {
        Self::start_logged(|_, _| None)
    }

    /// A hub, an extractor that beta has pulled, and pictures of it: so many of each of [`COLOURS`].
    pub(crate) fn with_colours(each: u32) -> Option<(Self, PathBuf)> {
        let world = Self::start()?;
        world.publish(&world.author("dots", "1.0.0", "means", 4));
        world.hub("beta", &["pull", "dots@1"]).ok();
        let pictures = world.pictures("beta", &COLOURS, each);
        Some((world, pictures))
    }

    /// The same with a policy for the log, made of the world's folder and the log's key.
    pub(crate) fn start_logged(
        log_policy: impl FnOnce(&Path, &str) -> Option<String>,
    ) -> Option<Self> {
        runtime_library()?;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for member in ["alpha", "beta", "gamma"] {
            std::fs::create_dir_all(root.join(member).join("project")).unwrap();
            hub_at(root, member, &["keygen"]).ok();
        }
        let key = |member: &str| {
            format!(
                "{member}={}",
                root.join(member)
                    .join("home/keys/default.pub.pem")
                    .display()
            )
        };
        let data = root.join("hub");
        let keys = server_ok(&["keys", "--data", data.to_str().unwrap()]);
        let line = |word: &str| {
            let mut lines = keys.lines();
            let found = lines.find_map(|line| line.strip_prefix(word));
            found.unwrap_or_else(|| panic!("{keys}")).to_owned()
        };
        let (log, online) = (line("log "), line("online "));
        let policy_file = root.join("log.policy").display().to_string();
        let policy = log_policy(root, &log).unwrap_or(format!("log {log}\nquorum none\n"));
        std::fs::write(&policy_file, policy).unwrap();
        let draft = root.join("consortium.draft").display().to_string();
        let (a, b, c) = (key("alpha"), key("beta"), key("gamma"));
        let init = [
            "consortium",
            "init",
            "--name",
            "test consortium",
            "--member",
            &a,
            "--member",
            &b,
            "--member",
            &c,
            "--own",
            "dots=alpha",
            "--own",
            "joint=alpha,beta:2",
            "--log-policy",
            &policy_file,
            "--online-key",
            &online,
            "-o",
            &draft,
        ];
        hub_at(root, "alpha", &init).ok();
        for member in ["alpha", "beta", "gamma"] {
            let sign = ["consortium", "sign", &draft, "--key", "default"];
            hub_at(root, member, &sign).ok();
        }
        let made = server_ok(&["init", "--data", data.to_str().unwrap(), "--root", &draft]);
        let first_root = made
            .lines()
            .find_map(|line| line.strip_prefix("first root "))
            .unwrap()
            .to_owned();
        let server = Server::start(&data, "127.0.0.1:0", &["--dev-tls"]);
        let world = Self {
            folder,
            server,
            first_root,
        };
        for member in ["alpha", "beta", "gamma"] {
            let token = world.token(member, &["--scope", "publish"]);
            world.login(member, &token).ok();
            world.hub(member, &["trust", &world.first_root]).ok();
        }
        Some(world)
    }

    /// A file of the trust root, from the hub that runs without TLS.
    pub(crate) fn served(&self, path: &str) -> String {
        use std::io::{Read, Write};
        let address = self.server.url.trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let request = format!("GET /tuf/{path} HTTP/1.0\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// Changes the trust root: alpha proposes, changes the draft, the signers sign in turn, and it is published.
    pub(crate) fn rotate(&self, propose: &[&str], change: &[&str], signers: &[&str]) {
        let draft = self.folder.path().join("change.draft");
        let _ = std::fs::remove_file(&draft);
        let draft = draft.to_str().unwrap();
        self.consortium("alpha", &[propose, &["-o", draft]].concat())
            .ok();
        if let Some((command, more)) = change.split_first() {
            let edit = [&[*command, draft], more].concat();
            self.consortium("alpha", &edit).ok();
        }
        for signer in signers {
            self.consortium(signer, &["sign", draft, "--key", "default"])
                .ok();
        }
        self.consortium("alpha", &["publish", draft]).ok();
    }

    /// Runs `hub consortium` as a member, at the address where the hub is now.
    pub(crate) fn consortium(&self, member: &str, arguments: &[&str]) -> Run {
        let token = self.token(member, &["--scope", "publish"]);
        let line = [&["consortium"], arguments, &["--hub", &self.server.url]].concat();
        let mut command = self.command(member, &line);
        command.env("HUB_TOKEN", token);
        Run::of(command)
    }

    /// Stops the hub as a power cut would and starts it again at the same address.
    pub(crate) fn restart(&mut self) {
        self.server.kill();
        let address = self.server.url.trim_start_matches("https://").to_owned();
        self.server = Server::start(&self.folder.path().join("hub"), &address, &["--dev-tls"]);
    }

    /// Starts the hub again without TLS, so that a test can stand between it and a client.
    pub(crate) fn restart_without_tls(&mut self) {
        self.restart_with(&[]);
    }

    /// Starts the hub again without TLS and with these arguments.
    pub(crate) fn restart_with(&mut self, arguments: &[&str]) {
        self.server.kill();
        self.server = Server::start(&self.folder.path().join("hub"), "127.0.0.1:0", arguments);
    }

    /// What the hub has logged so far.
    pub(crate) fn server_log(&self) -> String {
        read(&self.folder.path().join("hub.log"))
    }

    /// Runs `hub-server` on the hub's folder.
    pub(crate) fn hub_server(&self, arguments: &[&str]) -> Run {
        let mut command = Command::new(server_program());
        command
            .args(arguments)
            .env("HUB_SERVER_DATA", self.folder.path().join("hub"));
        Run::of(command)
    }

    pub(crate) fn token(&self, member: &str, more: &[&str]) -> String {
        let data = self.folder.path().join("hub");
        let mut arguments = vec![
            "token",
            "create",
            "--data",
            data.to_str().unwrap(),
            "--member",
            member,
        ];
        arguments.extend(more);
        server_ok(&arguments).trim().to_owned()
    }

    pub(crate) fn login(&self, member: &str, token: &str) -> Run {
        let mut arguments = vec!["login", self.server.url.as_str()];
        if !self.server.certificate.is_empty() {
            arguments.extend(["--certificate", &self.server.certificate]);
        }
        let mut command = hub_command(self.folder.path(), member, &arguments);
        command.env("HUB_TOKEN", token);
        Run::of(command)
    }

    /// Runs `hub` as a member, in that member's project folder.
    pub(crate) fn hub(&self, member: &str, arguments: &[&str]) -> Run {
        hub_at(self.folder.path(), member, arguments)
    }

    pub(crate) fn command(&self, member: &str, arguments: &[&str]) -> Command {
        hub_command(self.folder.path(), member, arguments)
    }

    pub(crate) fn project(&self, member: &str) -> PathBuf {
        self.folder.path().join(member).join("project")
    }

    pub(crate) fn home(&self, member: &str) -> PathBuf {
        self.folder.path().join(member).join("home")
    }

    /// An author's folder for an extractor whose graph is one of the fixtures, checked by `hub check`.
    pub(crate) fn author(&self, name: &str, version: &str, graph: &str, dimension: u32) -> PathBuf {
        let folder = self.draft(name, version, graph, dimension);
        self.hub("alpha", &["check", folder.to_str().unwrap()]).ok();
        folder
    }

    /// The same, not checked yet.
    pub(crate) fn draft(&self, name: &str, version: &str, graph: &str, dimension: u32) -> PathBuf {
        let folder = self
            .folder
            .path()
            .join("drafts")
            .join(format!("{}-{version}-{graph}", name.replace('/', "-")));
        std::fs::create_dir_all(folder.join("probes")).unwrap();
        std::fs::write(
            folder.join("extractor.toml"),
            manifest(name, version, dimension),
        )
        .unwrap();
        std::fs::write(
            folder.join("README.md"),
            format!("# {name}\n\nChannel means of tiny pictures.\n"),
        )
        .unwrap();
        std::fs::copy(fixture(graph), folder.join("model.onnx")).unwrap();
        for (index, colour) in [[200, 30, 40], [20, 180, 60], [90, 90, 220], [250, 240, 230]]
            .into_iter()
            .enumerate()
        {
            picture(12, colour, index as u32)
                .save(folder.join(format!("probes/p{index}.png")))
                .unwrap();
        }
        folder
    }

    /// Publishes and expects it to work.
    pub(crate) fn publish(&self, folder: &Path) {
        self.hub("alpha", &["publish", folder.to_str().unwrap()])
            .ok();
    }

    /// A folder of pictures, one class a folder, that channel means tell apart.
    pub(crate) fn pictures(&self, member: &str, classes: &[(&str, [u8; 3])], each: u32) -> PathBuf {
        let folder = self.project(member).join("pictures");
        for (class, colour) in classes {
            std::fs::create_dir_all(folder.join(class)).unwrap();
            for index in 0..each {
                picture(16, *colour, index)
                    .save(folder.join(class).join(format!("{index:03}.png")))
                    .unwrap();
            }
        }
        folder
    }
}

/// What a run of `hub` did.
pub(crate) struct Run {
    line: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(mut command: Command) -> Self {
        let output = command.output().unwrap();
        Self::with_output(format!("{command:?}"), &output)
    }

    pub(crate) fn with_output(line: String, output: &std::process::Output) -> Self {
        Self {
            line,
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Expects exit code 0.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self}");
        self
    }

    /// Expects an exit code, one readable error that holds `words`, and no panic.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, words: &str) -> Self {
        assert_eq!(self.code, code, "{self}");
        assert!(
            self.stderr.to_lowercase().contains(&words.to_lowercase()),
            "expected `{words}` in:\n{self}"
        );
        assert!(!self.stderr.contains("panicked"), "{self}");
        self
    }

    /// Standard output as JSON, and nothing else on it.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let run = self.ok();
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}\nexit code {}\n--- stdout\n{}\n--- stderr\n{}",
            self.line, self.code, self.stdout, self.stderr
        )
    }
}

pub(crate) fn hub_at(root: &Path, member: &str, arguments: &[&str]) -> Run {
    Run::of(hub_command(root, member, arguments))
}

pub(crate) fn hub_command(root: &Path, member: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hub"));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HUB_HOME", root.join(member).join("home"))
        .env("ORT_DYLIB_PATH", runtime_library().unwrap())
        .current_dir(root.join(member).join("project"))
        .stdin(Stdio::null());
    command
}

#[track_caller]
pub(crate) fn server_ok(arguments: &[&str]) -> String {
    server(arguments).ok().stdout
}

/// Runs `hub-server`.
pub(crate) fn server(arguments: &[&str]) -> Run {
    let mut command = Command::new(server_program());
    command.args(arguments);
    Run::of(command)
}

/// A manifest for the fixtures' graphs: 8×8 pictures in, channel means out.
pub(crate) fn manifest(name: &str, version: &str, dimension: u32) -> String {
    format!(
        r#"name = "{name}"
version = "{version}"
summary = "Channel means of tiny pictures"
license = "MIT"
domain = "tests"
tags = ["tiny"]

[input]
tensor = "input"
width = 8
height = 8
normalize = {{ mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }}

[output]
tensor = "features"
dimension = {dimension}
"#
    )
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/onnx")
        .join(format!("{name}.onnx"))
}

/// A picture of one colour with a pattern that differs by seed.
/// Waves come back after 31 seeds; the dots in the corner do not.
pub(crate) fn picture(side: u32, colour: [u8; 3], seed: u32) -> RgbImage {
    RgbImage::from_fn(side, side, |x, y| {
        let is_dot = y == 0 && x < 16 && (seed / 31) >> x & 1 == 1;
        let wave = (x * 7 + y * 13 + seed * 29) % 31 + u32::from(is_dot);
        Rgb(colour.map(|channel| channel.saturating_sub(wave as u8)))
    })
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// All files below a folder, with their bytes.
pub(crate) fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                found.push((path.clone(), std::fs::read(&path).unwrap()));
            }
        }
    }
    found
}
