//! Everything at once: two servers over PostgreSQL and a bucket, some who publish and some who pull, and all the while
//! whatever can die dies. `make bench PARTS=soak` does it for ten minutes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use registry_schema::api::{
    Published, ReleaseDetail, YankRecorded, blob_path, release_path, upload_path, yanks_path,
};
use registry_schema::digest::Digest;
use registry_schema::envelope::{self, Envelope};
use registry_schema::log::note::Note;
use registry_schema::log::policy::Policy;
use registry_schema::reference::Requirement;
use registry_schema::statement::{Statement, YankAction};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, StatusCode};

use super::machines::{Addresses, Machines, below, some_time};
use crate::draft::{Draft, Signed};
use crate::killing::{Acknowledged, check_acknowledged};
use crate::world::ALPHA;

/// How long; `HUB_SOAK_SECONDS` asks for more.
const SECONDS: u64 = 6;

/// From so many seconds on, the database is away for a whole minute, and a server stands still for half of one.
const LONG_SECONDS: u64 = 240;

const WRITERS: usize = 4;
const READERS: usize = 2;

/// Who gets no answer for so long asks again.
const PATIENCE: Duration = Duration::from_secs(45);

/// Whoever has asked for so long in vain asks a hub that does not come back.
const END_OF_PATIENCE: Duration = Duration::from_secs(180);

/// What all who are under way share.
struct Hub {
    addresses: Addresses,
    /// Each believes the certificate of one server.
    clients: [Client; 2],
    token: String,
    policy: Policy,
    is_over: AtomicBool,
    /// What was acknowledged.
    releases: Mutex<Vec<Arc<Signed>>>,
    /// The largest checkpoint that somebody has seen.
    seen: AtomicU64,
    statements: AtomicU64,
    pulls: AtomicU64,
}

impl Hub {
    fn of(machines: &Machines) -> Self {
        let worlds = &machines.worlds;
        Self {
            addresses: Arc::clone(&machines.addresses),
            clients: worlds.each_ref().map(|world| world.client.clone()),
            token: worlds[0].token.clone(),
            policy: worlds[0].log_policy(),
            is_over: AtomicBool::new(false),
            releases: Mutex::default(),
            seen: AtomicU64::new(0),
            statements: AtomicU64::new(0),
            pulls: AtomicU64::new(0),
        }
    }

    /// Asks either server; `None` without an answer that is whole, or when it is to be asked later.
    async fn try_ask(
        &self,
        method: &Method,
        path: &str,
        body: &[u8],
    ) -> Option<(StatusCode, Bytes)> {
        let at = usize::from(below(2) == 1);
        let url = format!("{}{path}", self.addresses[at].read().unwrap());
        let request = self.clients[at]
            .request(method.clone(), url)
            .header("authorization", format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, envelope::MEDIA_TYPE)
            .body(body.to_vec());
        let asked = tokio::time::timeout(PATIENCE, async {
            let answer = request.send().await.ok()?;
            let status = answer.status();
            Some((status, answer.bytes().await.ok()?))
        });
        let (status, said) = asked.await.ok()??;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return None;
        }
        if status.is_server_error() {
            let text = String::from_utf8_lossy(&said);
            panic!("{method} {path}: {status} {text}");
        }
        Some((status, said))
    }

    /// Asks until there is an answer.
    async fn ask(&self, method: &Method, path: &str, body: &[u8]) -> (StatusCode, Bytes) {
        let begun = Instant::now();
        loop {
            if let Some(answer) = self.try_ask(method, path, body).await {
                return answer;
            }
            assert!(
                begun.elapsed() < END_OF_PATIENCE,
                "{method} {path}: nothing"
            );
            tokio::time::sleep(some_time(20, 120)).await;
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// Publishes a release, as `hub publish` does.
    async fn publish(&self, signed: &Signed) -> Published {
        let release = release_path(&signed.name, &Requirement::Exact(signed.version.clone()));
        for attempt in 0.. {
            for bytes in signed.files.values() {
                let digest = Digest::of(bytes);
                let blob = blob_path(&signed.name, &digest);
                let (there, _) = self.ask(&Method::HEAD, &blob, b"").await;
                if there != StatusCode::OK {
                    let path = format!("{}?digest={digest}", upload_path(&signed.name));
                    let (status, said) = self.ask(&Method::POST, &path, bytes).await;
                    let said = String::from_utf8_lossy(&said);
                    assert_eq!(status, StatusCode::CREATED, "{said}");
                }
            }
            let (status, said) = self.ask(&Method::PUT, &release, &signed.envelope).await;
            if matches!(status, StatusCode::CREATED | StatusCode::OK) {
                return serde_json::from_slice(&said).unwrap();
            }
            // The store of the tests writes in place: killed while a request that nobody waits for any more copies
            // once again, it is left with less than was there.
            let said = String::from_utf8_lossy(&said);
            assert!(attempt < 3 && said.contains("blob"), "{status} {said}");
        }
        unreachable!("it ends with an answer or a failure")
    }

    /// Publishes a release and keeps what was acknowledged.
    async fn record(&self, told: &mut Acknowledged, draft: &Draft) -> Arc<Signed> {
        let signed = Arc::new(draft.sign(&[ALPHA]));
        let published = self.publish(&signed).await;
        let envelope = signed.envelope.clone();
        told.keep(
            &self.policy,
            published.log_index,
            envelope,
            &published.proof,
        );
        self.releases.lock().unwrap().push(Arc::clone(&signed));
        self.statements.fetch_add(1, Ordering::Relaxed);
        signed
    }

    /// Publishes one release after the other, each yanked and taken back a few times.
    async fn write(&self, number: usize, mut before: Arc<Signed>) -> Acknowledged {
        let mut told = Acknowledged::default();
        for patch in 1.. {
            if self.is_over() {
                break;
            }
            let draft = Draft::new(&before.name.to_string(), &format!("1.0.{patch}"))
                .file("notes.txt", notes(number as u64, patch))
                .after(&before);
            let signed = self.record(&mut told, &draft).await;
            for sequence in 1..=4 {
                let action = match sequence % 2 {
                    1 => YankAction::Yank,
                    _ => YankAction::Unyank,
                };
                let statement = signed.yank(action, sequence, &[ALPHA]);
                let path = yanks_path(&signed.name, &signed.version);
                let (status, said) = self.ask(&Method::POST, &path, &statement).await;
                let text = String::from_utf8_lossy(&said);
                assert!(status.is_success(), "{status} {text}");
                let recorded: YankRecorded = serde_json::from_slice(&said).unwrap();
                let (index, proof) = (recorded.log_index, &recorded.proof);
                told.keep(&self.policy, index, statement, proof);
                self.statements.fetch_add(1, Ordering::Relaxed);
            }
            before = signed;
        }
        told
    }

    /// Pulls what was acknowledged, and whatever is newest, and looks at checkpoints.
    async fn read(&self) {
        while !self.is_over() {
            let one = {
                let releases = self.releases.lock().unwrap();
                let at = below(releases.len() as u64);
                Arc::clone(&releases[usize::try_from(at).unwrap()])
            };
            let exact = Requirement::Exact(one.version.clone());
            let detail = self.pull(&one, &release_path(&one.name, &exact)).await;
            assert_eq!(detail.envelope.as_bytes(), one.envelope);
            let newest = format!("/api/v1/extractors/{}/releases/1", one.name);
            self.pull(&one, &newest).await;
            let known = self.seen.load(Ordering::SeqCst);
            let (status, note) = self.ask(&Method::GET, "/log/checkpoint", b"").await;
            assert_eq!(status, StatusCode::OK);
            let shown = self.policy.check(&Note::parse(&note).unwrap()).unwrap();
            let size = shown.checkpoint().size;
            assert!(size >= known, "after {known} entries {size} are shown");
            self.seen.fetch_max(size, Ordering::SeqCst);
        }
    }

    /// A release that is shown is there with all its files.
    async fn pull(&self, one: &Signed, path: &str) -> ReleaseDetail {
        let (status, said) = self.ask(&Method::GET, path, b"").await;
        let text = String::from_utf8_lossy(&said);
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        let detail: ReleaseDetail = serde_json::from_slice(&said).unwrap();
        let envelope = Envelope::parse(detail.envelope.as_bytes()).unwrap();
        let Ok(Statement::Release(release)) = Statement::parse(envelope.payload()) else {
            panic!("{path} is no release: {text}");
        };
        for file in release.files() {
            let path = blob_path(&one.name, &file.digest);
            let (status, bytes) = self.ask(&Method::GET, &path, b"").await;
            assert_eq!(status, StatusCode::OK, "{}", file.path);
            assert_eq!(Digest::of(&bytes), file.digest, "{}", file.path);
        }
        self.pulls.fetch_add(1, Ordering::Relaxed);
        detail
    }
}

/// Lines that no other release has; now and then so many that they make more than one piece.
fn notes(writer: u64, patch: u64) -> String {
    let lines = match (writer + patch) % 150 {
        7 => 1_000_000,
        _ => 2_000,
    };
    (0..lines)
        .map(|line: u64| format!("{writer} {patch} {line}\n"))
        .collect()
}

/// Says that it is over when a test ends, in whatever way.
struct Over(Arc<Hub>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_dies_nothing_acknowledged_is_lost_and_nothing_is_half_there() {
    let Some(mut machines) = Machines::start() else {
        return;
    };
    let wish = std::env::var("HUB_SOAK_SECONDS").ok();
    let seconds = wish.as_ref().map_or(SECONDS, |wish| wish.parse().unwrap());
    let hub = Arc::new(Hub::of(&machines));
    let over = Over(Arc::clone(&hub));
    // What all releases of a name have in common is there before anything dies.
    let (mut first, mut begun) = (Acknowledged::default(), Vec::new());
    for number in 0..WRITERS {
        let draft = Draft::new(&format!("alpha/soak-{number}"), "1.0.0");
        begun.push(hub.record(&mut first, &draft).await);
    }
    let dying = {
        let (hub, until) = (
            Arc::clone(&hub),
            Instant::now() + Duration::from_secs(seconds),
        );
        let is_long = seconds >= LONG_SECONDS;
        tokio::task::spawn_blocking(move || {
            machines.die(&hub.is_over, until, is_long);
            hub.is_over.store(true, Ordering::SeqCst);
            machines
        })
    };
    let writing = begun.into_iter().enumerate();
    let writing = writing.map(|(number, before)| hub.write(number, before));
    let writers = futures_util::future::join_all(writing);
    let readers = futures_util::future::join_all((0..READERS).map(|_| hub.read()));
    let (mut told, _, machines) = tokio::join!(writers, readers, dying);
    let machines = machines.unwrap();
    told.push(first);
    for world in &machines.worlds {
        check_acknowledged(world, &told).await;
    }
    let doctor = machines.worlds[1].run(&["doctor", "--deep"]);
    assert!(doctor.status.success(), "{doctor:?}");
    let count = |number: &AtomicU64| number.load(Ordering::SeqCst);
    let (statements, pulls) = (count(&hub.statements), count(&hub.pulls));
    assert!(statements > 4 && pulls > 1, "{statements}, {pulls}");
    if wish.is_some() {
        eprintln!(
            "{seconds} s with {} deaths: {statements} statements acknowledged, {pulls} releases pulled, nothing lost",
            machines.deaths
        );
    }
    drop(over);
}
