//! A hub whose log counts only with witnesses, and real witnesses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use registry_schema::log::note::{Note, SignerKey};
use registry_schema::log::policy::Policy;

use super::ports::own_port;
use super::world::{World, files_below, hub_at, hub_command};

/// A running `hub witness serve`.
pub(crate) struct Witness {
    child: Child,
    pub(crate) address: String,
    pub(crate) key: String,
    folder: PathBuf,
    log: String,
}

impl Witness {
    /// A new witness of a log.
    pub(crate) fn new(root: &Path, name: &str, log: &str) -> Self {
        let folder = root.join(name);
        let data = folder.display().to_string();
        let name = format!("{name}.example/w");
        let init = [
            "witness", "init", "--name", &name, "--data", &data, "--json",
        ];
        let key = hub_at(root, "alpha", &init).json()["key"]
            .as_str()
            .unwrap()
            .to_owned();
        let listen = format!("127.0.0.1:{}", own_port("127.0.0.1"));
        let (child, address) = Self::spawn(root, &folder, log, &listen);
        Self {
            child,
            address,
            key,
            folder,
            log: log.to_owned(),
        }
    }

    fn spawn(root: &Path, folder: &Path, log: &str, listen: &str) -> (Child, String) {
        let data = folder.to_str().unwrap();
        let arguments = [
            "witness", "serve", "--log", log, "--listen", listen, "--data", data,
        ];
        let mut command = hub_command(root, "alpha", &arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .map(Result::unwrap)
            .find_map(|line| {
                line.split_once("http://")
                    .map(|(_, address)| address.to_owned())
            })
            .unwrap();
        (child, address)
    }

    /// Its key, as its operator has it.
    pub(crate) fn secret(&self) -> SignerKey {
        let text = std::fs::read_to_string(self.folder.join("witness.key")).unwrap();
        text.trim_end().parse().unwrap()
    }

    /// SIGKILL.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start(&mut self, root: &Path) {
        (self.child, _) = Self::spawn(root, &self.folder, &self.log, &self.address);
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) struct Witnessed {
    pub(crate) world: World,
    pub(crate) witnesses: Vec<Witness>,
    pub(crate) policy: Policy,
}

impl Witnessed {
    /// A hub with three witnesses, of which two must cosign. It speaks plain HTTP.
    pub(crate) fn start() -> Option<Self> {
        let mut witnesses = Vec::new();
        let mut text = String::new();
        let world = World::start_logged(|root, log| {
            witnesses.extend(["w1", "w2", "w3"].map(|name| Witness::new(root, name, log)));
            text = format!("log {log}\n");
            for (number, witness) in (1..).zip(&witnesses) {
                let Witness { key, address, .. } = witness;
                text += &format!("witness w{number} {key} http://{address}\n");
            }
            text += "group all-of-us 2 w1 w2 w3\nquorum all-of-us\n";
            Some(text.clone())
        })?;
        Some(Self::of(world, witnesses, Policy::parse(&text).unwrap()))
    }

    /// A hub with its witnesses, started again with plain HTTP and open for reading.
    pub(crate) fn of(mut world: World, witnesses: Vec<Witness>, policy: Policy) -> Self {
        world.server.kill();
        let mut hub = Self {
            world,
            witnesses,
            policy,
        };
        hub.restart(&[]);
        hub
    }

    /// Starts the hub with these arguments, at another address.
    pub(crate) fn restart(&mut self, arguments: &[&str]) {
        let world = &mut self.world;
        world.restart_with(&[arguments, &["--public"]].concat());
        world.hub("alpha", &["logout"]).ok();
        let token = world.token("alpha", &["--scope", "publish"]);
        world.login("alpha", &token).ok();
    }

    pub(crate) fn root(&self) -> &Path {
        self.world.folder.path()
    }

    /// The hub's checkpoint, once it is one that `is_wanted`.
    pub(crate) fn checkpoint(&self, is_wanted: impl Fn(&Note) -> bool) -> Note {
        let address = self
            .world
            .server
            .url
            .trim_start_matches("http://")
            .to_owned();
        let started = Instant::now();
        loop {
            if let Some(note) = get(&address, "/log/checkpoint")
                && is_wanted(&note)
            {
                self.policy.check(&note).unwrap();
                return note;
            }
            assert!(
                started.elapsed() < Duration::from_secs(180),
                "no such checkpoint"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn size(&self, note: &Note) -> u64 {
        self.policy.check(note).unwrap().checkpoint().size
    }

    fn publish_in_background(&self, folder: &Path) -> Child {
        let mut command = self
            .world
            .command("alpha", &["publish", folder.to_str().unwrap()]);
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    pub(crate) fn wait_for_log(&self, word: &str) {
        let started = Instant::now();
        while !self.world.server_log().contains(word) {
            assert!(
                started.elapsed() < Duration::from_secs(180),
                "{word} is not in the log"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn get(address: &str, path: &str) -> Option<Note> {
    let text = get_text(address, path)?;
    Some(Note::parse(text.as_bytes()).unwrap())
}

/// The body of an answer with the status 200.
pub(crate) fn get_text(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

#[test]
fn a_missing_witness_is_not_missed_and_two_are() {
    let Some(mut hub) = Witnessed::start() else {
        return;
    };
    let all = hub.checkpoint(|note| note.signatures().len() == 4);
    assert_eq!(hub.size(&all), 0, "cosigned before anything is logged");
    hub.witnesses[2].kill();
    hub.world
        .publish(&hub.world.author("dots", "2.0.0", "three_features", 3));
    let two = hub.checkpoint(|_| true);
    assert_eq!((hub.size(&two), two.signatures().len()), (1, 3));
    let origin = two.text().lines().next().unwrap().to_owned();
    let hash = registry_schema::digest::Digest::of(origin.as_bytes()).to_hex();
    let kept = get(&hub.witnesses[0].address, &format!("/{hash}/checkpoint")).unwrap();
    assert_eq!(kept.text(), two.text());

    // Below the quorum nothing new is shown to anybody.
    hub.witnesses[1].kill();
    let second = hub.world.author("dots", "2.0.1", "three_features", 3);
    let mut publishing = hub.publish_in_background(&second);
    hub.wait_for_log("\"size\":2");
    assert_eq!(
        publishing.try_wait().unwrap(),
        None,
        "it waits for a witness"
    );
    assert_eq!(hub.checkpoint(|_| true), two);
    let shown = hub.world.hub("alpha", &["show", "dots@2", "--json"]).json();
    assert_eq!(shown["manifest"]["version"], "2.0.0", "{shown}");
    let root = hub.root().to_owned();
    hub.witnesses[1].start(&root);
    assert!(publishing.wait().unwrap().success());
    let shown = hub.world.hub("alpha", &["show", "dots@2", "--json"]).json();
    assert_eq!(shown["manifest"]["version"], "2.0.1", "{shown}");
    let after = hub.checkpoint(|_| true);
    assert_eq!(hub.size(&after), 2);

    // After a restart of the hub what was cosigned is there at once, and witnesses that come back
    // are caught up with.
    hub.witnesses[2].start(&root);
    hub.restart(&["--witness-refresh-seconds", "1"]);
    let caught_up = hub.checkpoint(|note| note.signatures().len() == 4);
    assert_eq!(hub.size(&caught_up), 2);
    // A quiet log is cosigned anew.
    hub.checkpoint(|note| note.text() == caught_up.text() && *note != caught_up);
    hub.world.hub_server(&["log", "verify"]).ok();

    // Other witnesses: what the old ones cosigned does not count any more, and what the new one does
    // takes its place.
    let log = hub.witnesses[0].log.clone();
    let fourth = Witness::new(&root, "w4", &log);
    let (key, address) = (&fourth.key, &fourth.address);
    let policy = format!("log {log}\nwitness w4 {key} http://{address}\nquorum w4\n");
    let witness = format!("w4={key},http://{address}");
    let change = ["set-witnesses", "--quorum", "1", "--witness", &witness];
    hub.world.rotate(&["propose"], &change, &["alpha", "beta"]);
    hub.world.server.kill();
    hub.policy = Policy::parse(&policy).unwrap();
    hub.restart(&[]);
    let by_another = hub.checkpoint(|_| true);
    assert_eq!(
        (hub.size(&by_another), by_another.signatures().len()),
        (2, 2)
    );
}

#[test]
fn an_old_copy_of_the_hub_cannot_go_on_differently() {
    let Some(mut hub) = Witnessed::start() else {
        return;
    };
    let data = hub.root().join("hub");
    let database = || -> Vec<_> {
        let files = files_below(&data).into_iter();
        files
            .filter(|(path, _)| path.to_string_lossy().contains("hub.sqlite"))
            .collect()
    };
    hub.checkpoint(|_| true);
    hub.world.server.kill();
    let old = database();
    hub.restart(&[]);
    hub.world
        .publish(&hub.world.author("dots", "2.0.0", "three_features", 3));
    hub.world
        .publish(&hub.world.author("dots", "2.0.1", "three_features", 3));
    hub.world.server.kill();
    for (path, _) in database() {
        std::fs::remove_file(path).unwrap();
    }
    for (path, bytes) in old {
        std::fs::write(path, bytes).unwrap();
    }
    hub.restart(&[]);
    hub.wait_for_log("the database is an old copy");
    // Who has seen more is told at once; who has forgotten it is protected by the witnesses.
    hub.world.hub("alpha", &["show", "dots@2"]).fails(
        4,
        "had 2 entries when this machine last saw it, and now it shows 0",
    );
    hub.world.hub("alpha", &["trust", "--forget-log"]).ok();
    let other = hub
        .world
        .author("alpha/other", "1.0.0", "three_features", 3);
    let mut publishing = hub.publish_in_background(&other);
    hub.wait_for_log("\"size\":1,");
    publishing.kill().unwrap();
    publishing.wait().unwrap();
    let note = hub.checkpoint(|_| true);
    assert_eq!(hub.size(&note), 0, "the other history is shown to nobody");
}
