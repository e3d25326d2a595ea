//! Nothing outside is spoken to, in a network where that would be seen.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::client::{Label, cookie_of, session_of};
use super::{command, is_loaded, member};
use crate::http::{Answer, parse, request};
use crate::missing;

/// Makes a network of its own look connected, and runs the rest in it: an interface with an address, the way to
/// everywhere, and a neighbour that is known, so that nothing but what programs send leaves by it. It leads nowhere.
const CONNECTED: &str = "ip link set lo up || exit 1
    if ! ip link add way type dummy 2>/dev/null; then
        ip link add way type veth peer name end && ip link set end addrgenmode none && ip link set end up
    fi && ip link set way addrgenmode none && ip addr add 192.0.2.2/24 dev way && ip link set way up &&
        ip route add default via 192.0.2.1 &&
        ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev way nud permanent && exec \"$0\" \"$@\"";

/// A network of its own, and the `hub label` in it.
struct Alone {
    label: Label,
    request: PathBuf,
    /// How often the test itself has connected.
    connected: u64,
}

/// What has left a network, or tried to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sent {
    /// Packets on the way to everywhere.
    packets: u64,
    /// Attempts to reach what there is no way to: by IPv6, all of the outside.
    wayless: u64,
    /// By UDP, to this machine too, where something may answer for the DNS.
    datagrams: u64,
    /// TCP connections that somebody opened, to this machine too.
    connections: u64,
}

impl Alone {
    /// `None` where nobody may make such a network, which has then been said.
    fn start(inner: &Command, request: PathBuf) -> Option<Self> {
        for (tool, version) in [("ip", "-V"), ("nsenter", "-V"), ("bash", "--version")] {
            if !missing::may(Command::new(tool).arg(version), tool) {
                return None;
            }
        }
        let mut trial = Command::new("unshare");
        trial.args(["--net", "sh", "-c", CONNECTED, "true"]);
        if !missing::may(&mut trial, "nobody here may make a network of his own") {
            return None;
        }
        let mut outer = Command::new("unshare");
        outer.args(["--net", "sh", "-c", CONNECTED]);
        outer.arg(inner.get_program()).args(inner.get_args());
        outer.env_clear();
        let variables = inner.get_envs();
        outer.envs(variables.filter_map(|(key, value)| Some((key, value?))));
        outer.current_dir(inner.get_current_dir().unwrap());
        Some(Self {
            label: Label::start_unopened(outer),
            request,
            connected: 0,
        })
    }

    /// Runs a line of `bash` in the network.
    fn inside(&self, line: &str) -> Command {
        let id = self.label.child.id().to_string();
        let mut command = Command::new("nsenter");
        command.args(["--net", "--target", &id, "bash", "-c", line]);
        command
    }

    fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let port = self.label.port;
        std::fs::write(&self.request, request(port, method, path, headers, body)).unwrap();
        let talk = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; cat \"$0\" >&3; cat <&3");
        let output = self.inside(&talk).arg(&self.request).output().unwrap();
        self.connected += 1;
        parse(&output.stdout)
    }

    fn proc(&self, name: &str) -> PathBuf {
        format!("/proc/{}/net/{name}", self.label.child.id()).into()
    }

    /// What was sent so far, but for what the test itself did.
    fn sent(&self) -> Sent {
        let read = |name| std::fs::read_to_string(self.proc(name));
        let interfaces = read("dev").unwrap();
        let way = interfaces
            .lines()
            .find_map(|line| line.trim().strip_prefix("way:"));
        let (four, six) = (read("snmp").unwrap(), read("snmp6").unwrap_or_default());
        let (four, six) = (counters(&four), counters_of_six(&six));
        let of_six = |name: &str| six.get(name).copied().unwrap_or(0);
        Sent {
            packets: way
                .unwrap()
                .split_whitespace()
                .nth(9)
                .unwrap()
                .parse()
                .unwrap(),
            wayless: four["Ip.OutNoRoutes"] + of_six("Ip6OutNoRoutes"),
            datagrams: four["Udp.OutDatagrams"] + of_six("Udp6OutDatagrams"),
            connections: four["Tcp.ActiveOpens"] - self.connected,
        }
    }

    /// Waits until what was sent is this.
    #[track_caller]
    fn until(&self, what: &str, is_seen: impl Fn(&Sent) -> bool) {
        let begun = Instant::now();
        while !is_seen(&self.sent()) {
            let patience = Duration::from_secs(60);
            assert!(begun.elapsed() < patience, "{what}: {:?}", self.sent());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// `Protocol: Names` and `Protocol: numbers`, in lines that follow each other.
fn counters(text: &str) -> BTreeMap<String, u64> {
    let lines: Vec<&str> = text.lines().collect();
    let pairs = lines.chunks_exact(2).flat_map(|pair| {
        let (protocol, names) = pair[0].split_once(": ").unwrap();
        let numbers = pair[1].split_once(": ").unwrap().1.split(' ');
        let named = names.split(' ').zip(numbers);
        named.map(move |(name, number)| (format!("{protocol}.{name}"), number))
    });
    // One of them may be -1, for which there is no limit.
    let numbers = pairs.filter_map(|(name, number)| Some((name, number.parse().ok()?)));
    numbers.collect()
}

/// A name and a number in each line.
fn counters_of_six(text: &str) -> BTreeMap<&str, u64> {
    let pairs = text.lines().filter_map(|line| {
        let (name, number) = line.split_once(char::is_whitespace)?;
        Some((name, number.trim().parse().ok()?))
    });
    pairs.collect()
}

/// A process that is ended with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn nothing_outside_is_reached() {
    let Some((world, pictures)) = member() else {
        return;
    };
    let inner = command(&world, &pictures);
    let request = world.folder.path().join("request");
    let Some(mut alone) = Alone::start(&inner, request) else {
        return;
    };
    let path = alone.label.path();
    let cookie = cookie_of(&alone.ask("GET", &path, &[], b""));
    let cookie = ("Cookie", cookie.as_str());
    let session = loop {
        let state = alone.ask("GET", "/api/state", &[cookie], b"").json();
        if is_loaded(&state) {
            break session_of(&state);
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    let origin = format!("http://127.0.0.1:{}", alone.label.port);
    let headers = [
        cookie,
        ("Origin", origin.as_str()),
        ("Content-Type", "application/json"),
        ("X-Hub-Session", session.as_str()),
    ];
    let body = br#"{"set": [{"image": 1, "class": "x"}]}"#;
    let labelled = alone.ask("POST", "/api/labels", &headers, body).json();
    assert_eq!(labelled["labels"], 1);
    // Neither a byte to the outside nor a question for a name, and not even a connection to this machine.
    assert_eq!(alone.sent(), Sent::default());

    // Each of these would have been seen.
    let tried = |line: &str| drop(alone.inside(line).output().unwrap());
    tried("echo x > /dev/udp/203.0.113.9/53");
    alone.until("a question for a name", |sent| {
        (sent.packets, sent.datagrams) == (1, 1)
    });
    tried("echo x > /dev/udp/127.0.0.53/53");
    alone.until("one to this machine", |sent| sent.datagrams == 2);
    let mut opening = alone.inside("exec 3<>/dev/tcp/203.0.113.9/443");
    let opening = Ended(opening.stderr(Stdio::null()).spawn().unwrap());
    alone.until("a connection", |sent| {
        sent.packets > 1 && sent.connections == 1
    });
    drop(opening);
    if !alone.proc("snmp6").exists() {
        return;
    }
    let before = alone.sent().wayless;
    tried("exec 3<>/dev/tcp/2001:db8::1/443");
    alone.until("one by IPv6", |sent| sent.wayless > before);
}
