//! Witnesses as the hub sees them: named and renamed by the trust root, and contradicting its log.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use registry_schema::api::ProblemCode;
use registry_schema::keys::SecretKey;
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::note::{KeyKind, KeyName, Note, SignerKey};
use registry_schema::log::policy::Policy;
use registry_schema::log::proof::LogProof;
use reqwest::StatusCode;

use crate::consortium::HubKeys;
use crate::log::{published, release};
use crate::trust;
use crate::watching::metrics;
use crate::world::{ALPHA, BETA, World, problem};

/// The time that witnesses here say, in seconds since 1970.
const COSIGNED_AT: u64 = 1_700_000_000;

/// A witness that believes everything, or answers what it is told to.
pub(crate) struct Witness {
    address: String,
    key: SignerKey,
    told: Arc<Mutex<Option<(u16, &'static str)>>>,
}

impl Witness {
    pub(crate) fn start() -> Self {
        Self::with_key(9)
    }

    fn with_key(seed: u8) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let name: KeyName = "witness.example/w1".parse().unwrap();
        let secret = SecretKey::from_seed(&[seed; 32]);
        let witness = Self {
            address: listener.local_addr().unwrap().to_string(),
            key: SignerKey::new(name, KeyKind::Cosignature, secret),
            told: Arc::default(),
        };
        let (key, told) = (witness.key.clone(), Arc::clone(&witness.told));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, key, told) = (stream.unwrap(), key.clone(), Arc::clone(&told));
                // Whoever stands still in the middle of a request holds up nobody else.
                std::thread::spawn(move || answer(stream, &key, &told));
            }
        });
        witness
    }

    /// What the witness answers from now on.
    fn tell(&self, told: Option<(u16, &'static str)>) {
        *self.told.lock().unwrap() = told;
    }

    pub(crate) fn policy(&self, log: &str) -> String {
        let (key, address) = (self.key.verifier(), &self.address);
        format!("log {log}\nwitness w1 {key} http://{address}\nquorum w1\n")
    }
}

fn answer(mut stream: TcpStream, key: &SignerKey, told: &Mutex<Option<(u16, &'static str)>>) {
    // Whoever is killed may end in the middle of a request.
    let Some(body) = request_body(&mut BufReader::new(&mut stream)) else {
        return;
    };
    let told = *told.lock().unwrap();
    let (status, text) = match told {
        Some((status, text)) => (status, text.to_owned()),
        None => (200, cosigned(key, &body)),
    };
    let length = text.len();
    let answer = format!(
        "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{text}"
    );
    let _ = stream.write_all(answer.as_bytes());
}

fn request_body(stream: &mut impl BufRead) -> Option<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(String::from_utf8(body).unwrap())
}

fn cosigned(key: &SignerKey, request: &str) -> String {
    let (_, checkpoint) = request.split_once("\n\n").unwrap();
    let note = Note::parse(checkpoint.as_bytes()).unwrap();
    let mut cosigned = Note::new(note.text().to_owned()).unwrap();
    cosigned.add(key.sign(note.text(), COSIGNED_AT)).unwrap();
    cosigned.signature_lines()
}

async fn name_policy(world: &World, text: &str) -> reqwest::Response {
    let draft = trust::changed(&trust::served(world).await, &[ALPHA, BETA], |plan| {
        plan.log_policy = text.to_owned();
    });
    trust::publish(world, &draft).await
}

#[tokio::test]
async fn the_log_follows_its_policy_without_a_restart() {
    let world = World::start();
    let witness = Witness::start();
    let keys = HubKeys::of(&world.data());
    published(&world, &release("alpha/first")).await;
    let witnessed = witness.policy(&keys.log);
    let named = name_policy(&world, &witnessed).await;
    assert_eq!(named.status(), StatusCode::OK);
    let second = release("alpha/second");
    let proof = published(&world, &second).await.proof;
    let proof = LogProof::parse(proof.as_bytes()).unwrap();
    let leaf = leaf_hash(&second.envelope);
    let policy = Policy::parse(&witnessed).unwrap();
    policy.check_proof(&proof, &leaf).unwrap();
    // And back: nobody is asked any more.
    witness.tell(Some((500, "away")));
    let named = name_policy(&world, &keys.log_policy()).await;
    assert_eq!(named.status(), StatusCode::OK);
    published(&world, &release("alpha/third")).await;
    // A policy under which this hub has no log would be its end.
    let log = "hub.example.org/log1+b30413d9+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
    let foreign = name_policy(&world, &format!("log {log}\nquorum none\n")).await;
    let told = problem(foreign, ProblemCode::TrustRoot).await;
    assert!(told.contains("does not name this hub's log"), "{told}");
    published(&world, &release("alpha/fourth")).await;
}

#[tokio::test]
async fn metrics_name_the_witness_that_is_late() {
    let (prompt, late) = (Witness::start(), Witness::with_key(8));
    late.tell(Some((503, "away")));
    let line = |name: &str, witness: &Witness| {
        let (key, address) = (witness.key.verifier(), &witness.address);
        format!("witness {name} {key} http://{address}\n")
    };
    let witnesses = line("prompt", &prompt) + &line("late", &late);
    let watched = ["--metrics-listen", "127.0.0.1:0"];
    let world = World::start_logged(&watched, |log| {
        let group = "group any 1 prompt late\nquorum any\n";
        Some(format!("log {log}\n{witnesses}{group}"))
    });
    published(&world, &release("alpha/first")).await;
    let text = metrics(&world).await;
    for line in [
        "hub_server_witness_late{witness=\"late\"} 1",
        "hub_server_witness_late{witness=\"prompt\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{text}");
    }
    let age = text
        .lines()
        .find(|line| line.starts_with("hub_server_checkpoint_age_seconds{log="));
    let age: f64 = age.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let cosigned_at = now - age;
    let wanted = COSIGNED_AT as f64;
    assert!(
        (wanted - 2.0..wanted + 600.0).contains(&cosigned_at),
        "{cosigned_at}"
    );
}

#[tokio::test]
async fn a_witness_that_has_seen_another_history_raises_an_alarm() {
    let witness = Witness::start();
    let refresh = ["--witness-refresh-seconds", "1"];
    let world = World::start_logged(&refresh, |log| Some(witness.policy(&log.to_string())));
    published(&world, &release("alpha/first")).await;
    let until = async |word: &str| doctor_until(&world, word).await;
    let line = until("none contradicts").await;
    assert!(line.starts_with("good"), "{line}");
    for told in [
        // As this project's witness says that a proof is bad, or the root of a size another.
        (422, "the root is another"),
        // Others say so of the root: the size they were asked about.
        (409, "1\n"),
        (409, "the root is another"),
        // It knows more of this log than there is.
        (409, "7\n"),
    ] {
        witness.tell(Some(told));
        let line = until("`w1`: it has cosigned").await;
        assert!(line.starts_with("BAD"), "{line}");
        world.until_logged("ALARM");
        // What is still to be had stays readable, and the alarm ends with its reason.
        world
            .json::<registry_schema::api::ReleaseDetail>(
                "/api/v1/extractors/alpha/first/releases/latest",
            )
            .await;
        witness.tell(None);
        until("none contradicts").await;
    }
    // A witness that is merely away, or behind, raises none.
    witness.tell(Some((503, "away")));
    world.until_logged("it refused with 503");
    assert!(doctor(&world).starts_with("good"));
}

#[tokio::test]
async fn an_alarm_ends_with_the_witness_that_raised_it() {
    let (witness, other) = (Witness::start(), Witness::with_key(10));
    let refresh = ["--witness-refresh-seconds", "1"];
    let world = World::start_logged(&refresh, |log| Some(witness.policy(&log.to_string())));
    published(&world, &release("alpha/first")).await;
    witness.tell(Some((409, "7\n")));
    doctor_until(&world, "`w1`: it has cosigned").await;
    // Another one takes its place, under the same name; it says nothing.
    other.tell(Some((503, "away")));
    let log = HubKeys::of(&world.data()).log;
    let named = name_policy(&world, &other.policy(&log)).await;
    assert_eq!(named.status(), StatusCode::OK);
    let line = doctor(&world);
    assert!(line.starts_with("good"), "{line}");
    // Nor does it come back when the first one is named again, which has nothing to say any more.
    world.until_logged("it refused with 503");
    witness.tell(Some((503, "gone")));
    let named = name_policy(&world, &witness.policy(&log)).await;
    assert_eq!(named.status(), StatusCode::OK);
    let line = doctor(&world);
    assert!(line.starts_with("good"), "{line}");
}

/// What `doctor` says of the witnesses.
fn doctor(world: &World) -> String {
    let output = world.run(&["doctor"]);
    let said = String::from_utf8(output.stdout).unwrap();
    let mut lines = said.lines().map(ToOwned::to_owned);
    let line = lines.find(|line| line.contains(" witnesses "));
    line.unwrap_or_else(|| panic!("{said}"))
}

async fn doctor_until(world: &World, word: &str) -> String {
    loop {
        let line = doctor(world);
        if line.contains(word) {
            return line;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
