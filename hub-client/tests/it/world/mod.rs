//! A consortium in a temporary folder: a running hub, members with keys, tokens and pinned trust.

mod drafts;
mod programs;

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

pub(crate) use drafts::{fixture, manifest, picture};
use programs::server_program;
pub(crate) use programs::{Run, Server, hub_at, hub_command, runtime_library, server, server_ok};

use crate::ports::own_port;

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
        // It may come back at the same address.
        let listen = format!("127.0.0.1:{}", own_port("127.0.0.1"));
        let server = Server::start(&data, &listen, &["--dev-tls"]);
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

    /// Another program in a member's place, which finds `hub` on its path.
    pub(crate) fn program(&self, member: &str, program: &str) -> Command {
        let hub = self.command(member, &[]);
        let folder = Path::new(hub.get_program()).parent().unwrap();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let set = hub.get_envs();
        let mut command = Command::new(program);
        command
            .current_dir(hub.get_current_dir().unwrap())
            .env_clear()
            .envs(set.filter_map(|(key, value)| Some((key, value?))))
            .env("PATH", path);
        command
    }

    pub(crate) fn project(&self, member: &str) -> PathBuf {
        self.folder.path().join(member).join("project")
    }

    pub(crate) fn home(&self, member: &str) -> PathBuf {
        self.folder.path().join(member).join("home")
    }
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
