//! Where things are in the data folder, and where the rows are when they are not in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{DataArgs, DatabaseUrl, ServeArgs};

/// Connections that a command opens to a PostgreSQL database at most.
const COMMAND_CONNECTIONS: u32 = 4;

/// How long a command waits for it.
const COMMAND_PATIENCE: Duration = Duration::from_secs(5);

/// How long a server waits for it when it starts.
const SERVE_PATIENCE: Duration = Duration::from_secs(60);

/// Where things are in the data folder.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder {
    root: PathBuf,
    database: DatabasePlace,
}

impl DataFolder {
    /// A folder that holds everything.
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            database: DatabasePlace::File(root.join("hub.sqlite")),
        }
    }

    /// As a command line says it.
    pub(crate) fn of(args: &DataArgs) -> Self {
        Self::with_database(&args.folder, args.database.as_ref())
    }

    /// A folder with its database elsewhere, or in it.
    pub(crate) fn with_database(root: &Path, url: Option<&DatabaseUrl>) -> Self {
        let mut data = Self::new(root);
        if let Some(url) = url {
            data.database = DatabasePlace::Postgres {
                url: url.clone(),
                connections: COMMAND_CONNECTIONS,
                patience: COMMAND_PATIENCE,
            };
        }
        data
    }

    /// The same for a server, which has more to do and more time to wait.
    pub(crate) fn of_server(args: &ServeArgs) -> Self {
        let mut data = Self::of(&args.data);
        if let DatabasePlace::Postgres {
            connections,
            patience,
            ..
        } = &mut data.database
        {
            (*connections, *patience) = (args.database_connections, SERVE_PATIENCE);
        }
        data
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Secret keys of the hub itself.
    pub(crate) fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// Signs snapshot and timestamp of the trust root.
    pub(crate) fn online_key(&self) -> PathBuf {
        self.keys().join("online.pem")
    }

    /// Is to take the place of the online key when the trust root names it.
    pub(crate) fn next_online_key(&self) -> PathBuf {
        self.keys().join("online-next.pem")
    }

    /// An online key in whose place there is another one, by its public half in hex.
    pub(crate) fn replaced_online_key(&self, public: &str) -> PathBuf {
        self.keys().join(format!("online-{public}.pem"))
    }

    pub(crate) fn log_key(&self) -> PathBuf {
        self.keys().join("log.key")
    }

    pub(crate) fn database(&self) -> &DatabasePlace {
        &self.database
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// Lists of the chunks of blobs, which may be removed at any time.
    pub(crate) fn chunks(&self) -> PathBuf {
        self.root.join("chunks")
    }

    pub(crate) fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }

    pub(crate) fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }

    /// The access journal.
    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("server.lock")
    }

    /// Held while blobs are collected.
    pub(crate) fn gc_lock(&self) -> PathBuf {
        self.root.join("gc.lock")
    }
}

/// Where the database is.
#[derive(Clone, Debug)]
pub(crate) enum DatabasePlace {
    /// A file of SQLite.
    File(PathBuf),
    /// A PostgreSQL server.
    Postgres {
        url: DatabaseUrl,
        /// Connections kept open at most.
        connections: u32,
        /// How long to wait for it at the start.
        patience: Duration,
    },
}
