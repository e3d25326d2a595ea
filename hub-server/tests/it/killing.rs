//! SIGKILL at random moments while many publish: nothing that was acknowledged is missing, and the
//! log never forks.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use registry_schema::api::{YankRecorded, yanks_path};
use registry_schema::envelope;
use registry_schema::log::entry::parse_bundle;
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::policy::Policy;
use registry_schema::log::proof::{LogProof, TreeHead};
use registry_schema::log::tile::BundleId;
use registry_schema::log::tree::Tree;
use registry_schema::statement::YankAction;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};

use crate::draft::{Draft, Signed};
use crate::world::{ALPHA, PATIENCE, World};

/// Rounds of a test; `HUB_KILL_ROUNDS` asks for more.
const ROUNDS: u32 = 12;

/// Publishers at once.
const PUBLISHERS: usize = 8;

/// Yanks and unyanks one release for ever, each statement again until it is acknowledged.
pub(crate) struct Publisher {
    release: Signed,
    sequence: u64,
    /// Whether it tries again when it is told to come again.
    is_patient: bool,
    acknowledged: Acknowledged,
}

/// What somebody was told to be in the log.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    /// By index.
    entries: BTreeMap<u64, Vec<u8>>,
    /// The trees they were shown in.
    heads: Vec<TreeHead>,
}

impl Acknowledged {
    /// Keeps a statement, whose proof must hold.
    pub(crate) fn keep(&mut self, policy: &Policy, index: u64, statement: Vec<u8>, proof: &str) {
        let proof = LogProof::parse(proof.as_bytes()).unwrap();
        assert_eq!(proof.index, index);
        let shown = policy.check_proof(&proof, &leaf_hash(&statement)).unwrap();
        self.heads.push(TreeHead {
            size: shown.checkpoint().size,
            root: shown.checkpoint().root,
        });
        self.entries.insert(index, statement);
    }
}

impl Publisher {
    /// Publishes a release of its own.
    pub(crate) async fn start(world: &World, number: usize) -> Self {
        let release = Draft::new(&format!("alpha/extractor-{number}"), "1.0.0").sign(&[ALPHA]);
        world.published(&release).await;
        Self {
            release,
            sequence: 0,
            is_patient: false,
            acknowledged: Acknowledged::default(),
        }
    }

    /// Four of them, which try again when the server says that they should.
    pub(crate) async fn four(world: &World) -> Vec<Self> {
        let mut publishers = Vec::new();
        for number in 0..4 {
            publishers.push(Self::start(world, number).await.patient());
        }
        publishers
    }

    /// The same, which tries again when the server says that it should.
    pub(crate) fn patient(mut self) -> Self {
        self.is_patient = true;
        self
    }

    /// Publishes until the server is gone, or it is over.
    pub(crate) async fn go_on(
        &mut self,
        world: &World,
        policy: &Policy,
        acknowledged: &AtomicU64,
        is_over: &AtomicBool,
    ) {
        while !is_over.load(Ordering::SeqCst) {
            let action = match self.sequence % 2 {
                0 => YankAction::Yank,
                _ => YankAction::Unyank,
            };
            let statement = self.release.yank(action, self.sequence + 1, &[ALPHA]);
            let sent = world
                .request(
                    Method::POST,
                    &yanks_path(&self.release.name, &self.release.version),
                )
                .header(CONTENT_TYPE, envelope::MEDIA_TYPE)
                .body(statement.clone())
                .send()
                .await;
            let Ok(answer) = sent else { return };
            let status = answer.status();
            let Ok(bytes) = answer.bytes().await else {
                return;
            };
            if self.is_patient && status == StatusCode::SERVICE_UNAVAILABLE {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            assert!(
                matches!(status, StatusCode::CREATED | StatusCode::OK),
                "{status}: {}",
                String::from_utf8_lossy(&bytes)
            );
            let recorded: YankRecorded = serde_json::from_slice(&bytes).unwrap();
            let (index, proof) = (recorded.log_index, &recorded.proof);
            self.acknowledged.keep(policy, index, statement, proof);
            self.sequence += 1;
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Every entry of the log, as it is served.
async fn entries(world: &World, size: u64) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0.. {
        let Some(id) = BundleId::of_tree(number, size) else {
            break;
        };
        let bytes = world
            .get(&format!("/log/{id}"))
            .await
            .bytes()
            .await
            .unwrap();
        all.extend(
            parse_bundle(id, &bytes)
                .unwrap()
                .into_iter()
                .map(<[u8]>::to_vec),
        );
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_loses_what_was_acknowledged_or_forks_the_log() {
    let rounds = std::env::var("HUB_KILL_ROUNDS").ok();
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let mut world = World::start();
    let policy = world.log_policy();
    let mut publishers = Vec::new();
    for number in 0..PUBLISHERS {
        publishers.push(Publisher::start(&world, number).await);
    }
    let acknowledged = AtomicU64::new(0);
    let never = AtomicBool::new(false);
    for round in 0..rounds {
        let pause = RandomState::new().hash_one(round) % 300;
        let server = world.take_server();
        let all = futures_util::future::join_all(
            publishers
                .iter_mut()
                .map(|publisher| publisher.go_on(&world, &policy, &acknowledged, &never)),
        );
        let before = acknowledged.load(Ordering::SeqCst);
        let killing = async {
            // Each round tells of something, also on a slow machine.
            let begun = Instant::now();
            while acknowledged.load(Ordering::SeqCst) == before {
                assert!(begun.elapsed() < PATIENCE, "{}", world.log());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let mut server = server;
            server.kill().unwrap();
            server.wait().unwrap();
        };
        tokio::join!(all, killing);
        // It starts by itself, whatever was cut off.
        world.serve(&[]);
    }
    let acknowledged = acknowledged.into_inner();
    assert!(
        acknowledged >= u64::from(rounds),
        "{acknowledged} in {rounds} rounds"
    );
    check_all(&world, &publishers).await;
}

/// [`check_acknowledged`] for what publishers were told.
pub(crate) async fn check_all(world: &World, publishers: &[Publisher]) {
    let told = publishers.iter().map(|publisher| &publisher.acknowledged);
    check_acknowledged(world, told).await;
}

/// Everything that was acknowledged is where it was, in one log of which nobody was shown another.
pub(crate) async fn check_acknowledged(
    world: &World,
    told: impl IntoIterator<Item = &Acknowledged>,
) {
    let (is_good, said) = world.verify_log();
    assert!(is_good, "{said}");
    let size: u64 = said
        .lines()
        .find_map(|line| line.strip_prefix("entries ")?.parse().ok())
        .unwrap();
    let entries = entries(world, size).await;
    let mut roots = BTreeMap::new();
    for one in told {
        for (index, statement) in &one.entries {
            assert_eq!(
                &entries[usize::try_from(*index).unwrap()],
                statement,
                "{index}"
            );
        }
        for head in &one.heads {
            // Nobody was shown another tree of the same size.
            assert_eq!(*roots.entry(head.size).or_insert(head.root), head.root);
        }
    }
    let mut tree = Tree::new();
    for entry in &entries {
        tree.append(&[leaf_hash(entry)]).unwrap();
        if let Some(root) = roots.get(&tree.size()) {
            assert_eq!(tree.root(), *root, "the tree of {} entries", tree.size());
        }
    }
}
