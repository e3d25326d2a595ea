//! Cosignatures: rounds in which all witnesses are asked about one checkpoint at once.
//!
//! A round ends when the policy's quorum has cosigned; the checkpoint is then published, on the disk
//! first. A witness that is slow keeps no round from ending: it is asked again when it has answered
//! or its time is over, and what it says late is added if the checkpoint is still the same. Without
//! a quorum the round is tried again. A log that does not grow is cosigned anew from time to time,
//! so that clients can tell a quiet log from one that is withheld.

mod ask;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ask::{AskError, Asker, Cosigned};
use registry_schema::log::note::Note;
use registry_schema::log::policy::Policy;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Head, Log};
use crate::cause::chain;
use crate::database::{Connection, DatabaseError, Hold, alarms};

/// How long after a round without quorum the next one begins.
const RETRY: Duration = Duration::from_secs(1);

/// How often a server asks whether it is its turn, and whether it still is.
const TURN: Duration = Duration::from_secs(1);

/// Asks witnesses for ever. Of the servers of one database one asks, and another one when it is gone.
pub(crate) async fn run(log: Log, refresh: Duration) {
    if !log.database.is_shared() {
        return ask(log, refresh).await;
    }
    loop {
        if let Some(hold) = take_turn(&log).await {
            tracing::info!("this server asks the witnesses");
            tokio::select! {
                () = ask(log.clone(), refresh) => {}
                () = lost(hold) => tracing::warn!("another server may ask the witnesses now"),
            }
        }
        tokio::time::sleep(TURN).await;
    }
}

/// The turn, unless another server has it.
async fn take_turn(log: &Log) -> Option<Hold> {
    let database = log.database.clone();
    let taken = blocking(move || {
        let mut taken = database.hold_witnesses();
        if let Ok(Some(hold)) = &mut taken {
            hold.end_when_still();
        }
        taken
    });
    taken.await?.unwrap_or_else(|error| {
        tracing::debug!(error = chain(&error), "cannot tell who asks the witnesses");
        None
    })
}

/// Returns when the turn is over.
async fn lost(mut hold: Hold) {
    loop {
        tokio::time::sleep(TURN).await;
        let asked = blocking(move || hold.is_held().then_some(hold)).await;
        match asked.flatten() {
            Some(held) => hold = held,
            None => return,
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// Asks always those of the policy that holds; `refresh` is the time after which a quiet log is
/// cosigned anew.
async fn ask(log: Log, refresh: Duration) {
    let asker = match Asker::new(log.database.clone()) {
        Ok(asker) => asker,
        Err(error) => {
            tracing::error!(error = chain(&error), "cannot ask witnesses");
            return;
        }
    };
    let mut policies = log.policies();
    loop {
        let policy = Arc::clone(&policies.borrow_and_update());
        let asking = ask_all(&log, &asker, policy, refresh);
        tokio::select! {
            () = asking => return,
            changed = policies.changed() => if changed.is_err() { return },
        }
    }
}

/// Asks the witnesses of a policy until the log is closed; nobody where it needs none.
async fn ask_all(log: &Log, asker: &Asker, policy: Arc<Policy>, refresh: Duration) {
    let count = policy.witnesses().len();
    let alarms = match kept_alarms(log, &policy).await {
        Ok(alarms) => alarms,
        Err(error) => {
            tracing::error!(error = chain(&error), "cannot read the witnesses' alarms");
            vec![None; count]
        }
    };
    if policy.is_quorum_none() {
        return std::future::pending().await;
    }
    let mut rounds = Rounds {
        log: log.clone(),
        alarms,
        policy,
        asker: asker.clone(),
        refresh,
        known: vec![0; count],
        is_busy: vec![false; count],
        asks: JoinSet::new(),
        round: None,
        next: Instant::now(),
    };
    rounds.go_on().await;
}

/// What each witness said against this log before. What others have said who are in the policy no
/// more is forgotten.
async fn kept_alarms(log: &Log, policy: &Policy) -> Result<Vec<Option<String>>, DatabaseError> {
    let witnesses = policy.witnesses().iter();
    let keys: Vec<String> = witnesses.map(|witness| witness.key.to_string()).collect();
    let of = move |connection: &mut Connection| {
        alarms::retain(connection, &keys)?;
        let mut kept: BTreeMap<_, _> = alarms::list(connection)?.into_iter().collect();
        Ok(keys.iter().map(|key| kept.remove(key)).collect())
    };
    log.database.run(of).await
}

/// One checkpoint, and who was asked about it.
struct Round {
    head: Arc<Head>,
    note: Note,
    was_asked: Vec<bool>,
    is_published: bool,
}

struct Rounds {
    log: Log,
    policy: Arc<Policy>,
    asker: Asker,
    refresh: Duration,
    /// By witness: how many entries it is believed to know.
    known: Vec<u64>,
    /// By witness: whether it is being asked.
    is_busy: Vec<bool>,
    /// By witness: what it said against this log.
    alarms: Vec<Option<String>>,
    asks: JoinSet<Answer>,
    round: Option<Round>,
    /// When the next round begins if the log does not grow.
    next: Instant,
}

struct Answer {
    witness: usize,
    head: Arc<Head>,
    cosigned: Result<Cosigned, AskError>,
}

impl Rounds {
    async fn go_on(&mut self) {
        let mut head = self.log.head.subscribe();
        loop {
            let is_open = self.round.as_ref().is_some_and(|round| !round.is_published);
            tokio::select! {
                // A round that is under way ends first: with a quorum or without.
                changed = head.changed(), if !is_open => match changed {
                    Ok(()) => self.begin(),
                    Err(_) => return,
                },
                Some(answer) = self.asks.join_next() => match answer {
                    Ok(answer) => self.take(answer).await,
                    Err(_) => self.start_over(),
                },
                () = tokio::time::sleep_until(self.next), if !is_open => self.begin(),
                else => self.start_over(),
            }
        }
    }

    /// Gives up the round; a later one begins with nobody being asked.
    fn start_over(&mut self) {
        self.asks = JoinSet::new();
        self.is_busy.fill(false);
        self.round = None;
        self.next = Instant::now() + RETRY;
    }

    /// Asks everybody who is not being asked about the log as it is now.
    fn begin(&mut self) {
        let head = self.log.head();
        self.next = Instant::now() + self.refresh;
        self.round = Some(Round {
            note: head.note.clone(),
            head,
            was_asked: vec![false; self.known.len()],
            is_published: false,
        });
        self.ask_idle();
    }

    fn ask_idle(&mut self) {
        let Some(round) = &mut self.round else { return };
        for witness in 0..self.known.len() {
            if self.is_busy[witness] || round.was_asked[witness] {
                continue;
            }
            (self.is_busy[witness], round.was_asked[witness]) = (true, true);
            let (policy, asker) = (Arc::clone(&self.policy), self.asker.clone());
            let (head, known) = (Arc::clone(&round.head), self.known[witness]);
            self.asks.spawn(async move {
                let cosigned = match policy.witnesses().get(witness) {
                    Some(whom) => asker.ask(whom, &head, known).await,
                    None => Err(AskError::NoUrl),
                };
                Answer {
                    witness,
                    head,
                    cosigned,
                }
            });
        }
    }

    async fn take(&mut self, answer: Answer) {
        self.is_busy[answer.witness] = false;
        match answer.cosigned {
            Ok(cosigned) => {
                self.known[answer.witness] = answer.head.checkpoint.size;
                self.keep_alarm(answer.witness, None).await;
                self.add(&answer.head, cosigned).await;
            }
            Err(error) => {
                let witness = self.policy.witnesses()[answer.witness].name.as_str();
                let (size, words) = (answer.head.checkpoint.size, chain(&error));
                if error.is_alarm() {
                    tracing::error!(
                        witness,
                        size,
                        error = words,
                        "ALARM: a witness contradicts this log"
                    );
                    self.keep_alarm(answer.witness, Some(words)).await;
                } else {
                    tracing::warn!(witness, size, error = words, "no cosignature");
                }
            }
        }
        let Some(round) = &self.round else { return };
        if round.is_published {
            return;
        }
        self.ask_idle();
        if !self.is_busy.contains(&true) {
            // Everybody has answered, and they are too few.
            self.start_over();
        }
    }

    /// Keeps what a witness says against this log until it cosigns again; `doctor` shows it.
    async fn keep_alarm(&mut self, witness: usize, alarm: Option<String>) {
        if alarm == self.alarms[witness] {
            return;
        }
        let key = self.policy.witnesses()[witness].key.to_string();
        let text = alarm.clone();
        let kept = self
            .log
            .database
            .run(move |connection| alarms::keep(connection, &key, text.as_deref()));
        match kept.await {
            Ok(()) => self.alarms[witness] = alarm,
            Err(error) => tracing::error!(error = chain(&error), "cannot keep an alarm"),
        }
    }

    /// Adds cosignatures of the round's checkpoint, and publishes it when they are enough.
    async fn add(&mut self, head: &Head, cosigned: Cosigned) {
        let Some(round) = &mut self.round else { return };
        if round.head.checkpoint != head.checkpoint {
            return;
        }
        for signature in cosigned.signatures {
            if let Err(error) = round.note.add(signature) {
                tracing::warn!(error = chain(&error), "a cosignature too many");
            }
        }
        if self.policy.check(&round.note).is_err() {
            return;
        }
        let next = Head {
            note: round.note.clone(),
            ..Head::clone(&round.head)
        };
        match self.log.publish(next).await {
            Ok(()) => round.is_published = true,
            Err(error) => {
                tracing::error!(error = chain(&error), "cannot keep a cosigned checkpoint");
            }
        }
    }
}
