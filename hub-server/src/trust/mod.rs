//! The consortium's trust root at its hub: what members signed, and the hub's own signatures on
//! snapshot and timestamp, which it renews before they end.
//!
//! The hub decides nothing here: a change counts when a client that knows the present state would
//! follow it, and is refused by the same verification otherwise.

mod error;
mod keys;

pub(crate) use error::TrustError;
use keys::{OnlineKey, by_named_key};
pub(crate) use keys::{
    load_key, load_or_make_key, load_or_make_next_key, public_text, put_next_key_aside,
};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::Timestamp;
use registry_schema::api::TrustRootInfo;
use registry_schema::keys::SecretKey;
use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};
use registry_schema::tuf::TufError;
use registry_schema::tuf::bundle::Bundle;
use registry_schema::tuf::draft::Draft;

use crate::cause::chain;
use crate::config::DataFolder;
use crate::database::{Connection, Database, DatabaseError, trust as rows};

/// Roles of which each may have ended; looking for a time at which all were valid takes a step each.
const ROLES: usize = 4;

/// A state of the trust root.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) bundle: Bundle,
    pub(crate) root: ConsortiumRoot,
    /// The roles whose time is over: clients refuse the state then.
    pub(crate) expired: Vec<Expired>,
}

impl State {
    /// Verifies a state as of now; one whose time is over as of the last moment at which it was valid.
    pub(crate) fn verified(bundle: Bundle, now: Timestamp) -> Result<Self, TrustError> {
        let (root, expired) = verify(&bundle, now)?;
        Ok(Self {
            bundle,
            root,
            expired,
        })
    }

    /// What the hub tells about it.
    pub(crate) fn info(&self) -> TrustRootInfo {
        TrustRootInfo {
            first_root: self.bundle.anchor(),
            root: self.root.version(),
            targets: self.root.targets_version(),
        }
    }
}

/// A role whose time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expired {
    pub(crate) role: String,
    /// Until when it was valid.
    pub(crate) expires: Timestamp,
}

impl Expired {
    /// Tells the hub's operator.
    pub(crate) fn tell(&self) {
        let Self { role, expires } = self;
        tracing::warn!(role, %expires, "the trust root has expired: clients refuse it");
    }
}

/// A state that may take the place of the present one.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) state: State,
    /// The key that has signed it, when that is another one than the present one.
    online: Option<SecretKey>,
}

/// The trust root of an open hub.
#[derive(Debug)]
pub(crate) struct Trust {
    database: Database,
    /// Signs snapshot and timestamp; a mirror has none, and shows those that it was given.
    online: Option<OnlineKey>,
    state: RwLock<Arc<State>>,
    /// Held while a state follows another.
    writer: Mutex<()>,
}

impl Trust {
    /// Opens the trust root and renews the hub's signatures when it is time.
    pub(crate) fn open(
        database: Database,
        data: &DataFolder,
        now: Timestamp,
    ) -> Result<Self, TrustError> {
        let state = load(&database, now)?;
        state.expired.iter().for_each(Expired::tell);
        let online = OnlineKey::open(data, &state.bundle)?;
        let trust = Self::new(database, Some(online), state);
        trust.renew(now)?;
        Ok(trust)
    }

    /// Opens the copy of another hub's trust root, which can be changed by [`Trust::show_copy`] alone. Whoever
    /// follows it tells what has expired.
    pub(crate) fn open_copy(database: Database, now: Timestamp) -> Result<Self, TrustError> {
        let state = load(&database, now)?;
        Ok(Self::new(database, None, state))
    }

    fn new(database: Database, online: Option<OnlineKey>, state: State) -> Self {
        Self {
            database,
            online,
            state: RwLock::new(Arc::new(state)),
            writer: Mutex::new(()),
        }
    }

    /// Shows the newest state of a copy, which is on the disk.
    pub(crate) fn show_copy(&self, next: State) {
        if self.online.is_none() {
            self.show(next);
        }
    }

    fn show(&self, next: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }

    /// The present state.
    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins a change; another one waits until this one is over.
    pub(crate) fn change(&self) -> Change<'_> {
        Change {
            trust: self,
            _writer: self.writer.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Signs snapshot and timestamp again when half of their lifetime is over; whether it did.
    ///
    /// # Errors
    /// [`TrustError`]; then the old signatures stay.
    pub(crate) fn renew(&self, now: Timestamp) -> Result<bool, TrustError> {
        let Some(online) = &self.online else {
            return Ok(false);
        };
        let change = self.change();
        let Some(bundle) = self.state().bundle.renewed(&online.present(), now)? else {
            return Ok(false);
        };
        match change.put(State::verified(bundle, now)?) {
            // Another server of the same database has, and tells of it.
            Err(TrustError::Database(DatabaseError::Changed)) if self.database.is_shared() => {
                self.database
                    .with(|connection| self.follow(connection, now))?;
                Ok(false)
            }
            other => other.map(|_| true),
        }
    }

    /// Whether a state is the one in the database, which another server may have changed.
    ///
    /// # Errors
    /// [`DatabaseError`] when the database cannot be read.
    pub(crate) fn is_newest(
        connection: &mut Connection,
        state: &State,
    ) -> Result<bool, DatabaseError> {
        let newest = rows::timestamp(connection)?;
        Ok(newest.as_deref() == Some(state.bundle.timestamp.as_str()))
    }

    /// Shows the state in the database, when it is another one than is shown; whether it is.
    ///
    /// # Errors
    /// [`TrustError`], also when it is an older one.
    pub(crate) fn follow(
        &self,
        connection: &mut Connection,
        now: Timestamp,
    ) -> Result<bool, TrustError> {
        // Before the look: what is shown meanwhile may be newer than what is found.
        let known = self.state();
        if Self::is_newest(connection, &known)? {
            return Ok(false);
        }
        let text = rows::state(connection)?.ok_or(TrustError::NotInitialised)?;
        let state = State::verified(Bundle::parse(&text)?, now)?;
        if state.bundle.is_older_than(&known.bundle)? {
            return Err(TrustError::Backwards);
        }
        if let Some(online) = &self.online
            && let Err(error) = online.follow(&state.bundle)
        {
            let error = chain(&error);
            tracing::error!(error, "the trust root names an online key that is not here");
        }
        state.expired.iter().for_each(Expired::tell);
        let mut shown = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if !state.bundle.is_older_than(&shown.bundle)? {
            *shown = Arc::new(state);
        }
        Ok(true)
    }

    /// A served file.
    pub(crate) fn file(&self, path: &str) -> Result<Option<String>, TrustError> {
        Ok(self
            .database
            .with(|connection| rows::file(connection, path))?)
    }
}

/// A change of the trust root that is being made.
pub(crate) struct Change<'a> {
    trust: &'a Trust,
    _writer: MutexGuard<'a, ()>,
}

impl Change<'_> {
    /// The state after a change that enough members have signed.
    ///
    /// # Errors
    /// [`TrustError`] says who is missing or what is wrong.
    pub(crate) fn accept(&self, draft: &str, now: Timestamp) -> Result<Next, TrustError> {
        let online = self.trust.online.as_ref().ok_or(TrustError::ReadOnly)?;
        let draft = Draft::parse(draft)?;
        let before = self.trust.state();
        let (bundle, online) = online.sign(|key| before.bundle.accept(&draft, key, now))?;
        let state = State::verified(bundle, now)?;
        Ok(Next { state, online })
    }

    /// Puts a state in the place of the present one: on the disk first, then for all to see.
    ///
    /// # Errors
    /// [`TrustError`]; then nothing has changed.
    pub(crate) fn put(&self, state: State) -> Result<TrustRootInfo, TrustError> {
        let online = None;
        self.put_with(Next { state, online }, |_, _| Ok(()))
    }

    /// The same, with rows that follow from the new state, all at once.
    ///
    /// # Errors
    /// [`TrustError`], or what `rows` says; then nothing has changed.
    pub(crate) fn put_with<E: From<DatabaseError> + From<TrustError>>(
        &self,
        next: Next,
        rows: impl FnOnce(&mut Connection, &ConsortiumRoot) -> Result<(), E>,
    ) -> Result<TrustRootInfo, E> {
        let version = self.trust.state().bundle.version();
        let version = version.map_err(TrustError::from)?;
        let Next { state, online } = next;
        self.trust.database.transaction(|connection| {
            put(connection, Some(version), &state.bundle)?;
            rows(connection, &state.root)
        })?;
        // It is so from here on: nothing that comes may fail.
        if let (Some(present), Some(next)) = (&self.trust.online, online) {
            present.take(next);
        }
        state.expired.iter().for_each(Expired::tell);
        let info = state.info();
        self.trust.show(state);
        Ok(info)
    }
}

/// The state in a database, verified.
pub(crate) fn load(database: &Database, now: Timestamp) -> Result<State, TrustError> {
    let text = database
        .with(rows::state)?
        .ok_or(TrustError::NotInitialised)?;
    State::verified(Bundle::parse(&text)?, now)
}

/// The state of a hub whose data was lost and brought back from a backup: with the changes since,
/// and newer than anything it has shown. Each change is signed by the online key of its time, and the state by the
/// last one: `keys/` has them all when it was copied after the last replacement.
///
/// # Errors
/// [`TrustError`] names the change that cannot follow.
pub(crate) fn brought_back(
    backup: &State,
    changes: &[Draft],
    data: &DataFolder,
    now: Timestamp,
) -> Result<State, TrustError> {
    let mut bundle = backup.bundle.clone();
    for draft in changes {
        bundle = by_named_key(data, |key| bundle.accept(draft, key, now))?;
    }
    let bundle = by_named_key(data, |key| bundle.brought_back(key, now))?;
    State::verified(bundle, now)
}

/// Whether there is a state in a database.
pub(crate) fn is_there(database: &Database) -> Result<bool, TrustError> {
    Ok(database.with(rows::state)?.is_some())
}

/// Writes a state and the files that are served of it, at once or not at all.
pub(crate) fn save(
    database: &Database,
    before: Option<u64>,
    bundle: &Bundle,
) -> Result<(), TrustError> {
    database.transaction(|connection| put(connection, before, bundle))
}

/// The same in a transaction of the caller's.
pub(crate) fn put(
    connection: &mut Connection,
    before: Option<u64>,
    bundle: &Bundle,
) -> Result<(), TrustError> {
    let (text, files) = (bundle.to_text()?, bundle.served_files()?);
    Ok(rows::put(
        connection,
        before,
        bundle.version()?,
        &text,
        &files,
    )?)
}

/// Verifies a state as of now; one whose time is over as of the last moment at which it was valid.
/// Clients refuse that one, but its hub must run, or the members could not bring a new one. What has expired is
/// returned with it.
fn verify(bundle: &Bundle, now: Timestamp) -> Result<(ConsortiumRoot, Vec<Expired>), TrustError> {
    let (mut as_of, mut expired) = (now, Vec::new());
    for _ in 0..=ROLES {
        match ConsortiumRoot::verify(bundle, &bundle.anchor(), as_of) {
            Err(TufError::Expired { expires, role, .. }) => {
                as_of = expires;
                expired.push(Expired { role, expires });
            }
            other => return Ok((other?, expired)),
        }
    }
    Err(TrustError::NotInitialised)
}
